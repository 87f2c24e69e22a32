/**
 * Salvage comes before anything is destroyed (DESIGN 8): the writes that nobody else has are in this member's log from where it left
 * the leader's history, and so that log is copied, durably. `salvage.json` is written last: a folder without one
 * is a copy that was interrupted, and is made again.
 */
import { constants, existsSync, readdirSync } from 'node:fs';
import { copyFile, mkdir, open } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { Epoch } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { type Fork, formatLsn, type Position } from '#core/position.js';
import { syncFolder, writeDurably } from '#agent/engines/postgres/durable-files.js';
import { historyFile } from '#agent/engines/postgres/lineage.js';
import { SEGMENT_NAME, segmentName, segmentOf, type Sizes } from '#agent/engines/postgres/log-files.js';
import type { Server } from '#agent/engines/postgres/server.js';

export interface SalvageRecord {
  readonly member: string;
  readonly dataId: string;
  /** The newest opening when this was saved, its leader and its line of history. */
  readonly epoch: string;
  readonly leader: string;
  readonly leaderTimeline: number;
  /** Where the log left the leader's history, and where it ends. */
  readonly from: { readonly timeline: number; readonly lsn: string };
  readonly to: { readonly timeline: number; readonly lsn: string };
  /** Of log between the two. */
  readonly bytes: string;
  readonly files: readonly string[];
}

/** Answers the folder. Named by the end of the log: a log that has grown since is another one. */
export async function salvage(
  server: Server,
  position: Position,
  divergence: Fork,
  opening: { readonly epoch: Epoch; readonly leader: string; readonly position: Position },
): Promise<string> {
  const { timeline, lsn } = position;
  const name = `${opening.epoch}-${timeline}-${formatLsn(lsn).replace('/', '_')}`;
  const folder = join(server.stateDir, 'salvage', name);
  if (existsSync(join(folder, 'salvage.json'))) return folder;
  const { dataId, ...sizes } = await server.facts();
  const files = filesOf(server.logDir, position, divergence, sizes);
  const record: SalvageRecord = {
    ...{ member: server.member, dataId, epoch: opening.epoch.toString(), leader: opening.leader },
    leaderTimeline: opening.position.timeline,
    from: { timeline: divergence.timeline, lsn: formatLsn(divergence.end) },
    to: { timeline, lsn: formatLsn(lsn) },
    bytes: (lsn - divergence.end).toString(),
    files,
  };
  try {
    await mkdir(folder, { recursive: true, mode: 0o700 });
    for (const file of files) await copyDurably(join(server.logDir, file), join(folder, file));
    for (const each of [folder, dirname(folder), server.stateDir]) await syncFolder(each);
    const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
    await writeDurably(join(folder, 'salvage.json'), `${JSON.stringify(record, undefined, 2)}\n`, owner);
  } catch (error) {
    throw new TanistError(
      'ENGINE_FAILED',
      `its own writes could not be saved in ${folder}: ${String(error)}`,
    );
  }
  const { from, to, bytes } = record;
  server.log('warn', 'LOG_SALVAGED', { folder, bytes, from: from.lsn, to: to.lsn });
  return folder;
}

/** On whatever of its lines, from the file that holds the point of divergence on. */
function filesOf(logDir: string, position: Position, divergence: Fork, sizes: Sizes): string[] {
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
