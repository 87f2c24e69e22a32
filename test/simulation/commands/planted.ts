/**
 * Plants one known mistake after the other: the simulator must find each. What it does not find shows how weak it is. One thread per
 * processor; the hard ones are begun again with what time is left.
 */
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { MISTAKES } from '#test/planted/index.js';
import type { SimOptions } from '#test/simulation/commands/options.js';
import type { Found, Search } from '#test/simulation/commands/planted-worker.js';

const MOST_SEEDS = 20_000;
const MOST_MS = 570_000;
/** A first round finds the easy ones, so that one hard one cannot keep the others from being searched. */
const ROUNDS_SEEDS = [1500, MOST_SEEDS] as const;

export async function searchPlanted({
  from,
  mistake,
  json,
  seeds: most = MOST_SEEDS,
}: SimOptions): Promise<void> {
  const names = mistake === undefined ? Object.keys(MISTAKES) : [mistake];
  const began = performance.now();
  const seedsToFind: Record<string, number | null> = {};
  let open = names.map((name) => ({ name, from, played: 0 }));
  for (const round of ROUNDS_SEEDS) {
    const next: typeof open = [];
    await searchAll(
      open.map(({ name, from: at, played }) => ({
        name,
        from: at,
        seeds: Math.min(round, most) - played,
        withinMs: MOST_MS,
      })),
      () => MOST_MS - (performance.now() - began),
      ({ name, seeds, violation }) => {
        const before = open.find((one) => one.name === name)?.played ?? 0;
        const played = before + seeds;
        if (violation === undefined) {
          next.push({ name, from: from + played, played });
          if (round === ROUNDS_SEEDS.at(-1)) tell(`${name.padEnd(40)} NOT FOUND in ${played} seeds`);
          return;
        }
        seedsToFind[name] = played;
        tell(`${name.padEnd(40)} ${played} seeds, ${violation.invariant}: ${violation.text}`);
      },
    );
    open = next;
  }
  for (const { name } of open) seedsToFind[name] = null;
  const found = names.length - open.length;
  if (json) process.stdout.write(`${JSON.stringify({ planted: names.length, found, seedsToFind })}\n`);
  else process.stdout.write(`${found} of ${names.length} planted mistakes found\n`);
  if (found < names.length) process.exitCode = 1;
}

const tell = (text: string): void => void process.stderr.write(`${text}\n`);

/** Each worker takes the next search as soon as it is through with one. */
async function searchAll(
  searches: readonly Search[],
  leftMs: () => number,
  found: (found: Found) => void,
): Promise<void> {
  const queue = [...searches];
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('./planted-worker.js', import.meta.url));
    try {
      for (let search = queue.shift(); search !== undefined; search = queue.shift()) {
        // What is left of the time is shared among those that are left.
        const share = (leftMs() * availableParallelism()) / (queue.length + availableParallelism());
        found(await ask(worker, { ...search, withinMs: Math.max(0, share) }));
      }
    } finally {
      await worker.terminate();
    }
  };
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), queue.length) }, work));
}

function ask(worker: Worker, search: Search): Promise<Found> {
  return new Promise((resolve, reject) => {
    worker.once('error', reject);
    worker.once('message', (found: Found) => {
      worker.off('error', reject);
      resolve(found);
    });
    worker.postMessage(search);
  });
}
