// Problem: what counts is what clients see: for how long no write is acknowledged, and whether each acknowledged one is
// still there afterwards.
// Rule: a writer inserts unique numbers through a session that it keeps; when that fails it asks the members which one accepts
// writes. Acknowledged is what the server said so; failed and unknown are told apart from it. Beside each writer there may be a
// keeper, which stays with one member.
// Consequence: the longest gap between two acknowledgements is the outage, the writer's own search included.
import { setTimeout as sleep } from 'node:timers/promises';
import { Client } from 'pg';
import type { PostgresServer } from '#test/cluster/postgres.js';
import { type Keeper, startKeeper } from '#test/load/keepers.js';
import { findWritable, leave, letClients, prepareClients, type Session } from '#test/load/sessions.js';
import { type Acknowledged, write } from '#test/load/write.js';

export type { Acknowledged };

export interface WriterOptions {
  readonly writers: number;
  /** Between two writes of one writer; 0: as fast as it can. */
  readonly pauseMs: number;
  /** As many keepers as writers try all along to write to this member. */
  readonly keptWith?: PostgresServer;
}

export interface Load {
  /** In the order in which they came. */
  readonly acknowledged: readonly Acknowledged[];
  /** Attempts of writers, not of keepers, on an open session that ended in an error: failed or unknown. */
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
  await prepareClients(leader);
  await leader.query(
    'create table if not exists load (run text, writer int, number int, primary key (run, writer, number))',
  );
  await letClients(leader, 'load');
}

/** Starts writing; `run` keeps the rows of different runs apart. */
export function startLoad(servers: readonly PostgresServer[], run: string, options: WriterOptions): Load {
  const { writers: many, pauseMs, keptWith } = options;
  const acknowledged: Acknowledged[] = [];
  let failures = 0;
  let stopping = false;
  const work = async (writer: number): Promise<void> => {
    let session: Session | undefined;
    for (let number = 1; !stopping; number += 1) {
      session ??= await findWritable(servers, () => stopping);
      if (session === undefined) break;
      try {
        acknowledged.push(await write(session, { run, writer, number }));
        if (pauseMs > 0) await sleep(pauseMs);
      } catch {
        failures += 1;
        leave(session.client);
        session = undefined;
      }
    }
    leave(session?.client);
  };
  const keep = (server: PostgresServer, writer: number): Keeper => {
    let number = 0;
    return startKeeper(server, pauseMs, async (session) => {
      number += 1;
      acknowledged.push(await write(session, { run, writer, number }));
    });
  };
  const all = Array.from({ length: many }, (_, i) => work(i + 1));
  const keepers = keptWith === undefined ? [] : all.map((_, i) => keep(keptWith, many + i + 1));
  return {
    acknowledged,
    failures: () => failures,
    async stop() {
      stopping = true;
      await Promise.all([...all, ...keepers.map((keeper) => keeper.stop())]);
    },
  };
}

/** The longest time between two acknowledgements, of whichever writers, ms. */
export function longestGap(acknowledged: readonly { readonly at: number }[]): number {
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
