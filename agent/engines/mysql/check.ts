/** Is this the server that the configuration means, and can Tanist care for it? A server that is down is no error. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { EngineIdentity } from '#agent/ports/engine.js';
import { copyIdOf, identityOf } from '#agent/engines/mysql/identity.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { TAIL_CHANNEL } from '#agent/engines/mysql/status.js';
import { answers } from '#agent/engines/mysql-family/connection.js';
import { learnLogPlaces } from '#agent/engines/mysql-family/log-places.js';

/** From here on all statements and settings have the names that 8.4 and 9 know alone. */
const OLDEST = [8, 0, 26] as const;
const ANSWER_WITHIN_MS = 5_000;

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
  readonly datadir: string;
}

interface SourceRow {
  readonly Channel_Name: string;
  readonly Auto_Position: number | bigint;
}

export async function check(server: Server): Promise<EngineIdentity> {
  const { config, dataDir } = server;
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
  return { engine: 'mysql', dataId, copyId: await copyIdOf(server), replacedCopyId: undefined };
}

async function checkRunning(server: Server): Promise<void> {
  const { connection, dataDir } = server;
  const [row] = await connection.query<Running>(
    'select @@version as version, @@version_comment as comment, @@global.datadir as datadir',
  );
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
  checkVersion(row);
  await checkSettings(server);
  const sources = await connection.query<SourceRow>('show replica status');
  const channels = sources.map(({ Channel_Name }) => Channel_Name).filter((name) => name !== TAIL_CHANNEL);
  if (channels.some((name) => name !== ''))
    throw unsupported('it has replication channels with names: a member has one source, without a name');
  if (sources.some((source) => hasFilters(source)))
    throw unsupported('it has replication filters: it would come to hold less than the leader');
  const main = server.findMain();
  if (main !== undefined && (await server.bootsClosed(main)) === false)
    throw unsupported(
      'super_read_only and skip_replica_start are not both in its configuration, or were persisted otherwise: started by itself it would accept writes, or receive from anybody',
    );
  await learnLogPlaces(server, ANSWER_WITHIN_MS);
}

function checkVersion({ version, comment }: Running): void {
  if (/mariadb/i.test(`${version} ${comment}`)) throw unsupported(`version ${version} is not MySQL`);
  const [major = 0, minor = 0, patch = 0] = version.split(/[.-]/).map(Number);
  const isOlder =
    major !== OLDEST[0] ? major < OLDEST[0] : minor !== OLDEST[1] ? minor < OLDEST[1] : patch < OLDEST[2];
  if (isOlder)
    throw unsupported(`version ${version}; ${OLDEST.join('.')} is the oldest that can be cared for`);
}

async function checkSettings({ connection }: Server): Promise<void> {
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

const unsupported = (detail: string): TanistError => new TanistError('DATABASE_UNSUPPORTED', detail);
