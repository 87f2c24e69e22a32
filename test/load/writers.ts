// Problem: what counts is what clients see: for how long no write is acknowledged, and whether each acknowledged one is
// still there afterwards.
// Rule: a writer inserts unique numbers through a session that it keeps; when that fails it tries the members in turn and
// asks which one accepts writes. Acknowledged is what the server said so; failed and unknown are told apart from it.
// Consequence: the longest gap between two acknowledgements is the outage, the writer's own search included.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { PostgresServer } from '#test/cluster/postgres.js';

/** A statement that hangs is given up after this long. */
const GIVE_UP_MS = 500;
/** Between two rounds through the members in which nobody accepted a write. */
const ROUND_PAUSE_MS = 5;

export interface WriterOptions {
  readonly writers: number;
  /** Between two writes of one writer; 0: as fast as it can. */
  readonly pauseMs: number;
}

export interface Acknowledged {
  readonly writer: number;
  readonly number: number;
  /** performance.now() when the acknowledgement came. */
  readonly at: number;
  readonly server: string;
}

export interface Load {
  readonly acknowledged: readonly Acknowledged[];
  /** Attempts on an open session that ended in an error: failed or unknown. */
  failures(): number;
  stop(): Promise<void>;
}

/** A session on a replica holds a lock that the leader's next change of the table `held` cannot be applied against. */
export async function readAndWait(port: number): Promise<Client> {
  const reader = new Client({
    host: '127.0.0.1',
    port,
    user: 'postgres',
    database: 'postgres',
    application_name: 'reader',
  });
  reader.on('error', () => undefined);
  await reader.connect();
  await reader.query('begin');
  await reader.query('select * from held');
  return reader;
}

export async function prepareLoad(leader: PostgresServer): Promise<void> {
  await leader.query(
    'create table if not exists load (run text, writer int, number int, primary key (run, writer, number))',
  );
}

/** Starts writing; `run` keeps the rows of different runs apart. */
export function startLoad(servers: readonly PostgresServer[], run: string, options: WriterOptions): Load {
  const acknowledged: Acknowledged[] = [];
  let failures = 0;
  let stopping = false;
  const write = async (writer: number): Promise<void> => {
    const sessions = new Map<PostgresServer, Client>();
    let number = 0;
    let current: PostgresServer | undefined;
    while (!stopping) {
      current ??= await findWritable(servers, sessions);
      if (current === undefined) {
        await sleep(ROUND_PAUSE_MS);
        continue;
      }
      number += 1;
      try {
        await sessions.get(current)?.query('insert into load values ($1, $2, $3)', [run, writer, number]);
        acknowledged.push({ writer, number, at: performance.now(), server: current.name });
        if (options.pauseMs > 0) await sleep(options.pauseMs);
      } catch {
        failures += 1;
        drop(sessions, current);
        current = undefined;
      }
    }
    for (const server of [...sessions.keys()]) drop(sessions, server);
  };
  const all = Array.from({ length: options.writers }, (_, i) => write(i + 1));
  return {
    acknowledged,
    failures: () => failures,
    async stop() {
      stopping = true;
      await Promise.all(all);
    },
  };
}

async function findWritable(
  servers: readonly PostgresServer[],
  sessions: Map<PostgresServer, Client>,
): Promise<PostgresServer | undefined> {
  for (const server of servers) {
    try {
      const session = sessions.get(server) ?? (await connect(server, sessions));
      const { rows } = await session.query<{ closed: boolean }>('select pg_is_in_recovery() as closed');
      if (rows[0]?.closed === false) return server;
    } catch {
      drop(sessions, server);
    }
  }
  return undefined;
}

async function connect(server: PostgresServer, sessions: Map<PostgresServer, Client>): Promise<Client> {
  const client = new Client({
    host: '127.0.0.1',
    port: server.port,
    user: 'postgres',
    database: 'postgres',
    application_name: 'writer',
    connectionTimeoutMillis: GIVE_UP_MS,
    query_timeout: GIVE_UP_MS,
  });
  // A session that is ended by the server must not end the writer.
  client.on('error', () => undefined);
  sessions.set(server, client);
  await client.connect();
  return client;
}

function drop(sessions: Map<PostgresServer, Client>, server: PostgresServer): void {
  const client = sessions.get(server);
  sessions.delete(server);
  client?.end().catch(() => undefined);
}

/** The longest time between two acknowledgements, of whichever writers, ms. */
export function longestGap(acknowledged: readonly Acknowledged[]): number {
  let longest = 0;
  for (let i = 1; i < acknowledged.length; i++) {
    longest = Math.max(longest, (acknowledged[i]?.at ?? 0) - (acknowledged[i - 1]?.at ?? 0));
  }
  return longest;
}

/** Acknowledged writes of this run that `server` does not have. */
export async function missing(
  server: PostgresServer,
  run: string,
  acknowledged: readonly Acknowledged[],
): Promise<readonly Acknowledged[]> {
  const rows = await server.query<{ writer: number; number: number }>(
    'select writer, number from load where run = $1',
    [run],
  );
  const present = new Set(rows.map((row) => `${row.writer}/${row.number}`));
  return acknowledged.filter((a) => !present.has(`${a.writer}/${a.number}`));
}
