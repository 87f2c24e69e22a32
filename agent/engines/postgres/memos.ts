/**
 * Notes on one run of the server, for a later step or a restarted agent: each names the postmaster that it is about, and means
 * nothing for another one. They need not survive a loss of power, since no server does.
 */
import { readFileSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { ProcessId } from '#agent/engines/postgres/processes.js';
import type { Server } from '#agent/engines/postgres/server.js';

/** `promoted`: a promotion was asked for, and may go through at any time. `fenced`: stopped by its own agent. */
export type Memo = 'promoted' | 'fenced';

export function writeMemo(server: Server, memo: Memo, { pid, startedAt }: ProcessId): void {
  writeFileSync(path(server, memo), JSON.stringify({ pid, startedAt }));
}

export function readMemo(server: Server, memo: Memo): ProcessId | undefined {
  try {
    return JSON.parse(readFileSync(path(server, memo), 'utf8')) as ProcessId;
  } catch {
    return undefined;
  }
}

export function hasMemo(server: Server, memo: Memo, about: ProcessId): boolean {
  const known = readMemo(server, memo);
  return known?.pid === about.pid && known.startedAt === about.startedAt;
}

export function dropMemo(server: Server, memo: Memo): void {
  rmSync(path(server, memo), { force: true });
}

const path = (server: Server, memo: Memo): string => join(server.stateDir, `postmaster-${memo}.json`);
