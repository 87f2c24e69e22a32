/** The leader is cut off with the clients beside it: what was acknowledged on either side, and is missing once the network has healed. */
import { finish, spread, tell } from '#test/bench/numbers.js';
import { type Contest, sentinels, tanist } from '#test/bench/partition-contenders.js';
import {
  added,
  type Counts,
  type Kind,
  NONE,
  partitionOnce,
  type PartitionRun,
} from '#test/bench/partition-run.js';
import type { Peer } from '#test/bench/failover.js';
import { table } from '#test/bench/table.js';
import { stopAll } from '#test/cluster/processes.js';
import type { ProfileName } from '#core/timings.js';

/** Longer than Sentinel needs as it comes. */
export const PARTITION_LASTS_S = 45;

export interface PartitionBenchOptions {
  readonly for: number;
  readonly profile: ProfileName;
  readonly runs: number;
  readonly compare?: Peer;
}

export async function benchPartition(options: PartitionBenchOptions): Promise<void> {
  const contests = [tanist(options.profile), ...(options.compare === undefined ? [] : sentinels)];
  const figures: Figures[] = [];
  for (const [i, contest] of contests.entries()) {
    const runs: PartitionRun[] = [];
    const problems: string[] = [];
    for (let number = 1; number <= options.runs; number++) {
      tell(`${i + 1} of ${contests.length}, ${contest.who}: run ${number} of ${options.runs}`);
      const run = await runOnNewCluster(contest, options).catch((error: unknown) => String(error));
      await stopAll();
      if (typeof run === 'string') problems.push(run);
      else runs.push(run);
      tell(`  ${typeof run === 'string' ? run : inWords(run)}`);
    }
    figures.push(summary(contest, runs, problems));
  }
  if (figures.some(({ notWell }) => notWell.length > 0)) process.exitCode = 1;
  const [ours, ...compared] = figures;
  tell(inTable(figures));
  const { for: forS, profile, runs } = options;
  finish({ engine: 'redis', fault: 'partition', ...{ forS, profile, runs }, ours, compared });
}

async function runOnNewCluster(
  contest: Contest,
  { for: forS }: PartitionBenchOptions,
): Promise<PartitionRun> {
  return partitionOnce(await contest.start(), { forMs: forS * 1000, tell: (text) => tell(`  ${text}`) });
}

type Figures = ReturnType<typeof summary>;

function summary({ who, peer }: Contest, runs: readonly PartitionRun[], notWell: readonly string[]) {
  const sum = (kind: Kind): Counts => runs.reduce((all, { kinds }) => added(all, kinds[kind]), NONE);
  return {
    ...{ who, peer, runs: runs.length },
    plain: sum('plain'),
    confirmed: sum('confirmed'),
    elsewhereAfterMs: spread(runs.flatMap(({ elsewhereAfterMs }) => elsewhereAfterMs ?? [])),
    oldTookWritesForMs: spread(runs.map(({ oldTookWritesForMs }) => oldTookWritesForMs)),
    // Runs that did not come to an end, with the reason.
    notWell,
  };
}

const KINDS: Readonly<Record<Kind, string>> = { plain: 'answered', confirmed: 'confirmed by WAIT 1' };

function inTable(figures: readonly Figures[]): string {
  const seconds = (ms: { readonly median: number; readonly max: number } | null): string =>
    ms === null ? '-' : `${(ms.median / 1000).toFixed(1)} / ${(ms.max / 1000).toFixed(1)}`;
  const row = (of: Figures, kind: Kind): readonly string[] => {
    const { acknowledged, missing, salvaged, unaccounted, doublyAccepted } = of[kind];
    return [
      ...[of.who, KINDS[kind]],
      ...[acknowledged, missing, salvaged, unaccounted, doublyAccepted].map(String),
      ...[seconds(of.oldTookWritesForMs), seconds(of.elsewhereAfterMs), String(of.runs)],
    ];
  };
  return table(
    [
      ...['who', 'writes', 'acknowledged', 'missing', 'salvaged', 'unaccounted', 'doubly accepted'],
      ...['old leader took writes for s', 'another one from s on', 'runs'],
    ],
    figures.flatMap((of) => [row(of, 'plain'), row(of, 'confirmed')]),
  );
}

function inWords({
  kinds: { plain, confirmed },
  oldTookWritesForMs,
  elsewhereAfterMs,
}: PartitionRun): string {
  const counts = ({ acknowledged, missing, salvaged, unaccounted, doublyAccepted }: Counts): string =>
    `${acknowledged} acknowledged, ${missing} missing, ${salvaged} salvaged, ${unaccounted} unaccounted, ${doublyAccepted} doubly accepted`;
  const elsewhere =
    elsewhereAfterMs === undefined ? 'nobody else' : `another one after ${elsewhereAfterMs.toFixed(0)} ms`;
  return `answered: ${counts(plain)}; confirmed: ${counts(confirmed)}; the old leader took writes for ${oldTookWritesForMs.toFixed(0)} ms, ${elsewhere}`;
}
