/** What only this member has, of MariaDB: which of its transactions are not on the line of the leader's openings. */
import type { PlanMember, ProvedOpening } from '#core/plan.js';
import { ofEngine } from '#core/position.js';
import { formatGtids, type Gtid, isShared, type MariadbPosition } from '#core/positions/mariadb.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { lastIdentifiers } from '#agent/engines/mysql-family/identifiers.js';
import { findOwnLog } from '#agent/engines/mariadb/own-log.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import * as family from '#agent/engines/mysql-family/salvage.js';

export function salvage(
  server: Server,
  leader: PlanMember,
  own: MariadbPosition,
  opening: ProvedOpening,
  bounds: Bounds,
): Promise<readonly Gtid[]> {
  const { lines } = ofEngine(opening.position, 'mariadb');
  const of: family.Salvaging<MariadbPosition> = {
    own,
    name: formatGtids(own.gtids).replaceAll(',', '_'),
    findLog: (files) => findOwnLog(files, (gtid) => isShared(gtid, own.lines, lines)),
    lastIdentifiers: (within) => lastIdentifiers(server, within),
    client: 'mariadb',
  };
  return family.salvage(server, leader, of, opening, bounds);
}
