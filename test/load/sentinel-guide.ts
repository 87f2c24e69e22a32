// Problem: beside Sentinel a client may only go where Sentinels send it, and how fast it hears of another leader decides what it loses.
// Rule: as its real clients do (ioredis, go-redis, Jedis): ask for the address, connect, see by ROLE that it leads. Every Sentinel is asked, side
// by side and without a pause, so that none holds a client up. With `listens` the client also subscribes to +switch-master at each, and leaves
// its session as soon as one says that another member leads; without, as ioredis by default, it goes on until its session ends.
// Consequence: no client of Sentinel follows faster than one that listens, and what it misses is Sentinel's own.
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { Place } from '#test/cluster/place.js';
import { newRedisClient, type RedisClient } from '#test/cluster/redis-client.js';
import { ANSWER_WITHIN_MS } from '#test/load/clients.js';
import { inTime } from '#test/load/in-time.js';
import type { Guide } from '#test/load/sessions.js';

const ASK_EVERY_MS = 5;
/** Between two attempts to subscribe. */
const AGAIN_AFTER_MS = 100;
const SWITCHED = '+switch-master';

export interface SentinelDoor {
  readonly place: Place;
  readonly port: number;
}

export interface SentinelGuideOptions {
  /** What the Sentinels call the cluster. */
  readonly cluster: string;
  readonly listens: boolean;
  /** The address that clients speak from; default: whichever leads there. */
  readonly from?: string | undefined;
}

export interface SentinelGuide extends Guide {
  stop(): void;
}

export function followSentinels(
  sentinels: readonly SentinelDoor[],
  { cluster, listens, from }: SentinelGuideOptions,
): SentinelGuide {
  const named = new Map<SentinelDoor, string>();
  const busy = new Set<SentinelDoor>();
  const open = new Set<RedisClient>();
  let switched: { readonly to: string; readonly at: number } | undefined;
  let [seeking, stopping] = [0, false];

  async function connect({ place, port }: SentinelDoor): Promise<RedisClient> {
    const client = newRedisClient({ host: place.address, port, withinMs: ANSWER_WITHIN_MS, from });
    open.add(client);
    await inTime(client.connect(), ANSWER_WITHIN_MS).catch((error: unknown) => {
      leave(client);
      throw error;
    });
    return client;
  }

  function leave(client: RedisClient): void {
    open.delete(client);
    if (client.isOpen) client.destroy();
  }

  /** As long as anybody looks for the leader. */
  async function askAlways(sentinel: SentinelDoor): Promise<void> {
    let client: RedisClient | undefined;
    while (seeking > 0 && !stopping) {
      try {
        client ??= await connect(sentinel);
        const asked = client.sendCommand<readonly [string, string] | null>([
          ...['SENTINEL', 'get-master-addr-by-name', cluster],
        ]);
        const answer = await inTime(asked, ANSWER_WITHIN_MS);
        if (answer !== null) named.set(sentinel, answer.join(':'));
      } catch {
        named.delete(sentinel);
        if (client !== undefined) leave(client);
        client = undefined;
      }
      await sleep(ASK_EVERY_MS);
    }
    if (client !== undefined) leave(client);
  }

  async function listen(sentinel: SentinelDoor): Promise<void> {
    while (!stopping) {
      const client = await connect(sentinel).catch(() => undefined);
      if (client !== undefined) {
        const ended = new Promise((resolve) => client.once('error', resolve).once('end', resolve));
        await client.subscribe(SWITCHED, hear).catch(() => leave(client));
        if (client.isOpen) await ended;
        leave(client);
      }
      await sleep(AGAIN_AFTER_MS);
    }
  }

  /** `<name> <old address> <old port> <new address> <new port>`. */
  function hear(message: string): void {
    const [name, , , address, port] = message.split(' ');
    if (name === cluster) switched = { to: `${String(address)}:${String(port)}`, at: performance.now() };
  }

  if (listens) for (const sentinel of sentinels) void listen(sentinel);
  return {
    seek() {
      if (seeking === 0) named.clear();
      seeking += 1;
      for (const sentinel of sentinels.filter((one) => !busy.has(one))) {
        busy.add(sentinel);
        void askAlways(sentinel).finally(() => busy.delete(sentinel));
      }
      return () => {
        seeking -= 1;
      };
    },
    names: (server) => [...named.values()].includes(addressOf(server)),
    isOver: ({ server, foundAt }) =>
      switched !== undefined && switched.at > foundAt && switched.to !== addressOf(server),
    stop() {
      stopping = true;
      for (const client of open) leave(client);
    },
  };
}

const addressOf = ({ place, port }: DatabaseServer): string => `${place.address}:${port}`;
