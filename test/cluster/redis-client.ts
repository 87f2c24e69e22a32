/** A client of the driver, not connected yet. Each is a copy of one, since the driver makes a class for each that is made from nothing, which takes a millisecond. */
import { createClient } from '@redis/client';

const TEMPLATE = createClient({ RESP: 2, disableOfflineQueue: true, disableClientInfo: true });

export type RedisClient = typeof TEMPLATE;

export interface RedisAddress {
  readonly host: string;
  readonly port: number;
  readonly password?: string | undefined;
  readonly withinMs: number;
}

/** It is never connected again by itself; that it was lost is told by whatever it was asked. */
export function newRedisClient({ host, port, password, withinMs }: RedisAddress): RedisClient {
  const client = TEMPLATE.duplicate({
    socket: { host, port, connectTimeout: withinMs, reconnectStrategy: false },
    ...(password !== undefined && { password }),
  });
  client.on('error', () => undefined);
  return client;
}
