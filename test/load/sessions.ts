// Problem: a client that tries the members in turn adds its own waiting to every outage: a member that hangs, or whose machine
// is gone, holds it up while the heir is open already.
// Rule: like libpq with several hosts and target_session_attrs=read-write, with two differences that are said: the members are
// asked side by side, and a member that does not answer is given up after half a second (libpq's least is two).
// Consequence: an open heir is found within milliseconds, whatever the others do.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { PostgresServer } from '#test/cluster/postgres.js';

/** An attempt to connect, or a statement, that hangs is given up after this long. */
const GIVE_UP_MS = 500;
/** Between two questions to a member that does not accept writes. */
const PAUSE_MS = 5;

/** An ordinary user: connections that are reserved for superusers are not for clients. */
const USER = 'client';

export interface Session {
  readonly server: PostgresServer;
  readonly client: Client;
}

/** To be called on the leader before the first session. */
export async function prepareClients(leader: PostgresServer): Promise<void> {
  const [known] = await leader.query('select from pg_roles where rolname = $1', [USER]);
  if (known === undefined) await leader.query(`create role ${USER} login`);
}

/** What clients do with a table. */
export const letClients = (leader: PostgresServer, table: string): Promise<unknown> =>
  leader.query(`grant select, insert, update on ${table} to ${USER}`);

/** The first session that accepts writes; undefined when it was told to stop before there was one. */
export async function findWritable(
  servers: readonly PostgresServer[],
  isStopping: () => boolean,
): Promise<Session | undefined> {
  let found = false;
  const isOver = (): boolean => found || isStopping();
  const look = async (server: PostgresServer): Promise<Session | undefined> => {
    let client: Client | undefined;
    while (!isOver()) {
      try {
        client ??= await connect(server, { waits: 'half a second' });
        if ((await acceptsWrites(client)) && !isOver()) {
          found = true;
          return { server, client };
        }
      } catch {
        leave(client);
        client = undefined;
      }
      await sleep(PAUSE_MS);
    }
    leave(client);
    return undefined;
  };
  return Promise.race(servers.map(look));
}

/** Ends a session without waiting: one that hangs never says goodbye. */
export function leave(client: Client | undefined): void {
  client?.end().catch(() => undefined);
}

/** How long a statement is waited for; an attempt to connect is given up in any case. */
interface Patience {
  readonly waits: 'half a second' | 'without end';
}

export async function connect(server: PostgresServer, { waits }: Patience): Promise<Client> {
  const client = new Client({
    ...{ host: server.place.address, port: server.port, user: USER, database: 'postgres' },
    ...{ application_name: 'writer', connectionTimeoutMillis: GIVE_UP_MS },
    ...(waits === 'half a second' && { query_timeout: GIVE_UP_MS }),
  });
  // A session that is ended by the server must not end the writer.
  client.on('error', () => undefined);
  await client.connect().catch((error: unknown) => {
    leave(client);
    throw error;
  });
  return client;
}

async function acceptsWrites(client: Client): Promise<boolean> {
  const { rows } = await client.query<{ closed: boolean }>('select pg_is_in_recovery() as closed');
  return rows[0]?.closed === false;
}
