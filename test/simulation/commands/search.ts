/** Seed after seed until the time is up, the seeds are through, or enough have failed. */
import { performance } from 'node:perf_hooks';
import type { EngineName } from '#core/position.js';
import { plant } from '#test/planted/index.js';
import { replayCommand, shrink } from '#test/simulation/commands/shrink.js';
import type { SimOptions } from '#test/simulation/commands/options.js';
import type { SimulatedEngine } from '#test/simulation/models/kinds/index.js';
import { type Outcome, run } from '#test/simulation/run.js';

const ENOUGH_FAILURES = 5;
const TELL_EVERY_MS = 5000;

export interface Summary {
  readonly from: number;
  seeds: number;
  /** How many of them were about each engine. */
  readonly engines: Partial<Record<EngineName, number>>;
  failovers: number;
  openings: number;
  violations: number;
  events: number;
  virtualSeconds: number;
  lostAndAccounted: number;
  seconds: number;
  failoversPerSecond: number;
}

export function search(options: SimOptions): void {
  const { from, seeds = Number.POSITIVE_INFINITY, mistake, engine, json } = options;
  const seconds = options.seeds === undefined ? options.seconds : Number.POSITIVE_INFINITY;
  const summary = searchSeeds(
    { from, seeds, seconds, mistake, engine },
    (text) => void process.stderr.write(`${text}\n`),
  );
  if (json) process.stdout.write(`${JSON.stringify(summary)}\n`);
  else {
    const { seeds: played, failovers, violations, failoversPerSecond } = summary;
    process.stdout.write(
      `${played} seeds from ${from}, ${failovers} failovers (${failoversPerSecond} a second), ${violations} violations\n`,
    );
  }
  if (summary.violations > 0) process.exitCode = 1;
}

interface Range {
  readonly from: number;
  readonly seeds: number;
  readonly seconds: number;
}

interface Played {
  readonly mistake?: string | undefined;
  readonly engine?: SimulatedEngine | undefined;
}

export function searchSeeds(
  { from, seeds, seconds, mistake, engine }: Range & Played,
  tell: (text: string) => void,
): Summary {
  const began = performance.now();
  const summary: Summary = {
    from,
    seeds: 0,
    engines: {},
    failovers: 0,
    openings: 0,
    violations: 0,
    events: 0,
    virtualSeconds: 0,
    lostAndAccounted: 0,
    seconds: 0,
    failoversPerSecond: 0,
  };
  let toldAt = began;
  for (let seed = from; seed < from + seeds; seed++) {
    add(summary, play(seed, { mistake, engine }, tell));
    const now = performance.now();
    if (now - toldAt > TELL_EVERY_MS) {
      toldAt = now;
      tell(`seed ${seed}: ${summary.failovers} failovers, ${summary.violations} violations`);
    }
    if (now - began > seconds * 1000 || summary.violations >= ENOUGH_FAILURES) break;
  }
  summary.seconds = Math.round(performance.now() - began) / 1000;
  summary.virtualSeconds = Math.round(summary.virtualSeconds);
  summary.failoversPerSecond = Math.round(summary.failovers / Math.max(summary.seconds, 0.001));
  return summary;
}

function play(seed: number, { mistake, engine }: Played, tell: (text: string) => void): Outcome {
  const options = { seed, ...plant(mistake), ...(engine === undefined ? {} : { engine }) };
  const outcome = run(options);
  const { violation } = outcome;
  if (violation !== undefined) {
    tell(`seed ${seed}, ${outcome.engine}, breaks ${violation.invariant}: ${violation.text}`);
    const shrunk = shrink(options, violation.invariant);
    tell(`  replay, shrunk to ${shrunk.left} faults: ${replayCommand(seed, shrunk, mistake, engine)}`);
  }
  return outcome;
}

function add(summary: Summary, outcome: Outcome): void {
  summary.seeds += 1;
  summary.engines[outcome.engine] = (summary.engines[outcome.engine] ?? 0) + 1;
  summary.failovers += outcome.failovers;
  summary.openings += outcome.openings;
  summary.events += outcome.events;
  summary.virtualSeconds += outcome.virtualMs / 1000;
  summary.lostAndAccounted += outcome.lost;
  if (outcome.violation !== undefined) summary.violations += 1;
}
