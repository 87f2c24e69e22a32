/**
 * F2: "fenced" is said only when nothing can be written any more. The data is in memory, and what the replicas lack of it is gone with the process:
 * so the server is first told to follow nobody and to end its clients, all at one moment. Then nothing changes in it: neither clients nor
 * expiry nor eviction write on a server that follows, and its backlog can be read. One that does not do so in time is ended by SIGKILL.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionResult } from '#agent/ports/engine.js';
import { type Bounds, boundBy } from '#agent/engines/bounds.js';
import { isAlive, type ProcessId, type ServerProcess, signal } from '#agent/engines/process-table.js';
import { type Command, type Connection, errorWord, type Lead } from '#agent/engines/redis/connection.js';
import { mainOf, serverProcesses } from '#agent/engines/redis/processes.js';
import type { Server } from '#agent/engines/redis/server.js';
import { READ_ONLY } from '#agent/engines/redis/settings.js';
import { FOLLOW_NOBODY, readStatus, statusAfter } from '#agent/engines/redis/status.js';

/** The share of the time for the gentle way. */
const GENTLY = 0.5;
const LOOK_EVERY_MS = 2;
const ROUNDS_MS = 2;
const GENTLY_FENCED = { kind: 'fenced', clientSessions: 0, orphans: 0 } as const;

/** What the guard has too, which has no session. */
export type Fenced = Pick<Server, 'dataDir' | 'memos' | 'log' | 'lastMain'>;

/** Closes that process without ending it, if it is not closed already; false where it cannot, or not in time. */
export type CloseGently = (process: ProcessId, withinMs: number) => boolean | Promise<boolean>;

export async function fence(
  server: Fenced,
  bounds: Bounds,
  closeGently: CloseGently,
): Promise<ActionResult & { readonly kind: 'fenced' }> {
  const killAt = bounds.left() * (1 - GENTLY);
  const isClosed = async (main: ServerProcess | undefined): Promise<boolean> =>
    main !== undefined && !main.paused && closeGently(main, Math.max(0, bounds.left() - killAt));
  // To look for all processes takes longer than the gentle way, on a machine with many of them.
  const last = server.lastMain();
  if (await isClosed(last)) return GENTLY_FENCED;
  const processes = serverProcesses(server.dataDir);
  const main = mainOf(processes);
  if (main?.pid !== last?.pid && (await isClosed(main))) return GENTLY_FENCED;
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
    // An opening that was asked for on a session that was cut off since comes before this: the server has read that by the time it answers.
    await untilNotBusy(server, withinMs);
    if (!memos.isNoted('promoted', process) && (await readStatus(connection, withinMs)).closed) return true;
    if (!(await statusAfter(connection, CLOSE, withinMs, holdUp(withinMs))).closed) return false;
    // The guard must not end what is closed; on a disk that hangs it does.
    await memos.drop('promoted');
    return true;
  };
  return (process, withinMs) => {
    const tooLate = sleep(withinMs, false, { ref: false });
    return Promise.race([close(process, withinMs).catch(() => false), tooLate]);
  };
}

/**
 * A server hands out its answers after a round of commands: a client that is ended in the very round of its write never hears of it (up to 8 writes of
 * 8 clients in our trial), and would write it a second time to the next leader. So writes are held up for a round or two, and who is ended then has
 * not written. Nothing of ours comes between the two: a canary would be held up as well, with all that follows it.
 */
const holdUp = (mostMs: number): Lead => ({
  command: ['CLIENT', 'PAUSE', String(Math.ceil(mostMs)), 'WRITE'],
  passMs: ROUNDS_MS,
});

const CLOSE: readonly Command[] = [
  READ_ONLY,
  FOLLOW_NOBODY,
  ['CLIENT', 'KILL', 'TYPE', 'normal', 'SKIPME', 'yes'],
  ['CLIENT', 'KILL', 'TYPE', 'pubsub'],
  ['CLIENT', 'UNPAUSE'],
];

/**
 * Ends scripts and functions that run on and on, one after the other: behind one that is ended its client may have the next, and the server is busy
 * for a moment longer. Rejects when time is up, and at once where one has written.
 */
async function untilNotBusy({ connection, now }: Server, withinMs: number): Promise<void> {
  const bounds = boundBy(now, withinMs, new AbortController().signal);
  const answers = async (): Promise<boolean> => {
    if ((await wordOf(connection, ['PING'], bounds)) !== 'BUSY') return true;
    for (const kill of KILL_SCRIPT)
      if ((await wordOf(connection, kill, bounds)) === 'UNKILLABLE') throw new Error('a script has written');
    return false;
  };
  if (!(await bounds.until(answers, LOOK_EVERY_MS))) throw new Error('the server is busy with a script');
}

const KILL_SCRIPT: readonly Command[] = [
  ['SCRIPT', 'KILL'],
  ['FUNCTION', 'KILL'],
];

/** By which the server refuses it; undefined: it does it. Rejects where it does not answer. */
async function wordOf(connection: Connection, command: Command, bounds: Bounds): Promise<string | undefined> {
  try {
    await connection.send(command, bounds.left());
    return undefined;
  } catch (error) {
    const word = errorWord(error);
    if (word === undefined) throw error;
    return word;
  }
}
