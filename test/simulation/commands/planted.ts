/**
 * Plants one known mistake after the other: the simulator must find each. What it does not find shows how weak it is. One thread per
 * processor.
 */
import { availableParallelism } from 'node:os';
import { performance } from 'node:perf_hooks';
import { Worker } from 'node:worker_threads';
import { MISTAKES } from '#test/planted/index.js';
import type { SimOptions } from '#test/simulation/commands/options.js';
import type { Found, Search } from '#test/simulation/commands/planted-worker.js';

const MOST_SEEDS = 20_000;
const MOST_MS = 570_000;
/** Rounds find the easy ones first, so that a hard one cannot keep the others from being searched; each is twice as long as the one before. */
const FIRST_ROUND_SEEDS = 60;

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
  const leftMs = (): number => MOST_MS - (performance.now() - began);
  for (let round = 0; open.length > 0 && leftMs() > 0 && round < most;) {
    round = Math.min(most, round === 0 ? FIRST_ROUND_SEEDS : 2 * round);
    const next: typeof open = [];
    await searchAll(
      open.map(({ name, from: at, played }) => ({ name, from: at, seeds: round - played })),
      leftMs,
      ({ name, seeds, violation }) => {
        const before = open.find((one) => one.name === name)?.played ?? 0;
        const played = before + seeds;
        if (violation === undefined) {
          next.push({ name, from: from + played, played });
          return;
        }
        seedsToFind[name] = played;
        tell(`${name.padEnd(40)} ${played} seeds, ${violation.invariant}: ${violation.text}`);
      },
    );
    open = next;
  }
  for (const { name, played } of open) tell(`${name.padEnd(40)} NOT FOUND in ${played} seeds`);
  for (const { name } of open) seedsToFind[name] = null;
  const found = names.length - open.length;
  if (json) process.stdout.write(`${JSON.stringify({ planted: names.length, found, seedsToFind })}\n`);
  else process.stdout.write(`${found} of ${names.length} planted mistakes found\n`);
  if (found < names.length) process.exitCode = 1;
}

const tell = (text: string): void => void process.stderr.write(`${text}\n`);

/** Each worker takes the next search as soon as it is through with one. */
async function searchAll(
  searches: readonly Omit<Search, 'withinMs'>[],
  leftMs: () => number,
  found: (found: Found) => void,
): Promise<void> {
  const queue = [...searches];
  const work = async (): Promise<void> => {
    const worker = new Worker(new URL('./planted-worker.js', import.meta.url));
    try {
      for (let search = queue.shift(); search !== undefined; search = queue.shift()) {
        found(await ask(worker, { ...search, withinMs: Math.max(0, leftMs()) }));
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
