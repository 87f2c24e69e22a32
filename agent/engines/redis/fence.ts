/**
 * F2: "fenced" is said only when nothing can be written any more. The data is in memory, and what the replicas lack of it is gone with the process:
 * so the server is first told to follow nobody and to end its clients, all at one moment. Then nothing changes in it: neither clients nor
 * expiry nor eviction write on a server that follows, and its backlog can be read. One that does not do so in time is ended by SIGKILL.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionResult } from '#agent/ports/engine.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { isAlive, type ProcessId, type ServerProcess, signal } from '#agent/engines/process-table.js';
import { type Command, type Connection, errorWord } from '#agent/engines/redis/connection.js';
import { mainOf, serverProcesses } from '#agent/engines/redis/processes.js';
import type { Server } from '#agent/engines/redis/server.js';
import { READ_ONLY } from '#agent/engines/redis/settings.js';
import { FOLLOW_NOBODY, readStatus, statusAfter } from '#agent/engines/redis/status.js';

/** The share of the time for the gentle way. */
const GENTLY = 0.5;
const LOOK_EVERY_MS = 2;

/** What the guard has too, which has no session. */
export type Fenced = Pick<Server, 'dataDir' | 'memos' | 'log' | 'findMain'>;

/** Closes that process without ending it, if it is not closed already; false where it cannot, or not in time. */
export type CloseGently = (process: ProcessId, withinMs: number) => boolean | Promise<boolean>;

export async function fence(
  server: Fenced,
  bounds: Bounds,
  closeGently: CloseGently,
): Promise<ActionResult & { readonly kind: 'fenced' }> {
  const total = bounds.left();
  const serving = server.findMain();
  if (serving !== undefined && !serving.paused && (await closeGently(serving, total * GENTLY)))
    return { kind: 'fenced', clientSessions: 0, orphans: 0 };
  // All of them are looked for only now: on a machine with many processes that takes longer than the gentle way.
  const processes = serverProcesses(server.dataDir);
  const main = mainOf(processes);
  for (const process of processes) {
    if (process.pid === main?.pid) void noteFenced(server, process, bounds.left());
    signal(process, 'SIGKILL');
  }
  await bounds.until(() => !processes.some(isAlive), LOOK_EVERY_MS);
  const left = processes.filter(isAlive).length;
  if (main !== undefined && left === 0) server.log('info', 'SERVER_STOPPED', { pid: main.pid });
  return { kind: 'fenced', clientSessions: left, orphans: 0 };
}

/** Without it the next agent takes the stop for a crash, and confirms it all the same. A disk that hangs is no reason to let the server live. */
async function noteFenced(server: Fenced, process: ServerProcess, withinMs: number): Promise<void> {
  const tooLate = sleep(withinMs, 'the disk does not answer', { ref: false });
  const because = await Promise.race([
    server.memos.note('fenced', process).then(() => undefined, String),
    tooLate,
  ]);
  if (because !== undefined) server.log('info', 'FENCE_UNNOTED', { because });
}

/** By the agent's own session. A member that is closed keeps the clients that read there. */
export function closeOnSession(server: Server): CloseGently {
  const { connection, memos } = server;
  const close = async (process: ProcessId, withinMs: number): Promise<boolean> => {
    await connection.connect(withinMs);
    if (!memos.isNoted('promoted', process) && (await readStatus(connection, withinMs)).closed) return true;
    // An opening that was asked for on a session that was cut off since comes before this: the server has read that by the time it answers.
    await untilNotBusy(connection, withinMs);
    if (!(await statusAfter(connection, CLOSE, withinMs)).closed) return false;
    // The guard must not end what is closed; on a disk that hangs it does.
    await memos.drop('promoted');
    return true;
  };
  return (process, withinMs) => {
    const tooLate = sleep(withinMs, false, { ref: false });
    return Promise.race([close(process, withinMs).catch(() => false), tooLate]);
  };
}

const CLOSE: readonly Command[] = [
  READ_ONLY,
  FOLLOW_NOBODY,
  ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'],
  ['CLIENT', 'KILL', 'TYPE', 'pubsub'],
];

/** Ends a script or a function that runs on and on, if it has written nothing. */
async function untilNotBusy(connection: Connection, withinMs: number): Promise<void> {
  for (const kill of [
    ['SCRIPT', 'KILL'],
    ['FUNCTION', 'KILL'],
  ] as const) {
    try {
      await connection.send(['PING'], withinMs);
      return;
    } catch (error) {
      if (errorWord(error) !== 'BUSY') throw error;
      await connection.send(kill, withinMs).catch((refused: unknown) => {
        if (errorWord(refused) === undefined) throw refused;
      });
    }
  }
  await connection.send(['PING'], withinMs);
}
