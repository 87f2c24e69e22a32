/**
 * Where the log stands, with its ancestry. Transactions are read before openings: an opening that is not told of yet would look like one that is
 * missing. And the server counts a transaction a moment before its rows are seen: an opening's own, too.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TanistError } from '#core/errors.js';
import { formatGtids, isForeign, type MariadbPosition } from '#core/positions/mariadb.js';
import { identityOf } from '#agent/engines/mysql-family/identity.js';
import { readOpenings } from '#agent/engines/mysql-family/marks.js';
import { readLine } from '#agent/engines/mariadb/marks.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { readStatus } from '#agent/engines/mariadb/status.js';

/** How often a position is read again that looks foreign, and how long after. */
const AGAIN = 3;
const AFTER_MS = 2;

export async function readPosition(server: Server, timeoutMs: number): Promise<MariadbPosition> {
  for (let again = 0; ; again += 1) {
    const { gtids } = await readStatus(server, timeoutMs);
    const { marks, lines } = await readOpenings(server.connection, readLine, timeoutMs);
    const dataId = await identityOf(server, timeoutMs);
    const position: MariadbPosition = { engine: 'mariadb', dataId, gtids, lines, marks };
    if (!isForeign(position) || again === AGAIN) return position;
    await sleep(AFTER_MS);
  }
}

/** A replica that has written by itself has diverged for good, also while log still arrives, in another domain. */
export async function requireOwnLine(server: Server, timeoutMs: number): Promise<void> {
  const position = await readPosition(server, timeoutMs);
  if (isForeign(position))
    throw new TanistError(
      'REWIND_IMPOSSIBLE',
      `it has written by itself: ${formatGtids(position.gtids)} is not what its leader wrote`,
    );
}
