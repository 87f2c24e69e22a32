/** Redis Sentinel under the faults of our own bench, by the same writers. A new cluster for every run: nothing of one is left to the next. */
import type { FaultName } from '#test/bench/faults.js';
import { type Spread, spread, tell } from '#test/bench/numbers.js';
import { pauseOf, STEADY, writeSteadily } from '#test/bench/run.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import type { RedisServer } from '#test/cluster/redis.js';
import { type SentinelCluster, startSentinelCluster } from '#test/cluster/sentinel.js';
import { type Load, longestGap, missing, startLoad } from '#test/load/writers.js';

/** Down-after of 30 s and failover-timeout of 180 s as it comes; tuned as far as its users dare. */
export const SENTINEL_TIMINGS = {
  default: {},
  tuned: { 'down-after-milliseconds': '1000', 'failover-timeout': '5000' },
} as const satisfies Readonly<Record<string, Readonly<Record<string, string>>>>;

export type SentinelTimings = keyof typeof SENTINEL_TIMINGS;

/** Default timings, and another vote where the first one was split. */
const HEIR_WITHIN_MS = 120_000;
/** Of systemd, which starts Debian's redis-server again whenever it ends. */
const RESTARTED_AFTER_MS = 100;

interface Variant {
  readonly timings: SentinelTimings;
  /** Clients hear of +switch-master; else they follow when their session ends. */
  readonly listens: boolean;
  /** The server that was killed is started again at once, as a supervisor would. */
  readonly restarts: boolean;
}

const both: readonly Variant[] = [
  { timings: 'default', listens: true, restarts: false },
  { timings: 'tuned', listens: true, restarts: false },
];

/** What each fault is for Sentinel, and what is worth telling apart; others are of agents, which it has none of. */
const FAULTS: Readonly<Partial<Record<FaultName, SentinelFault>>> = {
  crash: {
    strike: (_, leader) => leader.kill('SIGKILL'),
    variants: [...both, { timings: 'default', listens: true, restarts: true }],
  },
  member: { strike: (cluster, leader) => cluster.killHost(leader), variants: both },
  host: { strike: (cluster, leader) => cluster.killHost(leader), variants: both },
  hung: { strike: (_, leader) => leader.pause(), variants: both },
  switchover: {
    strike: (cluster) => cluster.switchOver(),
    variants: [
      { timings: 'default', listens: false, restarts: false },
      { timings: 'default', listens: true, restarts: false },
    ],
  },
};

interface SentinelFault {
  readonly strike: (cluster: SentinelCluster, leader: RedisServer) => Promise<void> | void;
  readonly variants: readonly Variant[];
}

export interface SentinelFigures {
  readonly peer: 'sentinel';
  readonly settings: string;
  readonly clients: string;
  readonly runs: number;
  readonly outageMs: Spread | null;
  readonly acknowledged: number;
  readonly ackedLost: number;
  readonly failedWrites: number;
  /** Runs in which nobody took over in time, with the reason. */
  readonly notTakenOver: readonly string[];
}

/** Why it cannot be compared; undefined: it can. */
export const whyNotCompared = (fault: FaultName): string | undefined =>
  FAULTS[fault] === undefined
    ? `Sentinel knows nothing like ${fault}; compared are ${Object.keys(FAULTS).join(', ')}`
    : undefined;

export async function benchSentinel(
  fault: FaultName,
  { runs, writers }: { readonly runs: number; readonly writers: number },
): Promise<readonly SentinelFigures[]> {
  const { strike, variants } = FAULTS[fault] ?? { strike: () => undefined, variants: [] };
  const figures: SentinelFigures[] = [];
  for (const variant of variants) {
    const [all, problems]: [Run[], string[]] = [[], []];
    for (let number = 1; number <= runs; number++) {
      const run = await runOnce({ strike, variant, writers }).catch((error: unknown) => String(error));
      await stopAll();
      if (typeof run === 'string') problems.push(run);
      else all.push(run);
      tell(
        `${inWords(variant)}: run ${number} of ${runs}: ${typeof run === 'string' ? run : runInWords(run)}`,
      );
    }
    figures.push(summary(variant, all, problems));
  }
  return figures;
}

type Run = Pick<SentinelFigures, 'acknowledged' | 'ackedLost' | 'failedWrites'> & {
  readonly outageMs: number;
};

interface RunOptions {
  readonly strike: SentinelFault['strike'];
  readonly variant: Variant;
  readonly writers: number;
}

async function runOnce({ strike, variant, writers }: RunOptions): Promise<Run> {
  const { timings, listens, restarts } = variant;
  const cluster = await startSentinelCluster({ label: 'bench', timings: SENTINEL_TIMINGS[timings] });
  const old = await cluster.leader();
  const guide = cluster.guide({ listens });
  const load = startLoad(cluster.servers, 'run', { writers, pauseMs: pauseOf(writers), guide });
  let timer: NodeJS.Timeout | undefined;
  try {
    await writeSteadily(load, old);
    const struckAt = performance.now();
    await strike(cluster, old);
    if (restarts) timer = setTimeout(() => void old.start({ awaitReady: false }), RESTARTED_AFTER_MS);
    await writesGoOn(load, ({ server, at }) => (restarts ? at > struckAt : server !== old.name));
  } finally {
    clearTimeout(timer);
    await load.stop();
    guide.stop();
  }
  const lost = await missing(await cluster.leader(), 'run', load.acknowledged);
  return {
    outageMs: longestGap(load.acknowledged),
    acknowledged: load.acknowledged.length,
    ackedLost: lost.length,
    failedWrites: load.failures(),
  };
}

async function writesGoOn(
  { acknowledged }: Load,
  counts: (one: Load['acknowledged'][number]) => boolean,
): Promise<void> {
  await waitFor(() => acknowledged.filter(counts).length >= STEADY, {
    timeoutMs: HEIR_WITHIN_MS,
    what: 'writes to go on',
  });
}

function summary(variant: Variant, runs: readonly Run[], notTakenOver: readonly string[]): SentinelFigures {
  const sum = (count: (run: Run) => number): number => runs.reduce((n, run) => n + count(run), 0);
  return {
    ...{ peer: 'sentinel', settings: settingsOf(variant), clients: clientsOf(variant) },
    runs: runs.length,
    outageMs: spread(runs.map((run) => run.outageMs)),
    acknowledged: sum((run) => run.acknowledged),
    ackedLost: sum((run) => run.ackedLost),
    failedWrites: sum((run) => run.failedWrites),
    notTakenOver,
  };
}

const settingsOf = ({ timings, restarts }: Variant): string =>
  restarts ? `${timings}, server restarted after ${RESTARTED_AFTER_MS} ms` : timings;
const clientsOf = ({ listens }: Variant): string =>
  listens ? 'hear +switch-master' : 'follow when a session ends';
const inWords = (variant: Variant): string =>
  `Sentinel, ${settingsOf(variant)}; clients ${clientsOf(variant)}`;

const runInWords = ({ outageMs, acknowledged, ackedLost, failedWrites }: Run): string =>
  `outage ${outageMs.toFixed(0)} ms, ${acknowledged} acknowledged, ${ackedLost} missing, ${failedWrites} failed writes`;
