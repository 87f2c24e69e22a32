// Problem: a machine that is busy is not dead, and only a machine that is really busy shows whether that is understood.
// Rule: for each core a process that does nothing but count, and two that write as much as the disk takes and wait for it every time; at
// the ordinary priority, so that they compete with everything else.
// Consequence: agents, controllers, etcd and databases get what is left.
import { mkdirSync } from 'node:fs';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { type StartedProcess, startProcess } from '#test/cluster/processes.js';

const DISK_WRITERS = 2;
const COUNT = 'for (;;);';
/** 32 MiB in pieces of 1 MiB, each on disk before the next, over and over. */
const WRITE = `
  const fs = require('node:fs');
  const file = fs.openSync(process.argv[1], 'w');
  const piece = Buffer.alloc(1 << 20, 7);
  for (let n = 0; ; n += 1) {
    fs.writeSync(file, piece, 0, piece.length, (n % 32) * piece.length);
    fs.fdatasyncSync(file);
  }`;

/** `folder`: a run folder. Returns what ends it. */
export function saturate(folder: string): () => Promise<void> {
  const dir = join(folder, 'busy');
  mkdirSync(dir, { recursive: true });
  const start = (name: string, ...args: readonly string[]): StartedProcess =>
    startProcess({
      ...{
        name,
        command: process.execPath,
        args: ['-e', ...args],
        cwd: dir,
        logFile: join(dir, `${name}.out`),
      },
    });
  const counting = Array.from({ length: availableParallelism() }, (_, i) => start(`counts-${i}`, COUNT));
  const writing = Array.from({ length: DISK_WRITERS }, (_, i) =>
    start(`writes-${i}`, WRITE, join(dir, `written-${i}`)),
  );
  return async () => {
    const all = [...counting, ...writing];
    for (const one of all) one.kill('SIGKILL');
    await Promise.all(all.map(({ exited }) => exited));
  };
}
