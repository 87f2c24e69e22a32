/** One fault of a leader under writers, and what they noticed of it. */
import type { Fault, Prepared } from '#test/bench/faults.js';
import { type Rejoin, watchRejoin } from '#test/bench/rejoin.js';
import { waitFor } from '#test/cluster/processes.js';
import type { AnyMember, AnyCluster } from '#test/cluster/tanist.js';
import { acceptedTwice } from '#test/load/accepted-twice.js';
import { holdBackReplay } from '#test/load/postgres-readers.js';
import type { RowId } from '#test/load/clients.js';
import { type Balance, balance, type Load, longestGap, startLoad } from '#test/load/writers.js';

/** Writes acknowledged before the fault, and after service is back; and how long the writers are at it before the fault. */
export const STEADY = 100;
const STEADY_MS = 1000;
const SERVICE_WITHIN_MS = 60_000;
/** Between two writes of one writer: several write as fast as they can. */
export const pauseOf = (writers: number): number => (writers === 1 ? 5 : 0);

export interface RunOptions {
  readonly fault: Fault;
  /** From 1 on. */
  readonly number: number;
  readonly writers: number;
  readonly reader: boolean;
  readonly confirmedBy: number;
}

export interface Run {
  readonly outageMs: number;
  readonly acknowledged: number;
  readonly ackedLost: number;
  /** Written, and nobody was told. */
  readonly unanswered: number;
  /** Attempts that came to no acknowledgement. */
  readonly failedWrites: number;
  /** Acknowledged by the old leader when the new one had acknowledged some already. */
  readonly doublyAccepted: number;
  /** Undefined: not measured with this fault. */
  readonly rejoin: Rejoin | undefined;
  readonly prepared: Prepared | undefined;
  /** Of the opening that ended the outage. */
  readonly epoch: number;
  /** By performance.now(): what was taken away is started again. */
  readonly revivedAt: number;
}

export async function runOnce(cluster: AnyCluster, options: RunOptions): Promise<Run> {
  const { fault, number, writers } = options;
  const name = `run-${number}`;
  const old = await cluster.leader();
  const before = (await cluster.status()).clusters[0]?.epoch ?? 0;
  const prepared = await fault.prepare?.(cluster, old, number);
  const replicas = cluster.members.filter((m) => m !== old).map(({ server }) => server);
  const readers = options.reader ? await holdBackReplay(old.server, replicas) : [];
  const load = startLoad([old.server, ...replicas], name, {
    ...{ writers, pauseMs: pauseOf(writers), confirmedBy: options.confirmedBy },
    ...(fault.runsOn && { keptWith: old.server }),
  });
  let rejoin: Rejoin | undefined;
  let epoch: number;
  let revivedAt: number;
  try {
    await writeSteadily(load, old);
    const struckAt = performance.now();
    await fault.strike(cluster, old);
    const back = fault.rejoins === 'at once' ? watchRejoin(cluster, old, struckAt) : undefined;
    epoch = await waitForHeir(cluster, load, old, before);
    revivedAt = performance.now();
    await fault.revive?.(cluster, old);
    rejoin = await (fault.rejoins === 'once revived' ? watchRejoin(cluster, old, revivedAt) : back);
  } finally {
    await load.stop();
    for (const reader of readers) await reader.end().catch(() => undefined);
  }
  const { missing, unanswered } = await waitFor(() => askLeader(cluster, name, load, writers), {
    timeoutMs: SERVICE_WITHIN_MS,
    what: 'the leader to tell which writes it has',
  });
  return {
    outageMs: longestGap(load.acknowledged),
    acknowledged: load.acknowledged.length,
    ackedLost: missing.length,
    unanswered,
    failedWrites: load.failures(),
    doublyAccepted: acceptedTwice(load.acknowledged).length,
    ...{ rejoin, prepared, epoch, revivedAt },
  };
}

export async function writeSteadily(load: Load, leader: { readonly name: string }): Promise<void> {
  const began = performance.now();
  const isSteady = (): boolean =>
    load.acknowledged.filter((a) => a.server === leader.name).length >= STEADY &&
    performance.now() - began >= STEADY_MS;
  await waitFor(isSteady, { timeoutMs: SERVICE_WITHIN_MS, what: 'steady writes before the fault' });
}

/** Until another member takes writes, and is known to have proved itself; its epoch. */
async function waitForHeir(cluster: AnyCluster, load: Load, old: AnyMember, before: number): Promise<number> {
  await waitFor(() => load.acknowledged.filter((a) => a.server !== old.name).length >= STEADY, {
    timeoutMs: SERVICE_WITHIN_MS,
    what: 'writes on the heir',
  });
  const proved = async (): Promise<number | undefined> => {
    const [entry] = await cluster.history();
    const epoch = Number(entry?.epoch ?? 0);
    return epoch > before && entry?.outcome === 'proved' ? epoch : undefined;
  };
  return waitFor(proved, { timeoutMs: SERVICE_WITHIN_MS, what: 'the heir to be proved' });
}

/** On a busy machine the leader may have changed once more: whoever leads is asked, once it is open. */
async function askLeader(
  cluster: AnyCluster,
  run: string,
  load: Load,
  writers: number,
): Promise<Balance | undefined> {
  const { server } = await cluster.leader();
  const session = await server.clients.connect({ waits: 'half a second' });
  const isOpen = await session.acceptsWrites().finally(() => session.leave());
  // Who is kept with the old leader counts among no failures.
  const isWriter = ({ writer }: RowId): boolean => writer <= writers;
  return isOpen ? balance(server, run, load.acknowledged, isWriter) : undefined;
}
