/** Openings as MariaDB tells them: who was opened by its server number, and of each domain the newest transaction that was there before. */
import { asEpoch } from '#core/brand.js';
import { type GtidLine, parseGtids } from '#core/positions/mariadb.js';
import type { OpeningsTable, ReadLine } from '#agent/engines/mysql-family/marks.js';

export const OPENINGS: OpeningsTable = {
  columns: 'server int unsigned not null, line_from text not null',
  ownServer: '@@global.server_id',
};

/** Throws where it says nothing. */
export const readLine: ReadLine<GtidLine> = (epoch, server, line) => {
  const from = parseGtids(line);
  if (from === undefined) throw new Error(`tanist.openings: epoch ${epoch} began at "${line}"`);
  return { epoch: asEpoch(BigInt(epoch)), server: Number(server), from };
};
