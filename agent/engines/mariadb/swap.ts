/** A copy comes without a log: so the server that was started on it is told where it stands in the history. */
import type { Bounds } from '#agent/engines/bounds.js';
import { settleSwap } from '#agent/engines/mysql-family/swap.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { readStatus } from '#agent/engines/mariadb/status.js';

/** Of a server that runs, closed, and receives nothing. Nothing happens where there is no fresh copy. */
export const settleCopy = (server: Server, bounds: Bounds): Promise<void> =>
  settleSwap(server, async (standsAt) => {
    const say = (sql: string, values: readonly string[] = []): Promise<unknown> =>
      server.connection.query(sql, { values, timeoutMs: bounds.left() });
    const { source } = await readStatus(server, bounds.left());
    // What may be left of the data before, where logs lie outside of it.
    if (source !== undefined) await say('reset slave all');
    await say('reset master');
    await say('set global gtid_slave_pos = ?', [standsAt]);
  });
