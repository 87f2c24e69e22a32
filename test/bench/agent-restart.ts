/** The leader's agent is stopped in the ordinary way and started again, as for an upgrade, while clients write. */
import type { ClusterStatus } from '#core/status.js';
import { timingsOf } from '#core/timings.js';
import { finish, spread, tell } from '#test/bench/numbers.js';
import { type EngineKit, KITS, type KitName } from '#test/cluster/engines.js';
import { waitFor } from '#test/cluster/processes.js';
import { type AnyMember, startTanistOn, type AnyCluster } from '#test/cluster/tanist.js';
import { longestGap, missing, prepareLoad, startLoad } from '#test/load/writers.js';

const WRITERS = 4;
const STEADY = 500;

interface Restart {
  readonly failedWrites: number;
  readonly epochChanged: boolean;
  readonly longestGapMs: number;
  /** From the stop until status shows the new agent beside the open leader: it is granted in the exchange that reports so. */
  readonly leasedMs: number | undefined;
  readonly acknowledged: number;
  readonly ackedLost: number;
}

export async function benchAgentRestart(options: {
  readonly engine: KitName;
  readonly runs: number;
}): Promise<void> {
  const engine: EngineKit = KITS[options.engine];
  const cluster = await startTanistOn(engine, { label: 'bench', progress: tell });
  await prepareLoad((await cluster.leader()).server);
  const restarts: Restart[] = [];
  for (let number = 1; number <= options.runs; number++) {
    const restart = await restartOnce(cluster, `restart-${number}`);
    const { failedWrites, epochChanged, longestGapMs, leasedMs } = restart;
    tell(
      `run ${number}: ${failedWrites} failed writes, ${epochChanged ? 'a new epoch' : 'the same epoch'}, longest gap ${longestGapMs.toFixed(0)} ms, ` +
        (leasedMs === undefined ? 'another member leads' : `leased again after ${leasedMs.toFixed(0)} ms`),
    );
    restarts.push(restart);
  }
  const sum = (count: (restart: Restart) => number): number => restarts.reduce((n, r) => n + count(r), 0);
  finish({
    engine: options.engine,
    restarts: restarts.length,
    writers: WRITERS,
    failedWrites: sum((r) => r.failedWrites),
    epochChanges: sum((r) => Number(r.epochChanged)),
    longestGapMs: spread(restarts.map((r) => r.longestGapMs)),
    leasedMs: spread(restarts.flatMap((r) => r.leasedMs ?? [])),
    acknowledged: sum((r) => r.acknowledged),
    ackedLost: sum((r) => r.ackedLost),
  });
}

async function restartOnce(cluster: AnyCluster, run: string): Promise<Restart> {
  const leader = await cluster.leader();
  const before = await shown(cluster);
  const servers = [leader, ...cluster.members.filter((m) => m !== leader)].map((m) => m.server);
  const load = startLoad(servers, run, { writers: WRITERS, pauseMs: 2 });
  try {
    await waitFor(() => load.acknowledged.length >= STEADY, { timeoutMs: 20_000, what: 'steady writes' });
    const stoppedAt = performance.now();
    await leader.agent.stop();
    leader.agent.start();
    const leased = await waitUntilServed(cluster, leader, performance.now());
    const leasedMs = leased === leader.name ? performance.now() - stoppedAt : undefined;
    // Longer than a lease: one that was not renewed would have ended by then.
    const until = performance.now() + timingsOf('balanced').promiseMs;
    const count = load.acknowledged.length;
    const goesOn = (): boolean => performance.now() > until && load.acknowledged.length > count;
    await waitFor(goesOn, { timeoutMs: 20_000, what: 'writes to go on for a whole lease' });
    await load.stop();
    const after = await cluster.waitUntilWell({ timeoutMs: 60_000 });
    const lost = await missing((await cluster.leader()).server, run, load.acknowledged);
    return {
      failedWrites: load.failures(),
      epochChanged: after.clusters[0]?.epoch !== before?.epoch,
      longestGapMs: longestGap(load.acknowledged),
      leasedMs,
      acknowledged: load.acknowledged.length,
      ackedLost: lost.length,
    };
  } finally {
    await load.stop();
  }
}

/** Until the restarted agent is heard and the leader, whoever that is by then, is open; the leader's name. */
function waitUntilServed(cluster: AnyCluster, { name }: AnyMember, startedAt: number): Promise<string> {
  const served = async (): Promise<string | undefined> => {
    const seen = await shown(cluster);
    const restarted = seen?.members.find((m) => m.name === name);
    const isHeard = (restarted?.heardMsAgo ?? Infinity) < performance.now() - startedAt;
    const leader = seen?.members.find((m) => m.role === 'leader');
    return isHeard && restarted?.connected === true && leader?.state === 'open' ? leader.name : undefined;
  };
  return waitFor(served, {
    timeoutMs: 60_000,
    what: `the new agent of ${name} to be heard, and an open leader`,
  });
}

const shown = async (cluster: AnyCluster): Promise<ClusterStatus | undefined> =>
  (await cluster.status()).clusters[0];
