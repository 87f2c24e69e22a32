/** The files of the log that hold what nobody else has: what a salvage is read from, and what remains if it was read wrongly. */
import { constants, readdirSync } from 'node:fs';
import { copyFile, open } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import { type PostgresPosition, type Fork, formatLsn } from '#core/positions/postgres.js';
import { historyFile } from '#agent/engines/postgres/lineage.js';
import { SEGMENT_NAME, segmentName, segmentOf, type Sizes } from '#agent/engines/postgres/log-files.js';
import type { Server } from '#agent/engines/postgres/server.js';

/** Into a folder that is there; answers their names. */
export async function copyLog(
  { logDir }: Server,
  position: PostgresPosition,
  divergence: Fork,
  sizes: Sizes,
  folder: string,
): Promise<readonly string[]> {
  const files = filesOf(logDir, position, divergence, sizes);
  for (const file of files) await copyDurably(join(logDir, file), join(folder, file));
  return files;
}

/** On whatever of its lines, from the file that holds the point of divergence on. */
function filesOf(logDir: string, position: PostgresPosition, divergence: Fork, sizes: Sizes): string[] {
  const first = segmentOf(divergence.end, sizes);
  const last = segmentOf(position.lsn - 1n, sizes);
  const lines = [...position.forks.map((fork) => fork.timeline), position.timeline];
  const wanted = lines
    .slice(lines.indexOf(divergence.timeline))
    .flatMap((line) => [
      historyFile(line),
      ...Array.from({ length: Number(last - first) + 1 }, (_, index) =>
        segmentName(line, first + BigInt(index), sizes),
      ),
    ]);
  const there = new Set(readdirSync(logDir));
  const found = wanted.filter((name) => there.has(name));
  // Each of these segments must be there on one line at least, or something that was written is gone already.
  const numbers = new Set(found.filter((name) => SEGMENT_NAME.test(name)).map((name) => name.slice(8)));
  if (numbers.size === Number(last - first) + 1) return found;
  throw new TanistError('REWIND_IMPOSSIBLE', `files of the log since ${formatLsn(divergence.end)} are gone`);
}

export async function copyDurably(from: string, to: string): Promise<void> {
  await copyFile(from, to, constants.COPYFILE_FICLONE);
  const file = await open(to, 'r+');
  try {
    await file.chmod(0o600);
    await file.sync();
  } finally {
    await file.close();
  }
}
