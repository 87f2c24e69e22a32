// Problem: what a client was told has to be held against what is there in the end, and an error does not say which of the two it was:
// a write that was refused, or one of which nobody knows.
// Rule: every attempt is an append of a value of its own to the list of a key, and is kept: acknowledged, refused, or unknown. The lists
// keep the order; the server says at which place of its list a value came, and on which line of history (see write.ts).
// Consequence: the checker of append histories can judge the whole run, and two values at one place are a history that forked.
import { setTimeout as sleep } from 'node:timers/promises';
import { DatabaseError } from 'pg';
import type { PostgresServer } from '#test/cluster/postgres.js';
import type { Append } from '#test/history/append-history.js';
import { type Keeper, startKeeper } from '#test/load/keepers.js';
import { findWritable, leave, letClients, prepareClients, type Session } from '#test/load/sessions.js';
import { withoutWarning } from '#test/load/write.js';

export interface Attempt extends Append {
  readonly writer: number;
  readonly server: string;
  /** What an acknowledgement came with; `lsn`: where the log ended before the commit. */
  place?: number;
  timeline?: number;
  lsn?: string;
  /** What came instead of one. */
  why?: string;
}

/** In the order in which the answers came. */
export interface Acknowledgement {
  readonly attempt: Attempt;
  readonly at: number;
  readonly server: string;
  readonly timeline: number;
}

export interface AppendersOptions {
  readonly writers: number;
  readonly keys: number;
  /** Between two appends of one writer; 0: as fast as it can. */
  readonly pauseMs: number;
  /** As many keepers as writers try all along to append at this member. */
  readonly keptWith?: PostgresServer | undefined;
}

export interface Appenders {
  /** Every attempt so far, in the order in which they began. */
  readonly attempts: readonly Attempt[];
  readonly acknowledged: readonly Acknowledgement[];
  /** Settles when the last attempt has its answer, or is given up. */
  stop(): Promise<void>;
}

export async function prepareLists(leader: PostgresServer): Promise<void> {
  await prepareClients(leader);
  await leader.query(
    'create table if not exists lists (run integer, key integer, length integer not null, primary key (run, key))',
  );
  await leader.query(
    'create table if not exists appended (run integer, key integer, place integer, value integer not null, primary key (run, key, place))',
  );
  await letClients(leader, 'lists');
  await letClients(leader, 'appended');
}

const APPEND = `
  with list as (update lists set length = length + 1 where run = $1 and key = $2 returning length)
  insert into appended select $1, $2, length, $3 from list
    returning place, pg_current_wal_insert_lsn() as lsn, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline`;

/** Starts appending; `run`, a number of its own for every call, keeps the lists of different runs apart. */
export async function startAppenders(
  servers: readonly PostgresServer[],
  leader: PostgresServer,
  run: number,
  { writers: many, keys, pauseMs, keptWith }: AppendersOptions,
): Promise<Appenders> {
  await leader.query('insert into lists select $1, key, 0 from generate_series(1, $2::integer) as key', [
    run,
    keys,
  ]);
  const attempts: Attempt[] = [];
  const acknowledged: Acknowledgement[] = [];
  let stopping = false;

  async function append({ client, server }: Session, writer: number): Promise<void> {
    const value = attempts.length + 1;
    const attempt: Attempt = {
      ...{ writer, key: 1 + (writer % keys), value, server: server.name },
      ...{ began: performance.now(), ended: Number.POSITIVE_INFINITY, outcome: 'unknown' },
    };
    attempts.push(attempt);
    try {
      const { rows } = await withoutWarning(client, () =>
        client.query<{ place: number; lsn: string; timeline: string }>(APPEND, [run, attempt.key, value]),
      );
      const at = performance.now();
      const { place, lsn, timeline: line = '' } = rows[0] ?? {};
      const timeline = Number.parseInt(line, 16);
      Object.assign(attempt, { ended: at, outcome: 'ok', place, lsn, timeline });
      acknowledged.push({ attempt, at, server: server.name, timeline });
    } catch (error) {
      attempt.why = String(error);
      if (isRefusal(error)) Object.assign(attempt, { ended: performance.now(), outcome: 'failed' });
      throw error;
    }
  }

  async function write(writer: number): Promise<void> {
    let session: Session | undefined;
    while (!stopping) {
      session ??= await findWritable(servers, () => stopping);
      if (session === undefined) break;
      try {
        await append(session, writer);
        if (pauseMs > 0) await sleep(pauseMs);
      } catch {
        leave(session.client);
        session = undefined;
      }
    }
    leave(session?.client);
  }

  const numbers = Array.from({ length: many }, (_, i) => i + 1);
  const all = numbers.map(write);
  const keepers: readonly Keeper[] =
    keptWith === undefined
      ? []
      : numbers.map((n) => startKeeper(keptWith, pauseMs, (session) => append(session, many + n)));
  return {
    attempts,
    acknowledged,
    async stop() {
      stopping = true;
      await Promise.all([...all, ...keepers.map((keeper) => keeper.stop())]);
    },
  };
}

/** Of each key the values, in order, as this server has them. */
export async function readLists(
  server: PostgresServer,
  run: number,
): Promise<ReadonlyMap<number, readonly number[]>> {
  const rows = await server.query<{ key: number; values: number[] }>(
    'select key, array_agg(value order by place) as values from appended where run = $1 group by key',
    [run],
  );
  return new Map(rows.map(({ key, values }) => [key, values]));
}

/** Classes of answers after which nothing can have been committed; all else, also the end of a session, may have come after the commit. */
const REFUSALS = [
  '25006', // read only: a replica, or a leader that was closed
  '42', // no such table: a member that does not have it yet
  '53', // no room, no connection left
  '40001', // rolled back
  '40P01',
];

const isRefusal = (error: unknown): boolean =>
  error instanceof DatabaseError && REFUSALS.some((code) => error.code?.startsWith(code));
