/** Is this the server that the configuration means, and can Tanist care for it? A server that is down is no error. */
import { access, constants, readFile, stat } from 'node:fs/promises';
import { endianness } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { EngineIdentity } from '#agent/ports/engine.js';
import { isAnswer } from '#agent/engines/postgres/connection.js';
import { copyIdOf } from '#agent/engines/postgres/copy-id.js';
import type { Owner } from '#common/durable-files.js';
import { readProcess } from '#agent/engines/process-table.js';
import { findPostmaster } from '#agent/engines/postgres/processes.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { finishSwap } from '#agent/engines/postgres/swap-data.js';

const OLDEST_VERSION = 14;
const ANSWER_WITHIN_MS = 5_000;

export async function check(server: Server): Promise<EngineIdentity> {
  if (endianness() !== 'LE')
    throw unsupported('this machine is big-endian: the pages of the log are read as little-endian');
  checkNames(server);
  const swapped = await finishSwap(server);
  await checkFiles(server);
  const { dataId } = await server.facts();
  const answer = await server.connection.connect(ANSWER_WITHIN_MS);
  if (answer.kind === 'ready') await checkRunning(server);
  else if (answer.kind === 'refused') {
    throw new TanistError(
      'DATABASE_REFUSED',
      `${server.config.user}@${server.config.host}:${server.config.port}: ${answer.text}`,
    );
  } else if (answer.kind === 'silent' && findPostmaster(server.dataDir) !== undefined) {
    throw new TanistError(
      'DATABASE_UNREACHABLE',
      `a server runs on ${server.dataDir}, but ${server.config.host}:${server.config.port} does not answer: ${answer.text}`,
      'check engine.host and engine.port',
    );
  }
  const copyId = await copyIdOf(server.dataDir);
  return {
    engine: 'postgres',
    dataId,
    copyId,
    replacedCopyId: swapped?.by === copyId ? swapped?.replaced : undefined,
  };
}

async function checkFiles(server: Server): Promise<void> {
  const { dataDir, logDir } = server;
  const next = 'run the agent as the owner of the data directory, or as root';
  let version: string;
  try {
    version = (await readFile(join(dataDir, 'PG_VERSION'), 'latin1')).trim();
    await stat(join(dataDir, 'global', 'pg_control'));
  } catch (error) {
    const denied = (error as NodeJS.ErrnoException).code === 'EACCES';
    throw new TanistError(
      'NOT_A_DATA_DIRECTORY',
      `${dataDir}: ${String(error)}`,
      denied ? next : 'check engine.dataDir',
    );
  }
  // PostgreSQL never writes it again: a whole number, or the disk has lost it.
  if (!/^\d+(\.\d+)?$/.test(version))
    throw new TanistError(
      'DATA_DIRECTORY_DAMAGED',
      `${join(dataDir, 'PG_VERSION')} ${version === '' ? 'is empty' : 'holds no version'}: the disk has lost what was written there`,
    );
  if (Number(version) < OLDEST_VERSION)
    throw unsupported(`version ${version}; ${OLDEST_VERSION} is the oldest that can be cared for`);
  const owner = await server.owner();
  const uid = process.getuid?.() ?? 0;
  if (uid !== 0 && uid !== owner.uid)
    throw new TanistError(
      'NOT_A_DATA_DIRECTORY',
      `${dataDir} belongs to user ${owner.uid}, the agent runs as ${uid}`,
      next,
    );
  await access(logDir, constants.R_OK | constants.W_OK).catch((error: unknown) => {
    throw new TanistError('NOT_A_DATA_DIRECTORY', `${logDir}: ${String(error)}`, next);
  });
  await checkReachable(server.tailDir, owner);
}

/** The server itself reads what the agent lays there. */
async function checkReachable(path: string, owner: Owner): Promise<void> {
  if (process.getuid?.() !== 0) return;
  for (let folder = dirname(resolve(path)); ; folder = dirname(folder)) {
    const { uid, gid, mode } = await stat(folder);
    const bit = uid === owner.uid ? 0o100 : gid === owner.gid ? 0o010 : 0o001;
    if ((mode & bit) === 0)
      throw new TanistError(
        'CONFIG_INVALID',
        `stateDir: user ${owner.uid}, as whom the server runs, cannot enter ${folder}`,
        `chmod o+x ${folder}`,
      );
    if (folder === '/') return;
  }
}

/** It becomes part of restore_command, which a shell reads after PostgreSQL has put in the names of files. */
function checkNames({ tailDir, config }: Server): void {
  if (!tailDir.startsWith('/') || /["'`$\\%\n]/.test(tailDir)) {
    throw new TanistError(
      'CONFIG_INVALID',
      `stateDir must be an absolute path without quotes, $, \`, \\ and %: ${tailDir}`,
    );
  }
  const { user, password = '', options } = config.replication;
  if ((user + password + options).includes('\n'))
    throw new TanistError(
      'CONFIG_INVALID',
      'engine.replication: a line break cannot be part of a connection string',
    );
}

interface Running {
  readonly pid: number;
  /** Nobody but a superuser is told. */
  readonly data_directory: string | null;
  readonly version: string;
  readonly superuser: boolean;
  readonly hot_standby: string;
  readonly target: string;
}

async function checkRunning(server: Server): Promise<void> {
  const asked = server.connection.query<Running & Record<string, unknown>>(`
    select pg_backend_pid() as pid,
      case when current_setting('is_superuser') = 'on' then current_setting('data_directory') end as data_directory,
      current_setting('server_version') as version, current_setting('is_superuser') = 'on' as superuser,
      current_setting('hot_standby') as hot_standby, current_setting('recovery_target_timeline') as target`);
  const rows = await asked.catch((error: unknown) => {
    if (isAnswer(error)) throw error;
    return undefined; // the session was ended, by a guard's fence perhaps: as good as down
  });
  if (rows === undefined) return;
  const [row] = rows;
  if (row === undefined) throw new TanistError('DATABASE_UNREACHABLE', 'no answer to the first question');
  checkSameServer(server, row);
  const { user } = server.config;
  if (!row.superuser)
    throw new TanistError('DATABASE_REFUSED', `${user} is no superuser`, `alter role "${user}" superuser`);
  if (Number.parseInt(row.version, 10) < OLDEST_VERSION) throw unsupported(`version ${row.version}`);
  if (row.hot_standby !== 'on')
    throw unsupported('hot_standby is off: a closed server could not be asked for its position');
  if (row.target !== 'latest')
    throw unsupported(`recovery_target_timeline is ${row.target}: a replica could not follow a new leader`);
}

/** The process behind our session must be a child of the postmaster on our data directory, by whatever path either knows it. */
function checkSameServer(server: Server, { pid, data_directory: answering }: Running): void {
  const { dataDir, config } = server;
  const postmaster = findPostmaster(dataDir);
  if (postmaster !== undefined && readProcess(pid)?.parent === postmaster.pid) return;
  if (postmaster === undefined && answering === dataDir) {
    throw unsupported(
      'the server answers, but its processes cannot be seen: let the agent share its process namespace',
    );
  }
  throw new TanistError(
    'DATA_DIRECTORY_MISMATCH',
    `the server at ${config.host}:${config.port} runs on ${answering ?? 'another data directory'}, not on ${dataDir}`,
    'check engine.dataDir, engine.host and engine.port',
  );
}

const unsupported = (detail: string): TanistError => new TanistError('DATABASE_UNSUPPORTED', detail);
