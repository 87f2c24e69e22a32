/** What a copy of MySQL's data is made of: the server of the source is cloned, by its plugin of that name. */
import { isAbsolute, relative, resolve } from 'node:path';
import { TanistError } from '#core/errors.js';
import { formatGtidSet } from '#core/positions/gtid-set.js';
import type { MysqlPosition } from '#core/positions/mysql.js';
import type { DataFormat } from '#agent/engines/mysql/private-server.js';
import { sealForCopy } from '#agent/engines/mysql/seal.js';
import { salvage } from '#agent/engines/mysql/salvage.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { hasAll } from '#agent/engines/mysql/status.js';
import { takeCopy } from '#agent/engines/mysql/take-copy.js';
import { requirePlace } from '#agent/engines/mysql-family/copy-place.js';
import type { Cloning } from '#agent/engines/mysql-family/reclone.js';

const ASK_WITHIN_MS = 5_000;
/**
 * Its `auto.cnf`, too: with the identifier of the old data the server would give numbers a second time that it gave to what only the old data has,
 * and a replica that has those would pass over the new ones.
 */
const DATA_FILES =
  /^(ibdata\d+|ib_logfile\d+|ib_buffer_pool|ibtmp\d+|undo_\d+|#.*|auto\.cnf|tanist-identity|mysql_upgrade_\w+|.*\.(ibd|ibu|sdi|frm|dblwr|MY[DI]|CS[MV]|AR[MZN]|pid|sock|sock\.lock))$/;

export const cloning = (server: Server): Cloning<MysqlPosition> => ({
  engine: 'mysql',
  async requireClonable() {
    await requireClonable(server);
  },
  seal: (bounds) => sealForCopy(server, bounds),
  salvage: (leader, own, opening, bounds) => salvage(server, leader, own, opening, bounds),
  takeCopy: async (source, told, bounds) =>
    takeCopy(server, source, await requireClonable(server), told, bounds),
  holds: hasAll,
  format: formatGtidSet,
  dataFiles: DATA_FILES,
});

interface Laid {
  readonly pageSize: number | bigint;
  readonly nameCase: number | bigint;
  readonly dataFile: string;
  readonly dataHome: string | null;
  readonly redoHome: string | null;
  readonly undoHome: string | null;
}

/** What a copy beside the data cannot do without. Answers how files of this data are laid out; of a server that is down, as servers do by default. */
export async function requireClonable(server: Server): Promise<DataFormat> {
  if (server.findTool('mysqld') === undefined)
    throw new TanistError('RECLONE_IMPOSSIBLE', 'there is no program mysqld', 'set mysql.binDir');
  requirePlace(server);
  // A session may not have heard yet that its server is gone.
  if (server.findMain() === undefined || !server.connection.isReady()) return [];
  const [laid] = await server.connection.query<Laid>(
    `select @@global.innodb_page_size as pageSize, @@global.lower_case_table_names as nameCase, @@global.innodb_data_file_path as dataFile,
      @@global.innodb_data_home_dir as dataHome, @@global.innodb_log_group_home_dir as redoHome, @@global.innodb_undo_directory as undoHome`,
    { timeoutMs: ASK_WITHIN_MS },
  );
  if (laid === undefined) return [];
  const { pageSize, nameCase, dataFile, dataHome, redoHome, undoHome } = laid;
  const outside = [dataHome, redoHome, undoHome].find((path) => !isInside(server.dataDir, path ?? ''));
  if (outside !== undefined)
    throw new TanistError(
      'RECLONE_IMPOSSIBLE',
      `${outside ?? ''} of InnoDB lies outside of ${server.dataDir}: it would not go with a copy`,
      'let all of InnoDB lie in the data directory',
    );
  return [
    `--innodb-page-size=${pageSize}`,
    `--innodb-data-file-path=${dataFile}`,
    `--lower-case-table-names=${nameCase}`,
  ];
}

function isInside(dataDir: string, path: string): boolean {
  const from = relative(dataDir, resolve(dataDir, path));
  return !from.startsWith('..') && !isAbsolute(from);
}
