/** A client of the driver, not connected yet. Each is a copy of one, since the driver makes a class for each that is made from nothing, which takes a millisecond. */
import { createClient } from '@redis/client';

const TEMPLATE = createClient({ RESP: 2, disableOfflineQueue: true, disableClientInfo: true });

export type RedisClient = typeof TEMPLATE;

export type RedisReply = string | number | null | readonly RedisReply[];

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly password?: string | undefined;
  readonly withinMs: number;
  /** Of ours, that it speaks from; default: whichever leads there. */
  readonly from?: string | undefined;
}

/** It is never connected again by itself; that it was lost is told by whatever it was asked. */
export function newRedisClient({ host, port, password, withinMs, from }: RedisAddress): RedisClient {
  const client = TEMPLATE.duplicate({
    socket: {
      ...{ host, port, connectTimeout: withinMs, reconnectStrategy: false },
      ...(from !== undefined && { localAddress: from }),
    },
    ...(password !== undefined && { password }),
  });
  client.on('error', () => undefined);
  return client;
}

/** Runs one command, in a session of its own; rejects where there is no answer in time. */
export async function askRedis(address: RedisAddress, ...command: readonly string[]): Promise<RedisReply> {
  const client = newRedisClient(address);
  const timer = setTimeout(() => client.destroy(), address.withinMs);
  try {
    await client.connect();
    return await client.sendCommand<RedisReply>([...command]);
  } finally {
    clearTimeout(timer);
    if (client.isOpen) client.destroy();
  }
}
