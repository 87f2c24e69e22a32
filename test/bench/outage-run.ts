/** One fault beside a healthy database, under writers on long sessions, and what they noticed of it. */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ClusterStatus } from '#core/status.js';
import { timingsOf, type ProfileName } from '#core/timings.js';
import type { OutageFault } from '#test/bench/outage-faults.js';
import { waitFor } from '#test/cluster/processes.js';
import type { AnyCluster } from '#test/cluster/tanist.js';
import { type Load, longestGap, missing, startLoad } from '#test/load/writers.js';

const PAUSE_MS = 2;
/** Writes before the fault, and after all is well again. */
const STEADY = 500;
const WRITES_WITHIN_MS = 20_000;
const WELL_WITHIN_MS = 60_000;

export interface OutageOptions {
  readonly fault: OutageFault;
  readonly forMs: number;
  readonly profile: ProfileName;
  /** Keeps the rows of different runs apart. */
  readonly run: string;
  readonly writers: number;
  readonly confirmedBy: number;
}

export interface Outage {
  readonly failedWrites: number;
  readonly longestGapMs: number;
  readonly epochChanged: boolean;
  readonly leaderChanged: boolean;
  readonly acknowledged: number;
  readonly ackedLost: number;
}

/** Rejects when the cluster is not well within a minute after the fault was undone. */
export async function outageOnce(cluster: AnyCluster, options: OutageOptions): Promise<Outage> {
  const { fault, forMs, profile, run, writers, confirmedBy } = options;
  const leader = await cluster.leader();
  const before = await shown(cluster);
  const servers = [leader, ...cluster.members.filter((m) => m !== leader)].map((m) => m.server);
  const load = startLoad(servers, run, { writers, pauseMs: PAUSE_MS, confirmedBy });
  try {
    await writesGoOn(load);
    const undo = await fault.strike(cluster, leader);
    await sleep(forMs);
    await undo();
    // Longer than a lease: one that is not renewed from here on has ended by then.
    await sleep(timingsOf(profile).promiseMs);
    await cluster.waitUntilWell({ timeoutMs: WELL_WITHIN_MS });
    await writesGoOn(load);
  } finally {
    await load.stop();
  }
  const after = await shown(cluster);
  const lost = await missing((await cluster.leader()).server, run, load.acknowledged);
  return {
    failedWrites: load.failures(),
    longestGapMs: longestGap(load.acknowledged),
    epochChanged: after?.epoch !== before?.epoch,
    leaderChanged: after?.leader !== before?.leader,
    acknowledged: load.acknowledged.length,
    ackedLost: lost.length,
  };
}

async function writesGoOn({ acknowledged }: Load): Promise<void> {
  const count = acknowledged.length;
  await waitFor(() => acknowledged.length >= count + STEADY, {
    timeoutMs: WRITES_WITHIN_MS,
    what: 'writes to go on',
  });
}

const shown = async (cluster: AnyCluster): Promise<ClusterStatus | undefined> =>
  (await cluster.status()).clusters[0];
