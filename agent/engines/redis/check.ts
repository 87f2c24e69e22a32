/** Is this the server that the configuration means, and can Tanist care for it? A server that is down is no error. */
import { stat } from 'node:fs/promises';
import { readFile } from 'node:fs/promises';
import { TanistError } from '#core/errors.js';
import type { EngineIdentity } from '#agent/ports/engine.js';
import { CLOSED, saysClosed } from '#agent/engines/redis/boot-closed.js';
import { errorWord } from '#agent/engines/redis/connection.js';
import { identityOf } from '#agent/engines/redis/identity.js';
import { learnPlaces } from '#agent/engines/redis/places.js';
import { serverProcesses } from '#agent/engines/redis/processes.js';
import type { Server } from '#agent/engines/redis/server.js';
import { standInTls } from '#agent/engines/redis/stand-in-tls.js';
import { fieldsOf } from '#agent/engines/redis/status.js';

const OLDEST = [6, 2] as const;
const ANSWER_WITHIN_MS = 5_000;

export async function check(server: Server): Promise<EngineIdentity> {
  const { config, dataDir } = server;
  await stat(dataDir).catch((error: unknown) => {
    throw new TanistError('NOT_A_DATA_DIRECTORY', `${dataDir}: ${String(error)}`, 'check redis.dataDir');
  });
  const answer = await server.connection.connect(ANSWER_WITHIN_MS);
  const where = `${config.host}:${config.port}`;
  if (answer.kind === 'ready') await checkRunning(server).catch(refusedBecause);
  else if (answer.kind === 'refused')
    throw new TanistError(
      'DATABASE_REFUSED',
      `${config.user ?? 'the default user'} at ${where}: ${answer.text}`,
    );
  else if (answer.kind === 'silent' && server.findMain() !== undefined)
    throw new TanistError(
      'DATABASE_UNREACHABLE',
      `a server runs in ${dataDir}, but ${where} does not answer: ${answer.text}`,
      'check redis.host and redis.port',
    );
  const dataId = await identityOf(server, ANSWER_WITHIN_MS);
  return { engine: 'redis', dataId, copyId: undefined, replacedCopyId: undefined };
}

/** A command is renamed, or this user may not run it. */
function refusedBecause(error: unknown): never {
  if (errorWord(error) === undefined) throw error;
  throw new TanistError(
    'DATABASE_UNSUPPORTED',
    `it refuses what the agent has to ask it: ${String(error)}`,
    'let its user do everything, ACL SETUSER … ~tanist:* +@all, and take rename-command out of the configuration',
  );
}

async function checkRunning(server: Server): Promise<void> {
  const { config, connection, dataDir } = server;
  const setting = async (name: string): Promise<string> => {
    const reply = await connection.send(['CONFIG', 'GET', name], ANSWER_WITHIN_MS);
    return Array.isArray(reply) ? String(reply[1] ?? '') : '';
  };
  const info = fieldsOf(String(await connection.send(['INFO', 'server'], ANSWER_WITHIN_MS)));
  const [here, answering] = await Promise.all(
    [dataDir, await setting('dir')].map((path) => stat(path).catch(() => undefined)),
  );
  const main = server.findMain();
  if (
    main === undefined ||
    here?.ino !== answering?.ino ||
    here?.dev !== answering?.dev ||
    String(main.pid) !== info.get('process_id')
  )
    throw new TanistError(
      'DATA_DIRECTORY_MISMATCH',
      `the server that answers, process ${info.get('process_id') ?? '?'}, is not the one that runs in ${dataDir}`,
      'check redis.dataDir, redis.host and redis.port; a server needs a folder of its own, and to be seen from here as a process',
    );
  const version = info.get('valkey_version') ?? info.get('redis_version') ?? '';
  const [major = 0, minor = 0] = version.split('.').map(Number);
  if (major < OLDEST[0] || (major === OLDEST[0] && minor < OLDEST[1]))
    throw unsupported(`version ${version}; ${OLDEST.join('.')} is the oldest that can be cared for`);
  const mode = info.get('redis_mode') ?? info.get('server_mode');
  if (mode !== 'standalone')
    throw unsupported(
      `it runs as ${String(mode)}: a server of Redis Cluster has its own way of electing leaders`,
    );
  const family = serverProcesses(dataDir).filter(
    ({ parent, pid }) => pid !== main.pid && parent !== main.pid,
  );
  if (family.length > 0)
    throw unsupported(`another server, process ${String(family[0]?.pid)}, runs in ${dataDir}`);
  if ((await setting('replica-serve-stale-data')) !== 'yes')
    throw unsupported('replica-serve-stale-data is no: a server that follows nobody would answer nothing');
  const secured = await standInTls(connection, ANSWER_WITHIN_MS).catch((error: unknown) => {
    throw unsupported(
      `tls-replication is on, and what the agent needs for it cannot be read; a closed leader could not be made to give its last writes to its heir: ${String(error)}`,
    );
  });
  if (secured !== undefined && config.tls === undefined)
    throw unsupported(
      'tls-replication is on, and there is no redis.tls: other members replicate from redis.port, which has to be the tls-port',
    );
  const places = await learnPlaces(server, ANSWER_WITHIN_MS);
  const text = await readFile(places.config, 'utf8').catch((error: unknown) => {
    throw unsupported(`${places.config}, by which it starts, cannot be read: ${String(error)}`);
  });
  if (!saysClosed(text))
    throw new TanistError(
      'DATABASE_UNSUPPORTED',
      `${places.config} does not make it come up closed: started by itself it would accept writes, and an empty leader is copied by its replicas`,
      `let its last line be: ${CLOSED}`,
    );
}

const unsupported = (detail: string): TanistError => new TanistError('DATABASE_UNSUPPORTED', detail);
