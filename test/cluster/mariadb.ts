// Problem: failover has to be tried on clusters of real MariaDB servers, and many times over.
// Rule: a primary is made of new data or of a template's, a replica of its primary's backup or of the same template; both are set up
// as the careful administrator of a replicated MariaDB would, so that a server that starts by itself accepts and asks for nothing.
// Consequence: the harness says `open` and `follow` where that administrator would.
import { execFileSync } from 'node:child_process';
import { readFileSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import type { Disk } from '#test/cluster/disk.js';
import { backUp, copyData, initialize } from '#test/cluster/mariadb-data.js';
import { makeFolder } from '#test/cluster/folders.js';
import { ACCOUNTS, describeServer, type MariadbServer } from '#test/cluster/mariadb-server.js';
import type { Place } from '#test/cluster/place.js';
import { serverUser } from '#test/cluster/users.js';

export { ACCOUNTS, type MariadbServer };

const SHARED_SETTINGS: Readonly<Record<string, string>> = {
  log_bin: 'binlog',
  relay_log: 'relay',
  log_slave_updates: 'ON',
  gtid_strict_mode: 'ON',
  gtid_domain_id: '0',
  binlog_format: 'ROW',
  sync_binlog: '1',
  innodb_flush_log_at_trx_commit: '1',
  skip_slave_start: 'ON',
  read_only: 'ON',
  skip_name_resolve: 'ON',
  character_set_server: 'utf8mb4',
  max_connections: '60',
  // Small, and so quick to copy and to start: the page cache of Aria alone is 128 MB otherwise, and a third of a start.
  innodb_buffer_pool_size: '32M',
  innodb_log_file_size: '8M',
  aria_pagecache_buffer_size: '8M',
  key_buffer_size: '1M',
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
export async function createPrimary(options: PrimaryOptions): Promise<MariadbServer> {
  const { dir, name, settings = {}, fsync = true, password, template, place, disk } = options;
  const { uid, gid } = 'uid' in options ? options : { ...serverUser() };
  const server = await describeServer({ dir, name, port: options.port, uid, gid, password, place, disk });
  makeFolder(server.dir, server);
  configure(server, '[mariadbd]\n', { ...SHARED_SETTINGS, ...(fsync ? {} : WITHOUT_FSYNC), ...settings });
  await (template === undefined ? initialize(server) : copyData(template, server));
  if (disk !== undefined) settle(server);
  return server;
}

export interface ReplicaOptions extends Omit<ServerOptions, 'dir'> {
  readonly dir?: string;
  /** What the primary was made of, copied in place of the primary's own data: the log since then is streamed. */
  readonly template?: string | undefined;
}

/** Makes a replica of a running server, which runs and follows it; its settings are the primary's, and then its own. */
export async function cloneReplica(primary: MariadbServer, options: ReplicaOptions): Promise<MariadbServer> {
  const { dir = dirname(primary.logFile), name, settings = {}, template, place, disk } = options;
  const { uid, gid, password } = primary;
  const server = await describeServer({ dir, name, port: options.port, uid, gid, password, place, disk });
  makeFolder(server.dir, server);
  configure(server, readFileSync(primary.configFile, 'utf8'), settings);
  let position: string | undefined;
  if (template === undefined) position = await backUp(primary, server);
  else await copyData(template, server);
  if (disk !== undefined) settle(server);
  await server.start();
  await attach(server, primary, position ?? (await endOfLog(server)));
  return server;
}

/** A copy with its log stands where that ends, and is told so: what a replica goes on from is kept apart from the log. */
async function endOfLog(server: MariadbServer): Promise<string> {
  const [row] = await server.query<{ gtid: string }>('select @@global.gtid_binlog_pos as gtid');
  return row?.gtid ?? '';
}

async function attach(server: MariadbServer, primary: MariadbServer, position: string): Promise<void> {
  await server.query('set global gtid_slave_pos = ?', [position]);
  await server.query(
    `change master to master_host = ?, master_port = ?, master_user = ?, master_password = ?,
       master_use_gtid = slave_pos, master_connect_retry = 1, master_heartbeat_period = 1`,
    [primary.place.address, primary.port, ACCOUNTS.replication, primary.password ?? ''],
  );
  await server.follow();
}

/** The last line of a name counts. */
function configure(
  { configFile }: MariadbServer,
  before: string,
  settings: Readonly<Record<string, string>>,
): void {
  const lines = Object.entries(settings).map(([name, value]) => `${name} = ${value}\n`);
  writeFileSync(configFile, before + lines.join(''));
}

/** Onto its disk: one that fails forgets whatever was not. */
function settle({ dir }: MariadbServer): void {
  execFileSync('sync', ['--file-system', dir]);
}
