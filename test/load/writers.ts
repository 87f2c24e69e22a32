// Problem: what counts is what clients see: for how long no write is acknowledged, and whether each acknowledged one is
// still there afterwards.
// Rule: a writer inserts unique numbers through a session that it keeps; when that fails it asks the members which one accepts
// writes. Acknowledged is what the server said so; failed and unknown are told apart from it.
// Consequence: the longest gap between two acknowledgements is the outage, the writer's own search included.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { PostgresServer } from '#test/cluster/postgres.js';
import { findWritable, leave, type Session } from '#test/load/sessions.js';

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
    let session: Session | undefined;
    for (let number = 1; !stopping; number += 1) {
      session ??= await findWritable(servers, () => stopping);
      if (session === undefined) break;
      try {
        await session.client.query('insert into load values ($1, $2, $3)', [run, writer, number]);
        acknowledged.push({ writer, number, at: performance.now(), server: session.server.name });
        if (options.pauseMs > 0) await sleep(options.pauseMs);
      } catch {
        failures += 1;
        leave(session.client);
        session = undefined;
      }
    }
    leave(session?.client);
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
