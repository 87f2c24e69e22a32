/**
 * Notes on one run of the server, for a later step or a restarted agent: each names the postmaster that it is about, and means
 * nothing for another one. They need not survive a loss of power, since no server does; and a disk that hangs must not
 * keep a fence waiting, so what is noted counts before it is written.
 */
import { readFileSync } from 'node:fs';
import { rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import type { ProcessId } from '#agent/engines/postgres/processes.js';

/** `promoted`: a promotion was asked for, and may go through at any time. `fenced`: stopped by its own agent. */
export type Memo = 'promoted' | 'fenced';

export interface Memos {
  /** Counts at once; resolves when it is written. */
  note(memo: Memo, about: ProcessId): Promise<void>;
  read(memo: Memo): ProcessId | undefined;
  isNoted(memo: Memo, about: ProcessId): boolean;
  drop(memo: Memo): Promise<void>;
}

export function createMemos(stateDir: string): Memos {
  const noted = new Map<Memo, ProcessId | undefined>();
  const path = (memo: Memo): string => join(stateDir, `postmaster-${memo}.json`);
  const read = (memo: Memo): ProcessId | undefined => {
    if (!noted.has(memo)) noted.set(memo, readFrom(path(memo)));
    return noted.get(memo);
  };
  return {
    async note(memo, { pid, startedAt }) {
      noted.set(memo, { pid, startedAt });
      await writeFile(path(memo), JSON.stringify({ pid, startedAt }));
    },
    read,
    isNoted(memo, about) {
      const known = read(memo);
      return known?.pid === about.pid && known.startedAt === about.startedAt;
    },
    async drop(memo) {
      noted.set(memo, undefined);
      await rm(path(memo), { force: true });
    },
  };
}

function readFrom(path: string): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as ProcessId;
  } catch {
    return undefined;
  }
}
