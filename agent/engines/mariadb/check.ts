/** Is this the server that the configuration means, and can Tanist care for it? A server that is down is no error. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { EngineIdentity } from '#agent/ports/engine.js';
import { copyIdOf, identityOf } from '#agent/engines/mariadb/identity.js';
import { answers } from '#agent/engines/mysql-family/connection.js';
import { learnLogPlaces } from '#agent/engines/mysql-family/log-places.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { finishSwap } from '#agent/engines/mariadb/swap.js';

const OLDEST = [10, 11] as const;
const ANSWER_WITHIN_MS = 5_000;

interface Running {
  readonly version: string;
  readonly datadir: string;
  readonly logged: number | bigint;
  readonly logsApplied: number | bigint;
  readonly strict: number | bigint;
  readonly format: string;
  readonly synced: number | bigint;
  readonly flushed: number | bigint;
  readonly encrypted: number | bigint;
  readonly received: number | bigint;
}

export async function check(server: Server): Promise<EngineIdentity> {
  const { config, dataDir } = server;
  const swapped = await finishSwap(server);
  await stat(join(dataDir, 'ibdata1')).catch((error: unknown) => {
    throw new TanistError('NOT_A_DATA_DIRECTORY', `${dataDir}: ${String(error)}`, 'check engine.dataDir');
  });
  const answer = await server.connection.connect(ANSWER_WITHIN_MS);
  const where = config.socket ?? `${config.host}:${config.port}`;
  if (answer.kind === 'ready')
    await checkRunning(server).catch(async (error: unknown) => {
      // The guard's deadline is near while an agent starts: it may end the server between two of our looks, and down is no error.
      if (server.findMain() !== undefined || (await answers(server.connection))) throw error;
    });
  else if (answer.kind === 'refused')
    throw new TanistError('DATABASE_REFUSED', `${config.user} at ${where}: ${answer.text}`);
  else if (answer.kind === 'silent' && server.findMain() !== undefined)
    throw new TanistError(
      'DATABASE_UNREACHABLE',
      `a server runs on ${dataDir}, but ${where} does not answer: ${answer.text}`,
      'check engine.host, engine.port and engine.socket',
    );
  const dataId = await identityOf(server, ANSWER_WITHIN_MS);
  const copyId = await copyIdOf(dataDir);
  const replacedCopyId = swapped?.by === copyId ? swapped?.replaced : undefined;
  return { engine: 'mariadb', dataId, copyId, replacedCopyId };
}

async function checkRunning(server: Server): Promise<void> {
  const { connection, dataDir } = server;
  const [row] = await connection.query<Running>(`
    select @@version as version, @@global.datadir as datadir, @@global.log_bin as logged,
      @@global.log_slave_updates as logsApplied, @@global.gtid_strict_mode as strict, @@global.binlog_format as format,
      @@global.sync_binlog as synced, @@global.innodb_flush_log_at_trx_commit as flushed, @@global.encrypt_binlog as encrypted,
      @@global.relay_log_recovery as received`);
  if (row === undefined) throw new TanistError('DATABASE_UNREACHABLE', 'no answer to the first question');
  const [here, answering] = await Promise.all(
    [dataDir, row.datadir].map((path) => stat(path).catch(() => undefined)),
  );
  if (server.findMain() === undefined || here?.ino !== answering?.ino || here?.dev !== answering?.dev)
    throw new TanistError(
      'DATA_DIRECTORY_MISMATCH',
      `the server that answers runs on ${row.datadir}, not on ${dataDir}`,
      'check engine.dataDir, engine.host, engine.port and engine.socket',
    );
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
  const main = server.findMain();
  if (main !== undefined && (await server.bootsClosed(main)) === false)
    throw unsupported(
      'its configuration must have read_only and skip_slave_start, and no rpl_semi_sync_…_enabled: else, started by itself, it accepts writes, throws received log away, or confirms what nobody counts on',
    );
  await learnLogPlaces(server, ANSWER_WITHIN_MS);
  if (row.format !== 'ROW')
    throw unsupported(`binlog_format is ${row.format}: replicas may come to hold other rows than the leader`);
}

const unsupported = (detail: string): TanistError => new TanistError('DATABASE_UNSUPPORTED', detail);
