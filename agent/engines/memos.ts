/**
 * Notes on one run of the server, for a later step or a restarted agent: each names the postmaster that it is about, and means
 * nothing for another one. They need not survive a loss of power, since no server does; and a disk that hangs must not
 * keep a fence waiting, so what is noted counts before it is written. Then the file counts: the guard and the agent both
 * write here, and each must see what the other noted.
 */
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessId } from '#agent/engines/process-table.js';

/**
 * `promoted`: a promotion was asked for, and may go through at any time. `fenced`: stopped by its own agent. `led`: was opened, and may be closed again:
 * what this very process holds is all that it acknowledged.
 */
export type Memo = 'promoted' | 'fenced' | 'led';

export interface Memos {
  /** Counts at once; resolves when it is written. */
  note(memo: Memo, about: ProcessId): Promise<void>;
  read(memo: Memo): ProcessId | undefined;
  isNoted(memo: Memo, about: ProcessId): boolean;
  drop(memo: Memo): Promise<void>;
}

export function createMemos(stateDir: string): Memos {
  const unwritten = new Map<Memo, { readonly about: ProcessId | undefined }>();
  let turn: Promise<void> = Promise.resolve();
  const path = (memo: Memo): string => join(stateDir, `postmaster-${memo}.json`);

  function change(memo: Memo, about: ProcessId | undefined, write: () => Promise<void>): Promise<void> {
    const mine = { about };
    unwritten.set(memo, mine);
    // One after the other: a note on a slow disk must not come back after it was dropped.
    turn = turn
      .catch(() => undefined)
      .then(write)
      .then(() => {
        if (unwritten.get(memo) === mine) unwritten.delete(memo);
      });
    return turn;
  }

  function read(memo: Memo): ProcessId | undefined {
    const known = unwritten.get(memo);
    return known === undefined ? readFrom(path(memo)) : known.about;
  }

  return {
    note: (memo, { pid, startedAt }) =>
      change(memo, { pid, startedAt }, () =>
        writeFile(path(memo), JSON.stringify({ pid, startedAt }), { mode: 0o600 }),
      ),
    read,
    isNoted(memo, about) {
      const known = read(memo);
      return known?.pid === about.pid && known.startedAt === about.startedAt;
    },
    drop: (memo) => change(memo, undefined, () => rm(path(memo), { force: true })),
  };
}

function readFrom(path: string): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessId;
  } catch {
    return undefined;
  }
}
