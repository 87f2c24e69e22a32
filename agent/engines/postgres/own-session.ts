/**
 * A session of its own for what takes long or belongs into another database. The long-lived session answers the canary meanwhile; a
 * server that keeps it waiting passes for hung.
 */
import { TanistError } from '#core/errors.js';
import { type Bounds, Interrupted, awaitWithin } from '#agent/engines/bounds.js';
import { type Connection, createConnection } from '#agent/engines/postgres/connection.js';
import type { Server } from '#agent/engines/postgres/server.js';

export async function inOwnSession<T>(
  { config }: Server,
  database: string,
  bounds: Bounds,
  work: (session: Connection) => Promise<T>,
): Promise<T> {
  const session = createConnection({ ...config, database }, () => undefined);
  try {
    const answer = await awaitWithin(bounds, session.connect(bounds.left()));
    if (answer.kind !== 'ready') throw new TanistError('DATABASE_UNREACHABLE', answer.text);
    return await awaitWithin(bounds, work(session));
  } catch (error) {
    if (error instanceof TanistError || error instanceof Interrupted) throw error;
    throw new TanistError('ENGINE_FAILED', error instanceof Error ? error.message : String(error));
  } finally {
    session.close();
  }
}
