/**
 * What a rewind that was interrupted leaves to whoever comes next. From the first byte that it rewrites until the data is whole
 * again nobody may start a server there, agent or not: the memo stops the agent, and the mode of the data directory, one
 * that PostgreSQL refuses, stops everybody else. An agent that starts first after a crash finds both.
 */
import { chmod, mkdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import { readNote, removeDurably, syncFolder, writeDurably } from '#common/durable-files.js';
import { putBack } from '#agent/engines/postgres/own-files.js';
import type { Server } from '#agent/engines/postgres/server.js';

/**
 * `preparing`: the data is as it was. `rewriting`: it is neither the old nor the new one. `rewritten`: it is the leader's, and so
 * may be files that are this member's own business.
 */
export interface RewindMemo {
  readonly phase: 'preparing' | 'rewriting' | 'rewritten';
  readonly leader: string;
  /** Names of this member's own files, which lie aside meanwhile. */
  readonly ownFiles: readonly string[];
}

/** Writing for others than owner and group; no one else can use it, since it comes without the right to enter. */
const REFUSED_BY_POSTGRES = 0o002;

export async function noteRewind(server: Server, memo: RewindMemo): Promise<void> {
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  await mkdir(server.rewindDir, { recursive: true, mode: 0o700 });
  await syncFolder(server.stateDir);
  await writeDurably(memoFile(server), `${JSON.stringify(memo, undefined, 2)}\n`, owner);
  if (memo.phase === 'rewriting') await refuseStarts(server.dataDir, true);
}

/**
 * Ends what an interrupted rewind left undone, where that is possible; before anything is started or rewound. Throws
 * REWIND_BROKEN where it is not.
 */
export async function finishRewind(server: Server): Promise<void> {
  const memo = readMemo(server);
  if (memo === undefined) return;
  if (memo.phase === 'rewriting') throw broken(server, memo.leader, 'it was interrupted');
  await putBack(server, memo.ownFiles, memo.phase === 'rewritten');
  await refuseStarts(server.dataDir, false);
  await dropRewind(server);
}

/** Of one that was interrupted while it rewrote the data: nothing can be started on that any more. */
export function tornBy(server: Server): RewindMemo | undefined {
  const memo = readMemo(server);
  return memo?.phase === 'rewriting' ? memo : undefined;
}

/** The data that it was about is here no more. */
export async function dropRewind(server: Server): Promise<void> {
  if (readMemo(server) === undefined) return;
  await removeDurably(memoFile(server));
  await rm(server.rewindDir, { recursive: true, force: true });
}

export function broken(server: Server, leader: string, why: string): TanistError {
  return new TanistError(
    'REWIND_BROKEN',
    `${server.dataDir} was being rewritten from ${leader}: ${why}`,
    `a copy of the leader takes its place; until then its own configuration lies in ${server.rewindDir}`,
  );
}

const readMemo = (server: Server): RewindMemo | undefined =>
  readNote(memoFile(server)) as RewindMemo | undefined;

async function refuseStarts(dataDir: string, refused: boolean): Promise<void> {
  const mode = (await stat(dataDir)).mode & 0o7777;
  await chmod(dataDir, refused ? mode | REFUSED_BY_POSTGRES : mode & ~REFUSED_BY_POSTGRES);
  await syncFolder(dataDir);
}

const memoFile = (server: Server): string => join(server.rewindDir, 'memo.json');
