/** One thread of the search for planted mistakes: it is given one after the other. */
import { parentPort } from 'node:worker_threads';
import { plant } from '#test/planted/index.js';
import { run } from '#test/simulation/run.js';

export interface Search {
  readonly name: string;
  readonly from: number;
  readonly seeds: number;
  readonly withinMs: number;
}

export interface Found {
  readonly name: string;
  /** How many seeds were played. */
  readonly seeds: number;
  readonly violation: { readonly invariant: string; readonly text: string } | undefined;
}

parentPort?.on('message', (search: Search) => parentPort?.postMessage(seek(search)));

function seek({ name, from, seeds, withinMs }: Search): Found {
  const until = performance.now() + withinMs;
  const planted = plant(name);
  let played = 0;
  for (let seed = from; seed < from + seeds && performance.now() < until; seed++) {
    played += 1;
    const { violation } = run({ seed, ...planted });
    if (violation !== undefined) return { name, seeds: played, violation };
  }
  return { name, seeds: played, violation: undefined };
}
