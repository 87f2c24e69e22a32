/** What is waited for in a cluster, as its status tells it. */
import type { ClusterStatus, StatusDocument } from '#core/status.js';
import { waitFor } from '#test/cluster/processes.js';

type AskStatus = () => Promise<StatusDocument>;

/** Three controllers answer each time. */
const EVERY_MS = 50;

export interface WellOptions {
  /** Or later. Default: the first. */
  readonly epoch?: number;
  /** Default: 30 s. */
  readonly timeoutMs?: number;
}

/** Until the active controller says that all is well and every replica could be appointed. */
export function waitUntilWell(status: AskStatus, options: WellOptions = {}): Promise<StatusDocument> {
  const { epoch = 1, timeoutMs = 30_000 } = options;
  return waitFor(
    async () => {
      const seen = await status();
      const why = whyUnwell(seen, epoch);
      if (why !== undefined) throw new Error(why);
      return seen;
    },
    { timeoutMs, everyMs: EVERY_MS, what: `the cluster to be well, at epoch ${epoch} or later` },
  );
}

function whyUnwell(
  { active, controller, clusters: [shown] }: StatusDocument,
  epoch: number,
): string | undefined {
  if (!active || shown === undefined) return `${controller} is not active, or has no cluster`;
  const unready = shown.members.filter((m) => m.role !== 'leader' && !m.eligible);
  if (shown.state === 'ok' && (shown.epoch ?? 0) >= epoch && unready.length === 0) return undefined;
  const members = unready.map((m) => `${m.name} is ${m.state}${m.problem ? `: ${m.problem.code}` : ''}`);
  return [
    `${shown.state} at epoch ${String(shown.epoch)}`,
    shown.reason?.sentence ?? 'no reason',
    ...members,
  ].join('; ');
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
    { timeoutMs: 30_000, everyMs: EVERY_MS, what: 'every agent to report' },
  );
}

/** The name of the active controller, as soon as there is one. */
export async function waitForActive(status: AskStatus): Promise<string> {
  const { controller } = await waitFor(
    async () => {
      const seen = await status();
      return seen.active ? seen : undefined;
    },
    { timeoutMs: 15_000, everyMs: EVERY_MS, what: 'an active controller' },
  );
  return controller;
}
