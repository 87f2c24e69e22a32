/**
 * Which data this is. Neither server has anything that all copies of a database share and no other one has, so the first agent beside an open server writes
 * a random one, and replicas receive it. It is kept beside the data as well, for when the server is down.
 */
import { readFile, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, asDuration } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { removeDurably, writeDurably } from '#common/durable-files.js';
import { readIdentity, writeIdentity } from '#agent/engines/mysql-family/marks.js';
import type { Server } from '#agent/engines/mysql-family/server.js';

const FILE = 'tanist-identity';
const ARRIVES_WITHIN = asDuration(20_000);
const LOOK_EVERY_MS = 50;
const ASK_WITHIN_MS = 5_000;
const known = new WeakMap<Server, Promise<string>>();

/** Throws DATABASE_UNSUPPORTED where nothing tells yet. */
export function identityOf(server: Server, timeoutMs: number): Promise<string> {
  const before = known.get(server);
  if (before !== undefined) return before;
  const asked = findIdentity(server, timeoutMs);
  known.set(server, asked);
  asked.catch(() => known.delete(server));
  return asked;
}

/** Waits for what an agent beside the leader, started at the same moment, is about to write. */
async function findIdentity(server: Server, timeoutMs: number): Promise<string> {
  const deadline = after(server.now(), ARRIVES_WITHIN);
  for (;;) {
    const isRunning = server.connection.isReady();
    const found = isRunning ? await askIdentity(server, timeoutMs) : await keptIdentity(server);
    if (found !== undefined) return found;
    if (!isRunning || server.now() >= deadline) break;
    await sleep(LOOK_EVERY_MS);
  }
  throw new TanistError(
    'DATABASE_UNSUPPORTED',
    'nothing tells yet which data this is: the schema tanist is not here',
    "start the agent beside the open server first, and wait until this one's replication has caught up",
  );
}

/** On an open server that has none, one is made. */
async function askIdentity(server: Server, timeoutMs: number): Promise<string | undefined> {
  const { connection } = server;
  let found = await readIdentity(connection, timeoutMs);
  const { closed, source } = await server.kind.readStatus(server, timeoutMs);
  if (found === undefined && !closed && source === undefined) {
    await writeIdentity(server, timeoutMs);
    found = await readIdentity(connection, timeoutMs);
  }
  if (found !== undefined && (await keptIdentity(server)) !== found)
    await writeDurably(join(server.dataDir, FILE), `${found}\n`, await server.owner());
  return found;
}

async function keptIdentity({ dataDir }: Server): Promise<string | undefined> {
  const text = await readFile(join(dataDir, FILE), 'utf8').catch(() => '');
  return text.trim() === '' ? undefined : text.trim();
}

/** Beside a copy of the data, too, which does not bring it. */
export async function keepIdentity(server: Server, copy: string): Promise<void> {
  const id = await identityOf(server, ASK_WITHIN_MS);
  await writeDurably(join(copy, FILE), `${id}\n`, await server.owner());
}

/** Nothing of it is left here. This agent goes on knowing it: taken into care again, it is the same data. */
export const forgetIdentity = ({ dataDir }: Server): Promise<void> => removeDurably(join(dataDir, FILE));

/** A copy of the data makes its folders anew; the server never does. Undefined where the file system keeps no such time. */
export async function copyIdOf(dataDir: string): Promise<string | undefined> {
  const { birthtimeNs } = await stat(join(dataDir, 'mysql'), { bigint: true });
  return birthtimeNs > 0n ? `born-${birthtimeNs}` : undefined;
}
