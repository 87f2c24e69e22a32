/** One fault per run, of whoever leads, on a cluster that is used again once it is well. */
import { setTimeout as sleep } from 'node:timers/promises';
import { LONGEST_PROMISE } from '#core/timings.js';
import { FAULTS, type Fault, type FaultName } from '#test/bench/faults.js';
import { finish, type Spread, spread, tell } from '#test/bench/numbers.js';
import { type Run, runOnce } from '#test/bench/run.js';
import { benchSentinel, type SentinelFigures } from '#test/bench/sentinel.js';
import { table } from '#test/bench/table.js';
import { type EngineKit, KITS, type KitName } from '#test/cluster/engines.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { type AnyCluster, startTanistOn } from '#test/cluster/tanist.js';
import { prepareLoad } from '#test/load/writers.js';

export const DURABILITIES = ['async', 'one-sync'] as const;
export const PEERS = ['sentinel'] as const;
export type Peer = (typeof PEERS)[number];
export type Durability = (typeof DURABILITIES)[number];

export interface FailoverOptions {
  readonly engine: KitName;
  readonly fault: FaultName;
  readonly profile: string;
  readonly durability: Durability;
  readonly runs: number;
  readonly writers: number;
  readonly reader: boolean;
  /** By its side, in the same run. */
  readonly compare?: Peer;
}

const WELL_WITHIN_MS = 60_000;
/** An agent, from when it is asked to. */
const START_WITHIN_MS = 2_000;

export async function benchFailover(options: FailoverOptions): Promise<void> {
  const fault: Fault = FAULTS[options.fault];
  const runs: Run[] = [];
  const problems: string[] = [];
  let cluster: AnyCluster | undefined;
  for (let number = 1; number <= options.runs; number++) {
    cluster ??= await startCluster(options, fault);
    const run = await runOnce(cluster, {
      ...{ fault, number, writers: options.writers, reader: options.reader },
      confirmedBy: options.durability === 'one-sync' ? 1 : 0,
    });
    await report(cluster, run, number);
    runs.push(run);
    const problem = await problemAfter(cluster, run);
    if (problem === undefined) {
      if (fault.revive === undefined || number === options.runs) continue;
      tell('the next run waits until no agent counts as having just started (rule V3)');
      await sleep(untilNobodyVouches(run));
      continue;
    }
    problems.push(problem);
    if (number === options.runs) break;
    // What is short of a member would measure something else next time.
    tell('the cluster is not well again: the next run gets a new one');
    await stopAll();
    cluster = undefined;
  }
  const ours = summary(options, runs, problems);
  if (options.compare === undefined) return finish(ours);
  await stopAll();
  const compared = await benchSentinel(options.fault, options);
  tell(beside(ours, compared));
  finish({ ...ours, compared });
}

/** An agent that has just started counts as having vouched (rule V3): an heir that does would wait for that, which is no part of this fault. Ms. */
const untilNobodyVouches = ({ revivedAt }: Run): number =>
  Math.max(0, revivedAt + LONGEST_PROMISE + START_WITHIN_MS - performance.now());

type Summary = ReturnType<typeof summary>;

function beside(ours: Summary, compared: readonly SentinelFigures[]): string {
  const outage = (ms: Spread | null): string => (ms === null ? '-' : `${ms.median} / ${ms.max}`);
  const counts = ({ acknowledged, ackedLost, failedWrites, runs }: Summary | SentinelFigures): string[] =>
    [acknowledged, ackedLost, failedWrites, runs].map(String);
  return table(
    ['who', 'outage ms, median / worst', 'acknowledged', 'missing', 'failed writes', 'runs'],
    [
      [`Tanist, ${ours.profile}`, outage(ours.outageMs), ...counts(ours)],
      ...compared.map((one) => [
        `Sentinel, ${one.settings}; clients ${one.clients}`,
        outage(one.outageMs),
        ...counts(one),
      ]),
    ],
  );
}

async function startCluster(options: FailoverOptions, fault: Fault): Promise<AnyCluster> {
  const engine: EngineKit = KITS[options.engine];
  const settings: Record<string, string> = options.reader
    ? { max_standby_streaming_delay: '-1', max_standby_archive_delay: '-1' }
    : {};
  const cluster = await startTanistOn(engine, {
    label: 'bench',
    policy: { profile: options.profile },
    settings,
    synchronous: options.durability === 'one-sync',
    progress: tell,
    ...fault.needs,
  });
  const prepare = async (): Promise<boolean> => {
    await prepareLoad((await cluster.leader()).server);
    return true;
  };
  await waitFor(prepare, { timeoutMs: WELL_WITHIN_MS, what: 'the table of the writers' });
  return cluster;
}

/** What keeps the cluster from being whole again. */
async function problemAfter(cluster: AnyCluster, { rejoin, epoch }: Run): Promise<string | undefined> {
  if (rejoin?.kind === 'away') return rejoin.problem;
  return cluster.waitUntilWell({ epoch, timeoutMs: WELL_WITHIN_MS }).then(
    () => undefined,
    (error: unknown) => {
      tell(String(error));
      return String(error);
    },
  );
}

async function report(cluster: AnyCluster, run: Run, number: number): Promise<void> {
  const entry = (await cluster.history()).find(({ epoch }) => Number(epoch) === run.epoch);
  const phases = entry?.phases.map((p) => `${p.phase} ${p.ms}`).join(' → ') ?? '';
  const back = run.rejoin?.kind === 'back' ? `, back after ${run.rejoin.ms.toFixed(0)} ms` : '';
  const away = run.rejoin?.kind === 'away' ? `, not back: ${run.rejoin.problem}` : '';
  const twice = run.doublyAccepted > 0 ? `, ${run.doublyAccepted} by the old leader beside its heir` : '';
  const etcd = run.prepared?.etcdLeaderLost === true ? ", with etcd's leader" : '';
  tell(
    `run ${number}: outage ${run.outageMs.toFixed(0)} ms${etcd}, ${run.acknowledged} acknowledged, ${run.ackedLost} missing, ${run.failedWrites} failed writes, ${run.unanswered} of them written${twice}${back}${away}` +
      ` (${entry?.reason.code ?? '?'}: ${phases} ms; tail ${entry?.tail.kind ?? '?'})`,
  );
}

function summary(
  { reader, ...options }: FailoverOptions,
  runs: readonly Run[],
  notRejoined: readonly string[],
) {
  const { engine, fault, profile, durability, writers } = options;
  const placed = runs.flatMap(({ prepared }) => prepared ?? []);
  return {
    ...{ engine, fault, profile, durability, writers, reader, runs: runs.length },
    outageMs: spread(runs.map((run) => run.outageMs)),
    rejoinMs: spread(runs.flatMap(({ rejoin }) => (rejoin?.kind === 'back' ? [rejoin.ms] : []))),
    notRejoined,
    acknowledged: runs.reduce((sum, run) => sum + run.acknowledged, 0),
    ackedLost: runs.reduce((sum, run) => sum + run.ackedLost, 0),
    failedWrites: runs.reduce((sum, run) => sum + run.failedWrites, 0),
    unanswered: runs.reduce((sum, run) => sum + run.unanswered, 0),
    doublyAccepted: runs.reduce((sum, run) => sum + run.doublyAccepted, 0),
    ...(placed.length > 0 && { etcdLeaderLost: placed.filter((p) => p.etcdLeaderLost).length }),
  };
}
