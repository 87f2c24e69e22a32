/**
 * Which data this is. Redis has nothing that all copies of a database share and no other one has, so the first agent beside an open server writes
 * a random one, and replicas receive it. It is kept beside the data as well, for when the server is down, or has come up with nothing.
 */
import { randomUUID } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { after, asDuration } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { removeDurably, writeDurably } from '#common/durable-files.js';
import { writeHistory } from '#agent/engines/redis/history.js';
import type { Server } from '#agent/engines/redis/server.js';
import { readStatus } from '#agent/engines/redis/status.js';

const FILE = 'tanist-identity';
const ARRIVES_WITHIN = asDuration(20_000);
const LOOK_EVERY_MS = 50;

const asked = new WeakMap<Server, Promise<string>>();

/** Throws DATABASE_UNSUPPORTED where nothing tells yet. Asked once at a time, for it is noted. */
export function identityOf(server: Server, timeoutMs: number): Promise<string> {
  const underWay = asked.get(server);
  if (underWay !== undefined) return underWay;
  const mine = findIdentity(server, timeoutMs).finally(() => asked.delete(server));
  asked.set(server, mine);
  return mine;
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
    'nothing tells yet which data this is: there is no tanist:history',
    "start the agent beside the open server first, and wait until this one's replication has caught up",
  );
}

/** On an open server that has none, one is made. */
async function askIdentity(server: Server, timeoutMs: number): Promise<string | undefined> {
  const { connection } = server;
  const { closed, empty, history } = await readStatus(server.connection, timeoutMs);
  const kept = await keptIdentity(server);
  if (history === undefined && closed && empty) return kept;
  const found = history?.dataId ?? (closed ? undefined : (kept ?? randomUUID()));
  if (history === undefined && found !== undefined)
    await connection.send(writeHistory({ dataId: found, forks: [], marks: [] }), timeoutMs);
  if (found !== undefined && kept !== found)
    await writeDurably(join(server.dataDir, FILE), `${found}\n`, await server.owner());
  return found;
}

export const forgetIdentity = ({ dataDir }: Pick<Server, 'dataDir'>): Promise<void> =>
  removeDurably(join(dataDir, FILE));

export async function keptIdentity({ dataDir }: Pick<Server, 'dataDir'>): Promise<string | undefined> {
  const text = await readFile(join(dataDir, FILE), 'utf8').catch(() => '');
  return text.trim() === '' ? undefined : text.trim();
}
