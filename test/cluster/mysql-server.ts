/** A server of MySQL, by its words. Debian's stable has none: it comes from the folder of newer servers (test/compat/servers.mjs). */
import { join } from 'node:path';
import {
  describeServer as describe,
  type DescribedServer,
  type FamilyServer,
  type Words,
} from '#test/cluster/family-server.js';

export {
  ACCOUNTS,
  type FamilyServer as MysqlServer,
  serverEnvironment,
} from '#test/cluster/family-server.js';

function words(): Words {
  const newer = process.env['TANIST_COMPAT_DIR'];
  return {
    folders: newer === undefined ? [] : [join(newer, 'usr/sbin'), join(newer, 'usr/bin')],
    remedy: 'run npm run test:compat',
    ...{ program: 'mysqld', tool: 'mysqlbinlog', client: 'mysql', logEnd: '@@global.gtid_executed' },
    openBy: ['set global super_read_only = 0', 'set global read_only = 0'],
    ...{ followBy: 'start replica', status: 'show replica status' },
    ...{ receives: 'Replica_IO_Running', sourcePort: 'Source_Port' },
    hasApplied: { sql: 'gtid_subset(?, @@global.gtid_executed)', is: 1 },
  };
}

export const describeServer = (options: DescribedServer): Promise<FamilyServer> => describe(words(), options);
