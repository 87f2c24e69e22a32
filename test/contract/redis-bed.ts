/** A bed for the engine contract made of real Redis servers. Values are members of one set; who writes and who starts servers knows no agent. */
import { setTimeout as sleep } from 'node:timers/promises';
import { ErrorReply } from '@redis/client';
import { newRedisClient, type RedisClient } from '#test/cluster/redis-client.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { type RedisServer, startRedisServers } from '#test/cluster/redis.js';
import {
  type BedMember,
  type EngineBed,
  NAMES,
  type Properties,
  type Session,
  type Written,
} from '#test/contract/engine/harness.js';
import { careFor, stopCaring } from '#test/contract/redis-members.js';

const WAIT_MS = 15_000;
const ANSWER_WITHIN_MS = 1_000;
const LOOK_EVERY_MS = 10;
const KEY = 'written';

/** One process, which a fence leaves running, for its log is in memory; it has its data from an append-only file after a crash, but not how far it goes. */
export const REDIS: Properties = {
  ...{ engine: 'redis', hasOrphans: false, sealsUnapplied: false, seesSilence: false },
  ...{
    fencesInOrder: false,
    leavesNoDoubt: true,
    fenceStops: false,
    logOutlivesServer: false,
    restartForgets: true,
  },
  ...{ rewinds: true, mostAcknowledgements: 0 },
};

/** Every case has servers of its own. */
export function createRedisBed(): EngineBed {
  return {
    properties: REDIS,
    async members(count) {
      const dir = createRunFolder('contract');
      const servers = await startRedisServers(NAMES.slice(0, count), () => ({ dir }));
      const cared = servers.map(createMember);
      await waitFor(() => Promise.all(cared.map(({ engine }) => engine.check())), {
        ...{ timeoutMs: WAIT_MS, what: 'all members to know their data', everyMs: LOOK_EVERY_MS },
      });
      return cared as never;
    },
    pass: (ms) => sleep(ms),
    async waitUntil(what, condition) {
      await waitFor(condition, { timeoutMs: WAIT_MS, what, everyMs: LOOK_EVERY_MS });
    },
    async stop() {
      await stopCaring();
      await stopAll();
    },
  };
}

function createMember(server: RedisServer): BedMember {
  const { name, planned, engine, events, latest } = careFor(server);
  return {
    ...{ name, planned, engine, observation: latest },
    get observations() {
      return events.map(({ observation }) => observation);
    },
    async look() {
      const calledAt = performance.now();
      const isNew = () => events.find(({ at }) => at >= calledAt)?.observation;
      return waitFor(isNew, { timeoutMs: WAIT_MS, what: `a look at ${name}`, everyMs: LOOK_EVERY_MS });
    },
    async write(value) {
      let client: RedisClient;
      try {
        client = await connect(server);
      } catch {
        return 'failed';
      }
      const written = await add(client, value);
      leave(client);
      return written;
    },
    openSession: () => openSession(server),
    values: async () => sorted(await server.send('SMEMBERS', KEY)),
    killServer: () => server.kill('SIGKILL'),
    // It is one process: nothing of it goes on without it.
    killButOrphan: async () => server.kill('SIGKILL'),
    stopServer: () => server.stop(),
    startBySomebodyElse: () => server.start(),
    pauseServer: () => server.pause(),
    resumeServer: () => server.resume(),
    // Of everybody, and whoever is its leader is somebody.
    pauseReplay: async () => {
      await server.send('CLIENT', 'PAUSE', '60000', 'WRITE');
    },
  };
}

// --- clients

const sorted = (reply: unknown): readonly string[] =>
  (reply as readonly string[]).toSorted((a, b) => (a < b ? -1 : 1));

async function connect({ port, password }: RedisServer): Promise<RedisClient> {
  const client = newRedisClient({ host: '127.0.0.1', port, password, withinMs: ANSWER_WITHIN_MS });
  await client.connect();
  return client;
}

function leave(client: RedisClient): void {
  if (client.isOpen) client.destroy();
}

async function openSession(server: RedisServer): Promise<Session> {
  const client = await connect(server);
  return {
    write: (value) => add(client, value),
    values: async () => sorted(await answered(client.sendCommand(['SMEMBERS', KEY]))),
  };
}

async function add(client: RedisClient, value: string): Promise<Written> {
  try {
    await answered(client.sendCommand(['SADD', KEY, value]));
    return 'ok';
  } catch (error) {
    return error instanceof ErrorReply ? 'failed' : 'unknown';
  }
}

async function answered<T>(answer: Promise<T>): Promise<T> {
  const abandon = new AbortController();
  const tooLate = sleep(ANSWER_WITHIN_MS, undefined, { signal: abandon.signal }).then(() => {
    throw new Error('no answer');
  });
  try {
    return await Promise.race([answer, tooLate]);
  } finally {
    abandon.abort();
    tooLate.catch(() => undefined);
  }
}
