/**
 * A server that is killed in the midst of a commit leaves its client in doubt: what was not answered may be in the log, which the heir takes over,
 * and a client that repeats it writes it twice. So its leader, before it is killed, holds up what has not begun to commit, and answers all else.
 * What takes several commits without a word in between (a procedure) may have made some. Nothing rests on it: a server that does not do so in time
 * is killed all the same.
 */
import type { Bounds } from '#agent/engines/bounds.js';
import type { Server } from '#agent/engines/mysql-family/server.js';

const LOOK_EVERY_MS = 2;

/** What holds them goes with the server. Rejects where it cannot be had in time. */
export async function holdWrites({ connection, kind }: Server, bounds: Bounds): Promise<void> {
  await connection.query(kind.holdWrites, { timeoutMs: bounds.left() });
  // A commit lets go of the lock before its answer is on its way.
  const areAnswered = async (): Promise<boolean> => {
    const atWork = await connection.query(AT_WORK, { timeoutMs: bounds.left() });
    return atWork.length === 0;
  };
  if (!(await bounds.until(areAnswered, LOOK_EVERY_MS))) throw new Error('some are still under way');
}

/** Whoever only reads is waited for, too, as long as there is time. */
const AT_WORK = `select 1 from information_schema.processlist
  where command in ('Query', 'Execute', 'Bulk_execute') and id <> connection_id()
    and coalesce(state, '') not in ('Waiting for global read lock', 'Waiting for commit lock', 'Waiting for backup lock') limit 1`;
