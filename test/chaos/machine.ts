// Problem: a machine that others share stands still now and then, its disk for a second, its processors for half of one. A leader that cannot
// commit for as long is replaced, as the profile promises; the checker would call that needless, and no coordinator could help it.
// Rule: beside every run a small file is written and synced on the same file system, over and over, and the longest time that it took is kept.
// Consequence: a verdict of time over a run in which even that took half a canary's patience says nothing, and the run is made again. One of
// safety stands, whatever the machine did.
import { closeSync, openSync, rmSync, write, fdatasync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { promisify } from 'node:util';

const EVERY_MS = 50;
const PAGE = Buffer.alloc(8192, 1);

export interface MachineWatch {
  /** The longest so far: a write with its sync, or what a timer was late. */
  worstMs(): number;
  stop(): Promise<void>;
}

/** `folder`: on the file system to be watched. */
export function watchMachine(folder: string): MachineWatch {
  const file = join(folder, 'machine-watch');
  const opened = openSync(file, 'w');
  const writePage = (): Promise<unknown> => promisify(write)(opened, PAGE, 0, PAGE.length, 0);
  let [worst, stopping] = [0, false];

  async function watch(): Promise<void> {
    while (!stopping) {
      const began = performance.now();
      await writePage();
      await promisify(fdatasync)(opened);
      await sleep(EVERY_MS);
      worst = Math.max(worst, performance.now() - began - EVERY_MS);
    }
  }
  const watching = watch().catch(() => undefined);
  return {
    worstMs: () => Math.round(worst),
    async stop() {
      stopping = true;
      await watching;
      closeSync(opened);
      rmSync(file, { force: true });
    },
  };
}
