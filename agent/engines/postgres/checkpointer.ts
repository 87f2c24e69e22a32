/**
 * The checkpointer tells the backends whether commits wait at all, once it has taken up a reload; on a closed server nothing else shows that it
 * has. It looks at its settings before it goes to sleep, and sleeps between the writes of a checkpoint too. So once it has been
 * signalled, then slept, and then is seen where it sleeps, it has taken them up; a checkpoint under way is not waited for.
 */
import { readFileSync } from 'node:fs';
import type { Bounds } from '#agent/engines/bounds.js';
import { type ProcessId, readProcess, signal } from '#agent/engines/process-table.js';
import { findPostmaster } from '#agent/engines/postgres/processes.js';
import type { Server } from '#agent/engines/postgres/server.js';

const LOOK_EVERY_MS = 2;
/** It may have woken and slept again before its sleeps were counted: then it is signalled anew. */
const SIGNAL_EVERY_MS = 50;

/** False: it did not go to sleep in time. It goes on without when it is behind with a checkpoint, or is told to hurry. */
export async function takesUpSettings(server: Server, bounds: Bounds): Promise<boolean> {
  return bounds.until(async () => {
    const checkpointer = readProcess((await find(server, bounds))?.pid ?? 0);
    if (checkpointer === undefined || checkpointer.parent !== findPostmaster(server.dataDir)?.pid)
      return false;
    signal(checkpointer, 'SIGHUP'); // the postmaster's may be on its way yet
    const sleeps = sleepsOf(checkpointer);
    const hasSlept = async (): Promise<boolean> =>
      sleepsOf(checkpointer) > sleeps && (await find(server, bounds))?.isAsleep === true;
    return bounds.within(SIGNAL_EVERY_MS).until(hasSlept, LOOK_EVERY_MS);
  }, LOOK_EVERY_MS);
}

/** Before 15 its sleep between two writes has no name: there it is seen asleep only when no checkpoint is under way. */
const FIND = `
  select pid, coalesce(wait_event in ('CheckpointerMain', 'CheckpointWriteDelay'), false) as "isAsleep"
    from pg_stat_activity where backend_type = 'checkpointer'`;

async function find({ connection }: Server, bounds: Bounds) {
  const within = { timeoutMs: bounds.left() };
  return (await connection.query<{ pid: number; isAsleep: boolean }>(FIND, within))[0];
}

/** How often it has given up the processor to wait for something. */
function sleepsOf({ pid }: ProcessId): number {
  const status = readFileSync(`/proc/${pid}/status`, 'latin1');
  return Number(/^voluntary_ctxt_switches:\s*(\d+)/m.exec(status)?.[1]);
}
