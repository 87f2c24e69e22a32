/** Stops a closed server in order, so that what it leaves is whole. Nobody waits for it, unlike for a fence, so it gets the time that it takes. */
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import { isAlive, signal } from '#agent/engines/process-table.js';

const STOPS_WITHIN_MS = 300_000;
const LOOK_EVERY_MS = 20;

export async function stopInOrder(server: Server, bounds: Bounds): Promise<void> {
  const main = server.findMain();
  if (main === undefined) return;
  await server.memos.note('fenced', main); // it was not an administrator: it may be started again
  bounds.check();
  signal(main, 'SIGTERM');
  if (!(await bounds.within(STOPS_WITHIN_MS).until(() => !isAlive(main), LOOK_EVERY_MS)))
    throw new TanistError('ENGINE_FAILED', 'the server was told to stop and still runs');
}
