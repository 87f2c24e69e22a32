/**
 * A statement that was given up may still come: the server goes on with what its session has sent, though that is cut, and a server that stood
 * still does so when it goes on. It must not undo what came after it. The session that holds this lock knows that no earlier one of ours is left.
 */
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import type { Server } from '#agent/engines/mysql-family/server.js';

/** Held by the session that the engine's steps speak on. */
export const LOCK = 'tanist-session';
const LOOK_EVERY_MS = 5;
const LOOK_WITHIN_MS = 1_000;

/** Held for as long as the session lives. Whoever has it otherwise is ended. */
export async function beSoleSession({ connection, kind }: Server, bounds: Bounds): Promise<void> {
  const isHeld = async (): Promise<boolean> => {
    const [row] = await connection.query<{ holder: bigint | number | null; own: bigint | number }>(
      'select is_used_lock(?) as holder, connection_id() as own',
      { values: [LOCK], timeoutMs: LOOK_WITHIN_MS },
    );
    if (row === undefined) return false;
    if (row.holder === null) {
      await connection.query('do get_lock(?, 0)', { values: [LOCK], timeoutMs: LOOK_WITHIN_MS });
      return false;
    }
    if (Number(row.holder) === Number(row.own)) return true;
    await connection
      .query(kind.semiSync.kill, { values: [row.holder], timeoutMs: LOOK_WITHIN_MS })
      .catch(() => undefined); // it has ended by itself
    return false;
  };
  if (!(await bounds.until(isHeld, LOOK_EVERY_MS)))
    throw new TanistError('ENGINE_FAILED', 'a statement of an earlier session is still under way');
}
