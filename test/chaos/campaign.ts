/** Which runs are to be made, on which cluster: one for each durability, made anew where a run left it broken. */
import { join } from 'node:path';
import { type ProfileName, timingsOf } from '#core/timings.js';
import { type Chaos, startChaos } from '#test/chaos/cluster.js';
import type { DurabilityMode } from '#test/chaos/faults/fault.js';
import { type FaultName, FAULTS } from '#test/chaos/faults/index.js';
import { record, whatLed } from '#test/chaos/record.js';
import type { Result, Results } from '#test/chaos/results.js';
import { type Observed, runOnce } from '#test/chaos/run.js';
import { whatIsWrong } from '#test/chaos/verdict.js';
import { stopAll } from '#test/cluster/processes.js';
import { type EngineKit, KITS, type KitName } from '#test/cluster/engines.js';

/** How often a run is made, should the machine stand still in each. */
const ATTEMPTS = 3;
/** Half of what `balanced` has patience for with a canary, which syncs behind what all others write. */
const STOOD_STILL_MS = timingsOf('balanced').canaryTimeoutMs / 2;

export interface Wanted {
  readonly fault: FaultName;
  readonly durability: DurabilityMode;
  readonly runs: number;
}

export interface CampaignOptions {
  readonly engine: KitName;
  readonly members: number;
  readonly profile: ProfileName;
  readonly convergedWithinMs: number;
  readonly tell: (text: string) => void;
}

/** What is in `results` already is not done again. Resolves to how many of the new runs were as promised, and how many not. */
export async function strikeAll(
  wanted: readonly Wanted[],
  results: Results,
  options: CampaignOptions,
): Promise<{ readonly passed: number; readonly failed: number }> {
  const tally = { passed: 0, failed: 0 };
  const done = ({ fault, durability }: Wanted): number =>
    results.all.filter(
      (result) =>
        result.fault === fault && result.durability === durability && result.engine === options.engine,
    ).length;
  for (const cells of onOneCluster(wanted)) {
    const cluster = reusable(cells[0], options);
    for (const cell of cells) {
      for (let run = done(cell) + 1; run <= cell.runs; run++) {
        const result = await strikeOnce(cluster, cell, run, results.folder, options);
        results.add(result);
        tally[result.wrong === undefined ? 'passed' : 'failed'] += 1;
        options.tell(inWords(result));
      }
    }
    await cluster.end();
  }
  return tally;
}

/** Of the same durability and equipment. */
function onOneCluster(wanted: readonly Wanted[]): readonly (readonly [Wanted, ...Wanted[]])[] {
  const groups = new Map<string, [Wanted, ...Wanted[]]>();
  for (const cell of wanted) {
    const kind = `${cell.durability} ${FAULTS[cell.fault].needs ?? ''}`;
    const group = groups.get(kind);
    if (group === undefined) groups.set(kind, [cell]);
    else group.push(cell);
  }
  return [...groups.values()];
}

async function strikeOnce(
  cluster: Reusable,
  { fault, durability }: Wanted,
  run: number,
  folder: string,
  { engine, convergedWithinMs, tell }: CampaignOptions,
): Promise<Result> {
  const { readLogLine }: EngineKit = KITS[engine];
  for (let attempt = 1; ; attempt++) {
    const { chaos, number } = await cluster.next();
    const observed = await runOnce(chaos, FAULTS[fault], durability, number, convergedWithinMs);
    const wrong = whatIsWrong(observed, FAULTS[fault], durability, KITS[engine]);
    const isVoid = wrong?.isUntimely === true && stoodStill(observed) && attempt < ATTEMPTS;
    // What a void one saw is kept as well.
    const attemptName = isVoid ? `${run}-void-${attempt}` : String(run);
    record(join(folder, engine, durability, fault, attemptName), observed, readLogLine);
    if (observed.measured === undefined) await cluster.end();
    if (wrong !== undefined) for (const line of whatLed(observed, readLogLine)) tell(`  ${line}`);
    if (isVoid) {
      tell(
        `${durability} ${fault} ${run}: ${wrong.what}; but this machine stood still for ${observed.stoodStillMs} ms: again`,
      );
      continue;
    }
    return { fault, engine, durability, run, measured: observed.measured, wrong: wrong?.what };
  }
}

/** See machine.ts. */
const stoodStill = ({ stoodStillMs }: Observed): boolean => stoodStillMs >= STOOD_STILL_MS;

interface Reusable {
  /** The cluster, well, and the number of its next run. */
  next(): Promise<{ readonly chaos: Chaos; readonly number: number }>;
  end(): Promise<void>;
}

function reusable(
  { durability: mode, fault }: Wanted,
  { engine, members, profile, tell }: CampaignOptions,
): Reusable {
  const equipment = FAULTS[fault].needs;
  let chaos: Chaos | undefined;
  let number = 0;
  return {
    async next() {
      if (chaos === undefined) {
        tell(
          `a new cluster of ${KITS[engine].called}, ${mode}${equipment === undefined ? '' : `, with ${equipment} of its own`}`,
        );
        const durability = { mode, acknowledgements: mode === 'async' ? 0 : 1 };
        const kit: EngineKit = KITS[engine];
        chaos = await startChaos(kit, { members, profile, progress: tell, durability, equipment });
        await (await chaos.cluster.leader()).server.clients.prepare();
        number = 0;
      }
      number += 1;
      return { chaos, number };
    },
    async end() {
      if (chaos !== undefined) await stopAll();
      chaos = undefined;
    },
  };
}

function inWords({ fault, durability, run, measured, wrong }: Result): string {
  const confirmed = measured?.confirmedLost === undefined ? '' : ` (${measured.confirmedLost} confirmed)`;
  const salvaged = measured?.salvaged === undefined ? '' : ` ${measured.salvaged} of them salvaged,`;
  const found =
    measured === undefined
      ? ''
      : `: outage ${measured.outageMs} ms, ${measured.acknowledged} acknowledged, ${measured.ackedLost} missing${confirmed},${salvaged} ${measured.unaccounted} unaccounted, ${measured.doublyAccepted} doubly accepted, ${measured.refused} unanswered or refused, converged in ${measured.convergedMs} ms`;
  return `${durability} ${fault} ${run}${found}${wrong === undefined ? '' : `: WRONG: ${wrong}`}`;
}
