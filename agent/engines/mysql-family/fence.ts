/**
 * F2: "fenced" is said only when nothing can commit any more. The server is ended by SIGKILL. Nothing softer is certain: setting `read_only`, and MySQL's
 * `super_read_only`, waits behind any commit that waits for a replica, without end; on MariaDB accounts with READ_ONLY ADMIN write past it; and
 * a stop in order took 1.5 s under two writers, three times F. What was committed is in the log, which is synced before a commit is
 * answered.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionResult } from '#agent/ports/engine.js';
import { type Bounds, boundBy } from '#agent/engines/bounds.js';
import { holdWrites } from '#agent/engines/mysql-family/hold-writes.js';
import { serverProcesses } from '#agent/engines/mysql-family/processes.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import type { Memos } from '#agent/engines/memos.js';
import type { Sessions } from '#agent/engines/session.js';
import type { Log } from '#core/log.js';
import { isAlive, type ProcessId, type ServerProcess, signal } from '#agent/engines/process-table.js';

/** The shares of the time for asking a server that may be closed, and for holding up the writes of one that is open. */
const ASK = 0.2;
const HOLD = 0.1;
const LOOK_EVERY_MS = 2;

/** A fence needs no session: the guard has none. */
export interface Fenced {
  readonly dataDir: string;
  readonly memos: Memos;
  readonly log: Log;
}

/** Whether that process accepts no writes and will not by itself, as far as that is certain; answers within the time. */
export type AskClosed = (process: ProcessId, withinMs: number) => boolean | Promise<boolean>;

/** Has an open server answer what it has begun; resolves within the time, whatever became of that. */
export type Settle = (withinMs: number) => Promise<unknown>;

export async function fence(
  server: Fenced,
  bounds: Bounds,
  isClosed: AskClosed,
  settle?: Settle,
): Promise<ActionResult & { readonly kind: 'fenced' }> {
  const total = bounds.left();
  const open: ServerProcess[] = [];
  for (const process of serverProcesses(server.dataDir))
    if (process.paused || !(await isClosed(process, total * ASK))) open.push(process);
  if (open.some(({ paused }) => !paused)) await settle?.(total * HOLD);
  for (const process of open) {
    void noteFenced(server, process, bounds.left());
    signal(process, 'SIGKILL');
  }
  await bounds.until(() => !open.some(isAlive), LOOK_EVERY_MS);
  const left = open.filter(isAlive).length;
  if (open.length > left) server.log('info', 'SERVER_STOPPED', { pid: open[0]?.pid ?? 0 });
  return { kind: 'fenced', clientSessions: left, orphans: 0 };
}

/** Without it the next agent takes the stop for a crash, and confirms it all the same. A disk that hangs is no reason to let the server live. */
async function noteFenced(server: Fenced, process: ProcessId, withinMs: number): Promise<void> {
  const tooLate = sleep(withinMs, 'the disk does not answer', { ref: false });
  const because = await Promise.race([
    server.memos.note('fenced', process).then(() => undefined, String),
    tooLate,
  ]);
  if (because !== undefined) server.log('info', 'FENCE_UNNOTED', { because });
}

/** On a session that is there: to make one takes time that a server which does not answer has no right to. */
export const settleOnSession =
  (server: Server): Settle =>
  async (withinMs) => {
    if (!server.connection.isReady()) return;
    const bounds = boundBy(server.now, withinMs, new AbortController().signal);
    const tooLate = sleep(withinMs, 'not in time', { ref: false });
    const because = await Promise.race([holdWrites(server, bounds).then(() => undefined, String), tooLate]);
    if (because !== undefined) server.log('info', 'WRITES_NOT_HELD', { because });
  };

/** An opening that was asked for goes through at any moment, so what the server says now proves nothing then. */
export function askOnSession(
  server: Fenced & { readonly connection: Sessions },
  isClosed: (withinMs: number) => Promise<boolean>,
): AskClosed {
  return async (process, withinMs) => {
    if (server.memos.isNoted('promoted', process)) return false;
    const ask = async (): Promise<boolean> => {
      await server.connection.connect(withinMs);
      return isClosed(withinMs);
    };
    return Promise.race([ask().catch(() => false), sleep(withinMs, false, { ref: false })]);
  };
}
