/** Those who watch over a healthy database are lost for a while: controllers, etcd, the leader's agent. No write may fail (INV-9). */
import type { ProfileName } from '#core/timings.js';
import type { Durability } from '#test/bench/failover.js';
import { finish, spread, tell } from '#test/bench/numbers.js';
import { OUTAGE_FAULTS, type OutageFault, type OutageFaultName } from '#test/bench/outage-faults.js';
import { type Outage, outageOnce } from '#test/bench/outage-run.js';
import { type EngineKit, KITS, type KitName } from '#test/cluster/engines.js';
import { startTanistOn } from '#test/cluster/tanist.js';
import { prepareLoad } from '#test/load/writers.js';

export interface OutageBenchOptions {
  readonly engine: KitName;
  readonly fault: OutageFaultName;
  /** Seconds; undefined: as long as the fault lasts by itself. */
  readonly for?: number;
  readonly profile: ProfileName;
  readonly durability: Durability;
  readonly runs: number;
  readonly writers: number;
}

export async function benchOutage(options: OutageBenchOptions): Promise<void> {
  const { profile, durability, runs: many, writers } = options;
  const fault: OutageFault = OUTAGE_FAULTS[options.fault];
  const seconds = options.for ?? fault.lastsS;
  // Three of everything, one of each on a host.
  const engine: EngineKit = KITS[options.engine];
  const cluster = await startTanistOn(engine, {
    ...{ label: 'bench', policy: { profile }, hosts: true, progress: tell },
    synchronous: durability === 'one-sync',
  });
  await prepareLoad((await cluster.leader()).server);
  const runs: Outage[] = [];
  for (let number = 1; number <= many; number++) {
    const place = {
      run: `outage-${number}`,
      profile,
      writers,
      confirmedBy: durability === 'one-sync' ? 1 : 0,
    };
    const run = await outageOnce(cluster, { fault, forMs: seconds * 1000, ...place });
    tell(
      `run ${number}: ${run.failedWrites} failed writes, longest gap ${run.longestGapMs.toFixed(0)} ms, ${run.acknowledged} acknowledged, ${run.ackedLost} missing, ` +
        `${run.epochChanged ? 'a new epoch' : 'the same epoch'}, ${run.leaderChanged ? 'another leader' : 'the same leader'}`,
    );
    runs.push(run);
  }
  const sum = (count: (run: Outage) => number): number => runs.reduce((n, run) => n + count(run), 0);
  finish({
    ...{
      engine: options.engine,
      fault: options.fault,
      forS: seconds,
      profile,
      durability,
      writers,
      runs: many,
    },
    failedWrites: sum((run) => run.failedWrites),
    longestGapMs: spread(runs.map((run) => run.longestGapMs)),
    epochsChanged: sum((run) => Number(run.epochChanged)),
    leadersChanged: sum((run) => Number(run.leaderChanged)),
    acknowledged: sum((run) => run.acknowledged),
    ackedLost: sum((run) => run.ackedLost),
  });
}
