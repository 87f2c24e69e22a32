/** Openings as MySQL tells them: who was opened by its server's identifier, and the set of all transactions that were there before. */
import { asEpoch } from '#core/brand.js';
import { parseGtidSet } from '#core/positions/gtid-set.js';
import type { MysqlLine } from '#core/positions/mysql.js';
import type { OpeningsTable, ReadLine } from '#agent/engines/mysql-family/marks.js';

export const OPENINGS: OpeningsTable = {
  columns: 'server varchar(36) not null, line_from longtext not null',
  ownServer: '@@global.server_uuid',
};

/** Throws where it says nothing. */
export const readLine: ReadLine<MysqlLine> = (epoch, server, line) => {
  const from = parseGtidSet(line);
  if (from === undefined) throw new Error(`tanist.openings: epoch ${epoch} began at "${line}"`);
  return { epoch: asEpoch(BigInt(epoch)), server: String(server), from };
};
