/** One fault under writers that never stop trying, its end, and what is left of what they were told. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ChaosCluster } from '#test/chaos/cluster.js';
import type { Fault } from '#test/chaos/faults.js';
import { waitFor } from '#test/cluster/processes.js';
import { acceptedTwice } from '#test/load/accepted-twice.js';
import { type Load, longestGap, missing, startLoad } from '#test/load/writers.js';

const WRITERS = 4;
const PAUSE_MS = 2;
/** Writes acknowledged before the fault, and after service is back. */
const STEADY = 200;
const SERVICE_WITHIN_MS = 60_000;
/** After healing: one leader, and all healthy members follow it. */
const CONVERGED_WITHIN_MS = 30_000;

export interface Run {
  readonly outageMs: number;
  readonly acknowledged: number;
  /** Acknowledged, and not there in the end. */
  readonly ackedLost: number;
  /** Acknowledged by the old leader when the new one had acknowledged some already. */
  readonly doublyAccepted: number;
  /** From healing on. */
  readonly convergedMs: number;
  readonly leaderChanged: boolean;
  /** The ledger calls no loss excluded that clients have seen. */
  readonly lossIsSaid: boolean;
}

/** Rejects when service or peace does not come back in time. */
export async function runOnce(chaos: ChaosCluster, fault: Fault, name: string): Promise<Run> {
  const { cluster } = chaos;
  const leader = await cluster.leader();
  const servers = [leader, ...cluster.members.filter((one) => one !== leader)].map(({ server }) => server);
  const before = await epochOf(chaos);
  const load = startLoad(servers, name, {
    ...{ writers: WRITERS, pauseMs: PAUSE_MS },
    ...(fault.runsOn && { keptWith: leader.server }),
  });
  let convergedMs: number;
  try {
    await writesGoOn(load);
    const struckAt = performance.now();
    await fault.strike(chaos, leader);
    await sleep(fault.lastsMs);
    await writesGoOn(
      load,
      (server, at) => at > struckAt && (fault.ends !== 'another leader' || server !== leader.name),
    );
    const healedAt = performance.now();
    await fault.heal(chaos, leader);
    chaos.undo();
    await cluster.waitUntilWell({ timeoutMs: CONVERGED_WITHIN_MS });
    convergedMs = Math.round(performance.now() - healedAt);
    await writesGoOn(load);
  } finally {
    await load.stop();
  }
  const now = await cluster.leader();
  const lost = await missing(now.server, name, load.acknowledged);
  const entries = (await cluster.history()).filter(({ epoch }) => Number(epoch) > before);
  return {
    outageMs: Math.round(longestGap(load.acknowledged)),
    acknowledged: load.acknowledged.length,
    ackedLost: lost.length,
    doublyAccepted: acceptedTwice(load.acknowledged).length,
    convergedMs,
    leaderChanged: now !== leader,
    lossIsSaid: lost.length === 0 || entries.some(({ loss }) => loss.kind !== 'none'),
  };
}

async function epochOf({ cluster }: ChaosCluster): Promise<number> {
  return (await cluster.status()).clusters[0]?.epoch ?? 0;
}

async function writesGoOn(
  { acknowledged }: Load,
  counts: (server: string, at: number) => boolean = () => true,
): Promise<void> {
  const from = acknowledged.length;
  const isSteady = (): boolean =>
    acknowledged.slice(from).filter(({ server, at }) => counts(server, at)).length >= STEADY;
  await waitFor(isSteady, { timeoutMs: SERVICE_WITHIN_MS, what: 'writes to go on' });
}
