/** What a copy of MariaDB's data is made of: mariadb-backup runs beside the source, and its agent hands the stream on. */
import { TanistError } from '#core/errors.js';
import { compareGtids, formatGtids, type MariadbPosition } from '#core/positions/mariadb.js';
import { salvage } from '#agent/engines/mariadb/salvage.js';
import { seal } from '#agent/engines/mariadb/seal.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { takeCopy } from '#agent/engines/mariadb/take-copy.js';
import { requirePlace } from '#agent/engines/mysql-family/copy-place.js';
import type { Cloning } from '#agent/engines/mysql-family/reclone.js';

/** Not its binary log, nor what it had received: those are told by the server. */
const DATA_FILES =
  /^(ibdata\d+|ib_logfile\d+|ib_buffer_pool|ibtmp\d+|undo\d+|aria_log.*|ddl_recovery.*|tc\.log|.*\.(ibd|frm|MY[DI]|MA[DI]|CS[MV]|pid|sock|info)|(xtrabackup|mariadb_backup)_\w+|backup-my\.cnf)$/;

export const cloning = (server: Server): Cloning<MariadbPosition> => ({
  engine: 'mariadb',
  requireClonable: () => requireClonable(server),
  seal: (bounds) => seal(server, bounds),
  salvage: (leader, own, opening, bounds) => salvage(server, leader, own, opening, bounds),
  takeCopy: (source, told, bounds) => takeCopy(server, source, told, bounds),
  holds: (gtids, needed) => ['ahead', 'equal'].includes(compareGtids(gtids, needed)),
  format: formatGtids,
  dataFiles: DATA_FILES,
});

/** What a copy beside the data cannot do without. */
export function requireClonable(server: Server): void {
  for (const name of ['mariadb-backup', 'mbstream'])
    if (server.findTool(name) === undefined)
      throw new TanistError(
        'RECLONE_IMPOSSIBLE',
        `there is no program ${name}`,
        'install mariadb-backup, or set mariadb.binDir',
      );
  requirePlace(server);
}
