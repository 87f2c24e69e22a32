/** Makes a failing seed readable: as few faults as still break the same invariant. Each fault draws from a stream of its own, so leaving one out shifts no other. */
import type { SimulatedEngine } from '#test/simulation/models/kinds/index.js';
import { run, type RunOptions } from '#test/simulation/run.js';

/** Tries are bounded: a run takes some ten milliseconds. */
const TRIES = 300;

export interface Shrunk {
  readonly faults: number;
  readonly without: readonly number[];
  readonly left: number;
}

export function shrink(options: RunOptions, invariant: string): Shrunk {
  let tries = 0;
  const fails = (faults: number, without: readonly number[]): boolean => {
    tries += 1;
    return run({ ...options, faults, without: new Set(without) }).violation?.invariant === invariant;
  };
  let faults = run(options).faults;
  // The last fault that matters.
  for (let low = 0, high = faults; low < high && tries < TRIES;) {
    const middle = Math.floor((low + high) / 2);
    if (fails(middle, [])) faults = high = middle;
    else low = middle + 1;
  }
  let without: readonly number[] = [];
  for (let size = Math.max(1, faults >> 1); size >= 1 && tries < TRIES; size >>= 1) {
    for (let at = 0; at < faults && tries < TRIES; at += size) {
      const chunk = Array.from({ length: Math.min(size, faults - at) }, (_, i) => at + i);
      if (chunk.every((n) => without.includes(n))) continue;
      const tried = [...new Set([...without, ...chunk])].sort((a, b) => a - b);
      if (fails(faults, tried)) without = tried;
    }
  }
  return { faults, without, left: faults - without.length };
}

/** The command that plays it again. */
export function replayCommand(
  seed: number,
  { faults, without }: Shrunk,
  mistake: string | undefined,
  engine: SimulatedEngine | undefined,
): string {
  const left = without.length === 0 ? '' : ` --without ${without.join(',')}`;
  const planted = mistake === undefined ? '' : ` --mistake ${mistake}`;
  const only = engine === undefined ? '' : ` --engine ${engine}`;
  return `npm run sim -- --seed ${seed} --faults ${faults}${left}${planted}${only}`;
}
