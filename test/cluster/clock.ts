// Problem: the wall clock of a host may step, by NTP, by a person, or because a virtual machine was moved; nothing may depend on it.
// Rule: whatever runs on a host with such a clock runs with libfaketime, which adds what a file says to the time of day and leaves
// monotonic and boot-time clocks alone, and timers with them. Times of files stay those of the kernel.
// Consequence: a step reaches all programs of the host at once, but for those that ask the kernel past libc: Go's, and so etcd.
import { existsSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { Clock } from '#test/cluster/place.js';
import { allProcesses } from '#test/cluster/process-table.js';
import { afterStop } from '#test/cluster/processes.js';

export type { Clock };

/** Why there can be no such clocks here; undefined: there can. */
export function whyNoClock(): string | undefined {
  return findLibrary() === undefined ? 'there is no libfaketimeMT.so.1: install libfaketime' : undefined;
}

/** `folder` is a run folder, and must be open to whoever goes by the clock. */
export function createClock(folder: string, name: string): Clock {
  const library = findLibrary();
  if (library === undefined) throw new Error(whyNoClock());
  const file = join(folder, `${name}.clock`);
  let wrongBy = 0;
  const set = (seconds: number): void => {
    wrongBy = seconds;
    writeFileSync(`${file}.new`, `${seconds < 0 ? '' : '+'}${seconds}\n`);
    renameSync(`${file}.new`, file);
  };
  set(0);
  removeSharedMemory();
  afterStop(removeSharedMemory);
  return {
    environment: {
      LD_PRELOAD: library,
      FAKETIME_TIMESTAMP_FILE: file,
      FAKETIME_NO_CACHE: '1', // else a step would reach each program at a moment of its own
      FAKETIME_DONT_FAKE_MONOTONIC: '1', // the boot-time clock, too
      NO_FAKE_STAT: '1',
    },
    step: (seconds) => set(wrongBy + seconds),
    mend: () => set(0),
  };
}

/** In a folder that is named after the architecture. */
function findLibrary(): string | undefined {
  const libraries = '/usr/lib';
  return readdirSync(libraries)
    .map((folder) => join(libraries, folder, 'faketime', 'libfaketimeMT.so.1'))
    .find((path) => existsSync(path));
}

/** libfaketime leaves some behind whenever a process is killed, and names it after the process. */
function removeSharedMemory(): void {
  const folder = '/dev/shm';
  const living = new Set(allProcesses().map(({ pid }) => pid));
  for (const name of readdirSync(folder)) {
    const pid = /^(?:faketime_shm|sem\.faketime_sem)_(\d+)$/.exec(name)?.[1];
    if (pid !== undefined && !living.has(Number(pid))) rmSync(join(folder, name), { force: true });
  }
}
