/** Where the log stands, with its ancestry. Transactions are read before openings: an opening that is not told of yet would look like one that is missing. */
import type { MariadbPosition } from '#core/positions/mariadb.js';
import { identityOf } from '#agent/engines/mariadb/identity.js';
import { readOpenings } from '#agent/engines/mariadb/marks.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { readStatus } from '#agent/engines/mariadb/status.js';

export async function readPosition(server: Server, timeoutMs: number): Promise<MariadbPosition> {
  const { gtids } = await readStatus(server, timeoutMs);
  const { marks, lines } = await readOpenings(server.connection, timeoutMs);
  return { engine: 'mariadb', dataId: await identityOf(server, timeoutMs), gtids, lines, marks };
}
