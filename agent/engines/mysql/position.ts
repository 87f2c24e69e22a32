/** Where the log stands, with its ancestry. Transactions are read before openings: an opening that is not told of yet would look like one that is missing. */
import type { MysqlPosition } from '#core/positions/mysql.js';
import { identityOf } from '#agent/engines/mysql-family/identity.js';
import { readOpenings } from '#agent/engines/mysql-family/marks.js';
import { readLine } from '#agent/engines/mysql/marks.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { readStatus } from '#agent/engines/mysql/status.js';

export async function readPosition(server: Server, timeoutMs: number): Promise<MysqlPosition> {
  const { gtids } = await readStatus(server, timeoutMs);
  const { marks, lines } = await readOpenings(server.connection, readLine, timeoutMs);
  const dataId = await identityOf(server, timeoutMs);
  return { engine: 'mysql', dataId, gtids, lines, marks };
}
