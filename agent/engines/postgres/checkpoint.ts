/**
 * Before a planned stop: a stop in order ends with a checkpoint, during which nobody writes, and what has been written out
 * beforehand need not be written then. And after an opening: only a checkpoint tells the control file on which line of history it is.
 */
import type { Bounds } from '#agent/engines/bounds.js';
import { inOwnSession } from '#agent/engines/postgres/own-session.js';
import type { Server } from '#agent/engines/postgres/server.js';

export async function checkpoint(server: Server, bounds: Bounds): Promise<void> {
  await inOwnSession(server, server.config.database, bounds, (session) =>
    session.query('checkpoint', { timeoutMs: bounds.left() }),
  );
}
