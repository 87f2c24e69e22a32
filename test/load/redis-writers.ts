// Problem: what counts is what clients see, on Redis as on PostgreSQL (writers.ts); and Redis acknowledges before any replica has a write.
// Rule: a writer adds unique numbers to a set through a session that it keeps; when that fails it asks the members which one is the leader.
// `ok` is what the server said so, and with `confirmed` only what a replica has confirmed as well (WAIT); `failed` what it refused; all else is unknown.
// Consequence: the longest gap between two acknowledgements is the outage, the writer's own search included; and what was not confirmed is
// recorded as what it is.
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, ErrorReply } from '@redis/client';
import type { RedisServer } from '#test/cluster/redis.js';

export interface RedisWrite {
  readonly value: string;
  readonly server: string;
  readonly at: number;
}

export interface RedisLoad {
  readonly acknowledged: readonly RedisWrite[];
  /** Refused, and certainly not written. */
  readonly failed: readonly RedisWrite[];
  /** Nobody said. */
  readonly unknown: readonly RedisWrite[];
  stop(): Promise<void>;
}

export interface RedisLoadOptions {
  readonly writers: number;
  /** Between two writes of one writer. */
  readonly pauseMs: number;
  /** Counts a write only once one replica has it. */
  readonly confirmed?: boolean;
}

const ANSWER_WITHIN_MS = 1_000;
const CONFIRM_WITHIN_MS = 500;
const SEARCH_EVERY_MS = 5;
const keyOf = (run: string): string => `load:${run}`;

/** Starts writing; `run` keeps the writes of different runs apart. */
export function startRedisLoad(
  servers: readonly RedisServer[],
  run: string,
  { writers, pauseMs, confirmed = false }: RedisLoadOptions,
): RedisLoad {
  const [acknowledged, failed, unknown]: RedisWrite[][] = [[], [], []];
  let stopping = false;

  async function work(writer: number): Promise<void> {
    let session: Session | undefined;
    for (let number = 1; !stopping; number += 1) {
      session ??= await findLeader(servers, () => stopping);
      if (session === undefined) return;
      const value = `${writer}/${number}`;
      const told = (): RedisWrite => ({ value, server: session?.server.name ?? '', at: performance.now() });
      try {
        await inTime(session.client.sendCommand(['SADD', keyOf(run), value]));
        if (confirmed) await confirm(session);
        acknowledged?.push(told());
        if (pauseMs > 0) await sleep(pauseMs);
      } catch (error) {
        (error instanceof ErrorReply ? failed : unknown)?.push(told());
        leave(session.client);
        session = undefined;
      }
    }
    leave(session?.client);
  }
  const all = Array.from({ length: writers }, (_, i) => work(i + 1));
  return {
    ...{ acknowledged: acknowledged ?? [], failed: failed ?? [], unknown: unknown ?? [] },
    async stop() {
      stopping = true;
      await Promise.all(all);
    },
  };
}

/** Acknowledged writes of this run that `server` does not have. */
export async function missingWrites(
  server: RedisServer,
  run: string,
  acknowledged: readonly RedisWrite[],
): Promise<readonly string[]> {
  const present = new Set((await server.send('SMEMBERS', keyOf(run))) as readonly string[]);
  return acknowledged.map(({ value }) => value).filter((value) => !present.has(value));
}

type Client = ReturnType<typeof newClient>;

interface Session {
  readonly client: Client;
  readonly server: RedisServer;
}

async function confirm({ client }: Session): Promise<void> {
  const replicas = await inTime(client.sendCommand<number>(['WAIT', '1', String(CONFIRM_WITHIN_MS)]));
  if (replicas < 1) throw new Error('no replica has confirmed it');
}

async function findLeader(
  servers: readonly RedisServer[],
  isOver: () => boolean,
): Promise<Session | undefined> {
  while (!isOver()) {
    for (const server of servers) {
      const client = newClient(server);
      client.on('error', () => undefined);
      const role = await inTime(client.connect().then(() => client.sendCommand<[string]>(['ROLE']))).catch(
        () => undefined,
      );
      if (role?.[0] === 'master') return { client, server };
      leave(client);
    }
    await sleep(SEARCH_EVERY_MS);
  }
  return undefined;
}

const newClient = ({ place, port, password }: RedisServer) =>
  createClient({
    socket: { host: place.address, port, connectTimeout: ANSWER_WITHIN_MS, reconnectStrategy: false },
    ...{ RESP: 2 as const, disableOfflineQueue: true, disableClientInfo: true },
    ...(password !== undefined && { password }),
  });

function leave(client: Client | undefined): void {
  if (client?.isOpen === true) client.destroy();
}

async function inTime<T>(answer: Promise<T>): Promise<T> {
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error('no answer')), ANSWER_WITHIN_MS);
  });
  try {
    return await Promise.race([answer, tooLate]);
  } finally {
    clearTimeout(timer);
  }
}
