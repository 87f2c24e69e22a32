// Problem: failover has to be tried on clusters of real MySQL servers, and many times over.
// Rule: a primary is made of new data or of a template's, a replica of the same data; both are set up
// as the careful administrator of a replicated MySQL would, so that a server that starts by itself accepts and asks for nothing.
// Consequence: the harness says `open` and `follow` where that administrator would.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Disk } from '#test/cluster/disk.js';
import { copyData, initialize } from '#test/cluster/mysql-data.js';
import { makeFolder } from '#test/cluster/folders.js';
import { ACCOUNTS, describeServer, type MysqlServer } from '#test/cluster/mysql-server.js';
import type { Place } from '#test/cluster/place.js';
import { serverUser } from '#test/cluster/users.js';

export { ACCOUNTS, type MysqlServer };

const SHARED_SETTINGS: Readonly<Record<string, string>> = {
  log_bin: 'binlog',
  relay_log: 'relay',
  gtid_mode: 'ON',
  enforce_gtid_consistency: 'ON',
  sync_binlog: '1',
  innodb_flush_log_at_trx_commit: '1',
  skip_replica_start: 'ON',
  super_read_only: 'ON',
  relay_log_recovery: 'OFF',
  skip_name_resolve: 'ON',
  max_connections: '60',
  // It would not start where the folder for it, which packages make, is not.
  secure_file_priv: 'NULL',
  // Small, and so quick to copy and to start.
  innodb_buffer_pool_size: '32M',
  innodb_redo_log_capacity: '8M',
  innodb_doublewrite_files: '1',
  key_buffer_size: '1M',
  // And a member's data may be copied for another one.
  plugin_load_add: 'semisync_source.so;semisync_replica.so;mysql_clone.so',
  mysqlx: 'OFF',
  performance_schema: 'OFF',
  innodb_buffer_pool_dump_at_shutdown: 'OFF',
  innodb_buffer_pool_load_at_startup: 'OFF',
};
const WITHOUT_FSYNC = { sync_binlog: '0', innodb_flush_log_at_trx_commit: '2' };

export interface ServerOptions {
  /** A run folder, or a folder inside one. Default for a replica: that of its primary. */
  readonly dir: string;
  readonly name: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Lines of the configuration file. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Default: here. */
  readonly place?: Place | undefined;
  /** On which the data lies, and nothing else of it; default: in `dir`. */
  readonly disk?: Disk | undefined;
}

export interface PrimaryOptions extends ServerOptions {
  /** Default: as serverUser says. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Default true, as in life. */
  readonly fsync?: boolean;
  /** Of every account; with a template, what it was made with. Default: none. */
  readonly password?: string;
  /** Data of a server that is down, to be copied: a fortieth of the work of making new. */
  readonly template?: string | undefined;
}

/** Makes a new database, stopped. */
export async function createPrimary(options: PrimaryOptions): Promise<MysqlServer> {
  const { dir, name, settings = {}, fsync = true, password, template, place, disk } = options;
  const { uid, gid } = 'uid' in options ? options : { ...serverUser() };
  const server = await describeServer({ dir, name, port: options.port, uid, gid, password, place, disk });
  makeFolder(server.dir, server);
  configure(server, '[mysqld]\n', { ...SHARED_SETTINGS, ...(fsync ? {} : WITHOUT_FSYNC), ...settings });
  await (template === undefined ? initialize(server) : copyData(template, server));
  if (disk !== undefined) settle(server);
  return server;
}

export interface ReplicaOptions extends Omit<ServerOptions, 'dir'> {
  readonly dir?: string;
  /** What the primary was made of: the log since then is streamed. */
  readonly template: string;
}

/** Makes a replica of a running server, which runs and follows it; its settings are the primary's, and then its own. */
export async function cloneReplica(primary: MysqlServer, options: ReplicaOptions): Promise<MysqlServer> {
  const { dir = dirname(primary.logFile), name, settings = {}, template, place, disk } = options;
  const { uid, gid, password } = primary;
  const server = await describeServer({ dir, name, port: options.port, uid, gid, password, place, disk });
  makeFolder(server.dir, server);
  configure(server, readFileSync(primary.configFile, 'utf8'), settings);
  await copyData(template, server);
  if (disk !== undefined) settle(server);
  await server.start();
  await attach(server, primary);
  return server;
}

async function attach(server: MysqlServer, primary: MysqlServer): Promise<void> {
  await server.query(
    `change replication source to source_host = ?, source_port = ?, source_user = ?, source_password = ?, source_auto_position = 1,
       get_source_public_key = 1, source_connect_retry = 1, source_retry_count = 86400, source_heartbeat_period = 1`,
    [primary.place.address, primary.port, ACCOUNTS.replication, primary.password ?? ''],
  );
  await server.follow();
}

/** The last line of a name counts. */
function configure(
  { configFile }: MysqlServer,
  before: string,
  settings: Readonly<Record<string, string>>,
): void {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  writeFileSync(configFile, before + lines.join(''));
}

/** Onto its disk: one that fails forgets whatever was not. */
function settle({ dir }: MysqlServer): void {
  execFileSync('sync', ['--file-system', dir]);
}
