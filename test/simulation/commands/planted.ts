/** Plants one known mistake after the other: the simulator must find each. What it does not find shows how weak it is. */
import { performance } from 'node:perf_hooks';
import { MISTAKES, plant } from '#test/planted/index.js';
import type { SimOptions } from '#test/simulation/commands/options.js';
import { run } from '#test/simulation/run.js';

const MOST_SEEDS = 20_000;
const MOST_MS = 600_000;

export async function searchPlanted({ from, mistake, json, seeds = MOST_SEEDS }: SimOptions): Promise<void> {
  const names = mistake === undefined ? Object.keys(MISTAKES) : [mistake];
  const began = performance.now();
  const seedsToFind: Record<string, number | null> = {};
  for (const [i, name] of names.entries()) {
    // What is left of the time is shared among those that are left.
    const left = MOST_MS - (performance.now() - began);
    const until = performance.now() + left / Math.max(1, (names.length - i) / 4);
    const found = seedsUntilFound(name, from, seeds, until);
    seedsToFind[name] = found?.seeds ?? null;
    const text =
      found === undefined ? 'NOT FOUND' : `${found.seeds} seeds, ${found.invariant}: ${found.text}`;
    process.stderr.write(`${name.padEnd(34)} ${text}\n`);
    await Promise.resolve();
  }
  const found = Object.values(seedsToFind).filter((n) => n !== null).length;
  if (json) process.stdout.write(`${JSON.stringify({ planted: names.length, found, seedsToFind })}\n`);
  else process.stdout.write(`${found} of ${names.length} planted mistakes found\n`);
  if (found < names.length) process.exitCode = 1;
}

function seedsUntilFound(
  name: string,
  from: number,
  seeds: number,
  until: number,
): { readonly seeds: number; readonly invariant: string; readonly text: string } | undefined {
  for (let seed = from; seed < from + seeds && performance.now() < until; seed++) {
    const { violation } = run({ seed, ...plant(name) });
    if (violation !== undefined) return { seeds: seed - from + 1, ...violation };
  }
  return undefined;
}
