/** Can Tanist care for a MariaDB server that is set so? */
import { unsupported } from '#agent/engines/mysql-family/check.js';
import type { Server } from '#agent/engines/mariadb/server.js';

const OLDEST = [10, 11] as const;

interface Running {
  readonly version: string;
  readonly logged: number | bigint;
  readonly logsApplied: number | bigint;
  readonly strict: number | bigint;
  readonly format: string;
  readonly synced: number | bigint;
  readonly flushed: number | bigint;
  readonly encrypted: number | bigint;
  readonly received: number | bigint;
}

export async function checkSettings({ connection }: Server): Promise<void> {
  const [row] = await connection.query<Running>(`
    select @@version as version, @@global.log_bin as logged,
      @@global.log_slave_updates as logsApplied, @@global.gtid_strict_mode as strict, @@global.binlog_format as format,
      @@global.sync_binlog as synced, @@global.innodb_flush_log_at_trx_commit as flushed, @@global.encrypt_binlog as encrypted,
      @@global.relay_log_recovery as received`);
  if (row === undefined) throw new Error('no answer to a question about its settings');
  const [major = 0, minor = 0] = row.version.split('.').map(Number);
  if (!/mariadb/i.test(row.version)) throw unsupported(`version ${row.version} is not MariaDB`);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    throw unsupported(`version ${row.version}; ${OLDEST.join('.')} is the oldest that can be cared for`);
  const needed = { log_bin: row.logged, log_slave_updates: row.logsApplied, gtid_strict_mode: row.strict };
  for (const [name, value] of Object.entries(needed))
    if (Number(value) !== 1)
      throw unsupported(
        `${name} is off: where a log stands could not be told, nor compared with another one's`,
      );
  if (Number(row.synced) !== 1 || Number(row.flushed) !== 1)
    throw unsupported(
      'sync_binlog and innodb_flush_log_at_trx_commit must both be 1: else a crash takes back what the log says was committed, or the other way round',
    );
  if (Number(row.encrypted) !== 0)
    throw unsupported('encrypt_binlog is on: the log of a server that is down could not be read');
  if (Number(row.received) !== 0)
    throw unsupported(
      'relay_log_recovery is on: a server that starts throws away what it has received and not applied, also what it confirmed',
    );
  const sources = await connection.query<{ Connection_name: string }>('show all slaves status');
  if (sources.length > 1 || (sources[0]?.Connection_name ?? '') !== '')
    throw unsupported('it has replication connections with names: a member has one source, without a name');
  if (row.format !== 'ROW')
    throw unsupported(`binlog_format is ${row.format}: replicas may come to hold other rows than the leader`);
}
