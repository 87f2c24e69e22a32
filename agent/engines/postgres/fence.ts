/**
 * F2: "fenced" is said only when nothing can commit any more. A server in recovery is closed already, and nobody in it can write.
 * Any other is stopped: in order while there is time, so that its senders hand over what they have; then at once; then
 * by SIGKILL, which even a paused process obeys. What restarts it then finds the boot-closed marker.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import type { ActionResult } from '#agent/ports/engine.js';
import { isBootClosed, layBootClosed } from '#agent/engines/postgres/boot-closed.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { type ServerProcess, isAlive, readProcess, signal } from '#agent/engines/process-table.js';
import { findOrphans, findPostmaster, serverProcesses } from '#agent/engines/postgres/processes.js';
import type { Server } from '#agent/engines/postgres/server.js';

/** Shares of the time for asking, for a stop in order, and for a stop at once; what is left is for SIGKILL. */
const ASK = 0.2;
const FAST_STOP = 0.6;
const IMMEDIATE_STOP = 0.75;
const LOOK_EVERY_MS = 2;

/** A fence needs no session: the guard has none. */
export type Fenced = Pick<Server, 'dataDir' | 'memos' | 'owner' | 'log'>;

/** Whether the server refuses writes, as far as that is certain; answers within the time. */
export type AskRecovery = (postmaster: ServerProcess, withinMs: number) => Promise<boolean>;

export async function fence(
  server: Fenced,
  bounds: Bounds,
  isInRecovery: AskRecovery,
): Promise<ActionResult & { readonly kind: 'fenced' }> {
  const total = bounds.left();
  const { dataDir } = server;
  const wasClosed = isBootClosed(dataDir);
  const unmarked = await failure(total * ASK, async () => layBootClosed(dataDir, await server.owner()));
  // Where it lay before it still does. Elsewhere a server that somebody starts may come up writable, to be fenced then.
  if (unmarked !== undefined && !wasClosed)
    server.log('warn', 'FENCE_UNMARKED', { because: unmarked, laid: isBootClosed(dataDir) });
  const postmaster = findPostmaster(dataDir);
  let sessions = 0;
  if (postmaster !== undefined && !(wasClosed && (await isInRecovery(postmaster, total * ASK)))) {
    void noteFenced(server, postmaster, total);
    const spent = total - bounds.left();
    await stop(server, postmaster, bounds, total * FAST_STOP - spent, total * (IMMEDIATE_STOP - FAST_STOP));
    if (isAlive(postmaster)) sessions = serverProcesses(dataDir).length;
  }
  return { kind: 'fenced', clientSessions: sessions, orphans: await endOrphans(dataDir, bounds) };
}

/** Without it the next agent takes the stop for a crash, and confirms it all the same. */
async function noteFenced(server: Fenced, postmaster: ServerProcess, withinMs: number): Promise<void> {
  const because = await failure(withinMs, () => server.memos.note('fenced', postmaster));
  if (because !== undefined) server.log('info', 'FENCE_UNNOTED', { because });
}

/** A disk that is full or hangs is no reason to let the server live. Undefined: none. */
async function failure(withinMs: number, work: () => Promise<void>): Promise<string | undefined> {
  const tooLate = sleep(withinMs, 'the disk does not answer', { ref: false });
  return Promise.race([work().then(() => undefined, String), tooLate]);
}

/** A promotion that was asked for goes through at any moment, so what the server says now proves nothing then. */
export function askOnSession({ connection, memos }: Server): AskRecovery {
  return async (postmaster, withinMs) => {
    if (postmaster.paused || memos.isNoted('promoted', postmaster)) return false;
    const ask = async (): Promise<boolean> => {
      await connection.connect(withinMs);
      const [row] = await connection.query<{ closed: boolean }>('select pg_is_in_recovery() as closed', {
        timeoutMs: withinMs,
      });
      return row?.closed === true;
    };
    const silence = sleep(withinMs, false, { ref: false });
    return Promise.race([ask().catch(() => false), silence]);
  };
}

async function stop(
  server: Fenced,
  postmaster: ServerProcess,
  bounds: Bounds,
  fastMs: number,
  immediateMs: number,
): Promise<void> {
  const isGone = (): boolean => !isAlive(postmaster);
  const isPaused = (): boolean => readProcess(postmaster.pid)?.paused === true;
  for (const [how, ms] of [
    ['SIGINT', fastMs],
    ['SIGQUIT', immediateMs],
  ] as const) {
    if (isGone() || isPaused()) break;
    signal(postmaster, how);
    await bounds.within(Math.max(0, ms)).until(() => isGone() || isPaused(), LOOK_EVERY_MS);
  }
  // The postmaster first: it would replace its children.
  signal(postmaster, 'SIGKILL');
  await bounds.until(isGone, LOOK_EVERY_MS);
  server.log('info', 'SERVER_STOPPED', { pid: postmaster.pid });
}

/** Ends what a dead postmaster left behind; answers how many did not go in time. */
export async function endOrphans(dataDir: string, bounds: Bounds): Promise<number> {
  let left: readonly ServerProcess[] = [];
  await bounds.until(() => {
    left = findOrphans(dataDir);
    for (const orphan of left) signal(orphan, 'SIGKILL');
    return left.length === 0;
  }, LOOK_EVERY_MS);
  return left.length;
}
