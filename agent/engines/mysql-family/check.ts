/** Is this the server that the configuration means, and can Tanist care for it? A server that is down is no error. */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { EngineIdentity } from '#agent/ports/engine.js';
import { answers } from '#agent/engines/mysql-family/connection.js';
import { copyIdOf, identityOf } from '#agent/engines/mysql-family/identity.js';
import { learnLogPlaces } from '#agent/engines/mysql-family/log-places.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import { finishSwap } from '#agent/engines/mysql-family/swap.js';

const ANSWER_WITHIN_MS = 5_000;

/** `checkSettings`: throws where the server that runs could not be cared for. */
export async function check(
  server: Server,
  checkSettings: (server: Server) => Promise<void>,
): Promise<EngineIdentity> {
  const { config, dataDir } = server;
  const swapped = await finishSwap(server);
  await stat(join(dataDir, 'ibdata1')).catch((error: unknown) => {
    throw new TanistError('NOT_A_DATA_DIRECTORY', `${dataDir}: ${String(error)}`, 'check engine.dataDir');
  });
  const answer = await server.connection.connect(ANSWER_WITHIN_MS);
  const where = config.socket ?? `${config.host}:${config.port}`;
  if (answer.kind === 'ready')
    await checkRunning(server, checkSettings).catch(async (error: unknown) => {
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
  return { engine: server.kind.engine, dataId, copyId, replacedCopyId };
}

async function checkRunning(server: Server, checkSettings: (server: Server) => Promise<void>): Promise<void> {
  const { connection, dataDir, kind } = server;
  const [row] = await connection.query<{ datadir: string }>('select @@global.datadir as datadir');
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
  await checkSettings(server);
  const main = server.findMain();
  if (main !== undefined && (await server.bootsClosed(main)) === false)
    throw unsupported(
      `its configuration must have ${kind.bootClosedBy}: else, started by itself, it accepts writes, receives from anybody, or confirms what nobody counts on`,
    );
  await learnLogPlaces(server, ANSWER_WITHIN_MS);
}

export const unsupported = (detail: string): TanistError => new TanistError('DATABASE_UNSUPPORTED', detail);
