/**
 * A copy takes the place of the data. It knows itself where it stands; but where logs lie outside of the data, those of the old data are still there, and
 * a server counts all that they name as its own. So they are thrown away, and it is told again.
 */
import { formatGtidSet } from '#core/positions/gtid-set.js';
import { SqlError } from 'mariadb';
import type { Bounds } from '#agent/engines/bounds.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import { settleSwap } from '#agent/engines/mysql-family/swap.js';
import { readStatus } from '#agent/engines/mysql/status.js';

/** Until 8.2 the statement has another name. */
const NO_SUCH_STATEMENT = 1064;

/** Of a server that runs, closed, and receives nothing. Nothing happens where there is no fresh copy. */
export const settleCopy = (server: Server, bounds: Bounds): Promise<void> =>
  settleSwap(server, async (standsAt) => {
    const say = (sql: string, values: readonly string[] = []): Promise<unknown> =>
      server.connection.query(sql, { values, timeoutMs: bounds.left() });
    const { gtids, source } = await readStatus(server, bounds.left());
    if (source !== undefined) await say('reset replica all');
    if (formatGtidSet(gtids) === standsAt) return;
    await say('reset binary logs and gtids').catch((error: unknown) => {
      if (!(error instanceof SqlError) || error.errno !== NO_SUCH_STATEMENT) throw error;
      return say('reset master');
    });
    await say('set global gtid_purged = ?', [standsAt]);
  });
