/** Can Tanist care for a MySQL server that is set so? */
import { unsupported } from '#agent/engines/mysql-family/check.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { TAIL_CHANNEL } from '#agent/engines/mysql/status.js';

/** From here on all statements and settings have the names that 8.4 and 9 know alone. */
const OLDEST = [8, 0, 26] as const;

/** What has to be set, and what goes wrong otherwise. A setting that a version does not have any more cannot be wrong. */
const NEEDED: readonly { readonly name: string; readonly value: RegExp; readonly because: string }[] = [
  ...['log_bin', 'log_replica_updates', 'gtid_mode', 'enforce_gtid_consistency'].map((name) => ({
    ...{ name, value: /^(ON|1)$/ },
    because: "where a log stands could not be told, nor compared with another one's",
  })),
  ...['sync_binlog', 'innodb_flush_log_at_trx_commit'].map((name) => ({
    ...{ name, value: /^1$/ },
    because: 'a crash would take back what the log says was committed, or the other way round',
  })),
  {
    ...{ name: 'binlog_format', value: /^ROW$/ },
    because: 'replicas may come to hold other rows than the leader',
  },
  {
    ...{ name: 'relay_log_recovery', value: /^(OFF|0)$/ },
    because: 'a restart would throw away what was received and not applied',
  },
  {
    ...{ name: 'replica_preserve_commit_order', value: /^(ON|1)$/ },
    because: 'a replica would hold later transactions without earlier ones',
  },
  {
    ...{ name: 'binlog_encryption', value: /^(OFF|0)$/ },
    because: 'the log of a server that is down could not be read',
  },
];

interface Running {
  readonly version: string;
  readonly comment: string;
}

interface SourceRow {
  readonly Channel_Name: string;
  readonly Auto_Position: number | bigint;
}

export async function checkSettings({ connection }: Server): Promise<void> {
  const [row] = await connection.query<Running>('select @@version as version, @@version_comment as comment');
  if (row === undefined) throw new Error('no answer to a question about its version');
  checkVersion(row);
  await checkVariables(connection);
  const sources = await connection.query<SourceRow>('show replica status');
  const channels = sources.map(({ Channel_Name }) => Channel_Name).filter((name) => name !== TAIL_CHANNEL);
  if (channels.some((name) => name !== ''))
    throw unsupported('it has replication channels with names: a member has one source, without a name');
  if (sources.some((source) => hasFilters(source)))
    throw unsupported('it has replication filters: it would come to hold less than the leader');
}

function checkVersion({ version, comment }: Running): void {
  if (/mariadb/i.test(`${version} ${comment}`)) throw unsupported(`version ${version} is not MySQL`);
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  const isOlder =
    major !== OLDEST[0] ? major < OLDEST[0] : minor !== OLDEST[1] ? minor < OLDEST[1] : patch < OLDEST[2];
  if (isOlder)
    throw unsupported(`version ${version}; ${OLDEST.join('.')} is the oldest that can be cared for`);
}

async function checkVariables(connection: Server['connection']): Promise<void> {
  const names = NEEDED.map(({ name }) => `'${name}'`).join();
  const rows = await connection.query<{ Variable_name: string; Value: string }>(
    `show global variables where variable_name in (${names})`,
  );
  for (const { Variable_name, Value } of rows) {
    const needed = NEEDED.find(({ name }) => name === Variable_name);
    if (needed !== undefined && !needed.value.test(Value))
      throw unsupported(`${needed.name} is ${Value}: ${needed.because}`);
  }
}

/** `Replicate_Do_DB` and its like. */
const hasFilters = (source: SourceRow): boolean =>
  Object.entries(source).some(([column, value]) => column.startsWith('Replicate_') && value !== '');
