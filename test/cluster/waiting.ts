/** What is waited for in a cluster, as its status tells it. */
import type { ClusterStatus, StatusDocument } from '#core/status.js';
import { waitFor } from '#test/cluster/processes.js';

type AskStatus = () => Promise<StatusDocument>;

export interface WellOptions {
  /** Or later. Default: the first. */
  readonly epoch?: number;
  /** Default: 30 s. */
  readonly timeoutMs?: number;
}

/** Until the active controller says that all is well and every replica could be appointed. */
export function waitUntilWell(status: AskStatus, options: WellOptions = {}): Promise<StatusDocument> {
  const { epoch = 1, timeoutMs = 30_000 } = options;
  const isWell = (shown: ClusterStatus | undefined): boolean =>
    shown?.state === 'ok' &&
    (shown.epoch ?? 0) >= epoch &&
    shown.members.every((m) => m.role === 'leader' || m.eligible);
  return waitFor(
    async () => {
      const seen = await status();
      return seen.active && isWell(seen.clusters[0]) ? seen : undefined;
    },
    { timeoutMs, what: `the cluster to be well at epoch ${epoch}` },
  );
}

/** Until every agent was heard: only those that report are taken into care. */
export async function waitUntilReported(status: AskStatus, members: number): Promise<void> {
  const heard = ({ members: shown }: ClusterStatus): number =>
    shown.filter((m) => m.connected && m.position !== null && (m.state === 'open' || m.streaming)).length;
  await waitFor(
    async () => {
      const [shown] = (await status()).clusters;
      return shown !== undefined && heard(shown) === members;
    },
    { timeoutMs: 30_000, what: 'every agent to report' },
  );
}

/** The name of the active controller, as soon as there is one. */
export async function waitForActive(status: AskStatus): Promise<string> {
  const { controller } = await waitFor(
    async () => {
      const seen = await status();
      return seen.active ? seen : undefined;
    },
    { timeoutMs: 15_000, what: 'an active controller' },
  );
  return controller;
}
