/** A server of MariaDB, by its words. */
import { delimiter } from 'node:path';
import {
  describeServer as describe,
  type DescribedServer,
  type FamilyServer,
  type Words,
} from '#test/cluster/family-server.js';

export {
  ACCOUNTS,
  type FamilyServer as MariadbServer,
  serverEnvironment,
  temporaryFolder,
} from '#test/cluster/family-server.js';

const words = (): Words => ({
  folders: ['/usr/sbin', '/usr/bin', '/usr/libexec', ...(process.env['PATH'] ?? '').split(delimiter)],
  remedy: 'node test/setup.mjs installs one',
  ...{ program: 'mariadbd', tool: 'mariadb-backup', client: 'mariadb', logEnd: '@@global.gtid_binlog_pos' },
  ...{ openBy: ['set global read_only = 0'], followBy: 'start slave', status: 'show slave status' },
  ...{ receives: 'Slave_IO_Running', sourcePort: 'Master_Port' },
  hasApplied: { sql: 'master_gtid_wait(?, 0)', is: 0 },
});

export const describeServer = (options: DescribedServer): Promise<FamilyServer> => describe(words(), options);
