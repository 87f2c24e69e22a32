/**
 * Stops a closed server in order, so that its data can be worked on: every page written, and the control file says so. Nobody waits
 * for it, unlike for a fence, so it gets the time that it takes.
 */
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { endOrphans } from '#agent/engines/postgres/fence.js';
import { isAlive, signal } from '#agent/engines/process-table.js';
import { findPostmaster } from '#agent/engines/postgres/processes.js';
import type { Server } from '#agent/engines/postgres/server.js';

const STOPS_WITHIN_MS = 120_000;
const ORPHANS_END_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 20;

export async function stopInOrder(server: Server, bounds: Bounds): Promise<void> {
  const postmaster = findPostmaster(server.dataDir);
  if (postmaster !== undefined) {
    await server.memos.note('fenced', postmaster); // it was not an administrator: it may be started again
    bounds.check();
    signal(postmaster, 'SIGINT');
    if (!(await bounds.within(STOPS_WITHIN_MS).until(() => !isAlive(postmaster), LOOK_EVERY_MS)))
      throw new TanistError('ENGINE_FAILED', 'the server was told to stop and still runs');
  }
  const left = await endOrphans(server.dataDir, bounds.within(ORPHANS_END_WITHIN_MS));
  if (left > 0) throw new TanistError('ENGINE_FAILED', `${left} processes of the stopped server do not end`);
  if (!(await server.wasStoppedInOrder()))
    throw new TanistError('ENGINE_FAILED', 'the server has ended, but not in order');
}
