/** What only this member has, of MySQL: all that is not in the leader's history up to where that left this one's. */
import { createHash } from 'node:crypto';
import type { PlanMember, ProvedOpening } from '#core/plan.js';
import { ofEngine } from '#core/position.js';
import { countGtids, formatGtidSet, type GtidSet } from '#core/positions/gtid-set.js';
import { type MysqlPosition, sharedGtids } from '#core/positions/mysql.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { findOwnLog } from '#agent/engines/mysql/own-log.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { lastIdentifiers } from '#agent/engines/mysql-family/identifiers.js';
import * as family from '#agent/engines/mysql-family/salvage.js';

export function salvage(
  server: Server,
  leader: PlanMember,
  own: MysqlPosition,
  opening: ProvedOpening,
  bounds: Bounds,
): Promise<GtidSet> {
  const shared = sharedGtids(own, ofEngine(opening.position, 'mysql'));
  const of: family.Salvaging<MysqlPosition> = {
    own,
    name: nameOf(own.gtids),
    findLog: (files) => findOwnLog(server, files, own.gtids, shared),
    lastIdentifiers: (within) => lastIdentifiers(server, within),
    client: 'mysql',
  };
  return family.salvage(server, leader, of, opening, bounds);
}

const DIGITS = 19;
const HASH = 12;

/** A set may be longer than a file's name can be: how many there are, and a hash of them. */
function nameOf(gtids: GtidSet): string {
  const hash = createHash('sha256').update(formatGtidSet(gtids)).digest('hex').slice(0, HASH);
  return `${String(countGtids(gtids)).padStart(DIGITS, '0')}-${hash}`;
}
