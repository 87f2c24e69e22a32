/** Ends commits that wait for a replica. Of all that wait the first alone is seen to: the others wait for its place. */
import type { Bounds } from '#agent/engines/bounds.js';
import { SEMI_SYNC } from '#agent/engines/mariadb/semi-sync.js';
import type { Server } from '#agent/engines/mariadb/server.js';

const LOOK_WITHIN_MS = 1_000;

export async function endWaiting({ connection, log }: Server, _bounds: Bounds, own?: number): Promise<void> {
  const rows = await connection.query<{ id: bigint | number }>(
    `select id from information_schema.processlist where state = ?`,
    { values: [SEMI_SYNC.waitingState], timeoutMs: LOOK_WITHIN_MS },
  );
  for (const { id } of rows) {
    const isOwn = Number(id) === own;
    if (!isOwn) log('warn', 'WAIT_ENDED', { session: Number(id) });
    await connection
      .query(isOwn ? 'kill query ?' : SEMI_SYNC.kill, { values: [id], timeoutMs: LOOK_WITHIN_MS })
      .catch(() => undefined); // it has ended by itself
  }
}
