/**
 * The guard's log, for people. Nothing waits for it: its disk may be the one because of which a database has to be closed. It is
 * bounded: a file that has grown takes the place of the one before it, and what cannot be written is dropped.
 */
import { appendFile, rename, stat } from 'node:fs/promises';
import type { Log } from '#core/log.js';

const LONGEST_BYTES = 250_000;
const MOST_UNWRITTEN = 100;

export function createLogFile(path: string): Log {
  let unwritten = 0;
  let turn: Promise<void> = Promise.resolve();

  async function write(line: string): Promise<void> {
    try {
      await makeRoom(path);
      await appendFile(path, line, { mode: 0o600 });
    } catch {
      // nobody to tell
    } finally {
      unwritten -= 1;
    }
  }

  return (level, code, fields) => {
    if (unwritten >= MOST_UNWRITTEN) return;
    unwritten += 1;
    const time = new Date().toISOString();
    const line = `${JSON.stringify({ level, time, guard: process.pid, code, ...fields })}\n`;
    turn = turn.then(() => write(line));
  };
}

/** Puts a file aside that has grown, in place of the one that was put aside before. */
export async function makeRoom(path: string): Promise<void> {
  const size = await stat(path).then(
    (file) => file.size,
    () => 0,
  );
  if (size > LONGEST_BYTES) await rename(path, `${path}.1`);
}
