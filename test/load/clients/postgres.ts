// Problem: a client is not told under which opening its write was taken, and a commit that was not confirmed as the cluster's
// durability asks is answered like any other, but for a warning.
// Rule: the member is the one that the connection leads to; the same statement returns the timeline, since every promotion has a
// higher one of its own (S2). With a warning the write is one that nobody promised.
// Consequence: of two members that took writes one can tell which was opened later, also where the leadership has come back.
import { Client, type ClientBase, DatabaseError, type QueryResult, type QueryResultRow } from 'pg';
import {
  ANSWER_WITHIN_MS,
  type Appending,
  type Clients,
  type ClientSession,
  type Patience,
  type Row,
  type RowId,
  type Written,
} from '#test/load/clients.js';

export interface PostgresDoor {
  readonly host: string;
  readonly port: number;
  /** As superuser, in a session of its own. */
  query<Row extends QueryResultRow>(sql: string, values?: readonly unknown[]): Promise<Row[]>;
}

/** An ordinary user: connections that are reserved for superusers are not for clients. */
const USER = 'client';

const TABLES = [
  'create table if not exists load (run text, writer int, number int, primary key (run, writer, number))',
  'create table if not exists lists (run integer, key integer, length integer not null, primary key (run, key))',
  'create table if not exists appended (run integer, key integer, place integer, value integer not null, primary key (run, key, place))',
];

export const postgresClients = (door: PostgresDoor): Clients => ({
  async prepare() {
    const [known] = await door.query('select from pg_roles where rolname = $1', [USER]);
    if (known === undefined) await door.query(`create role ${USER} login`);
    for (const table of TABLES) await door.query(table);
    await door.query(`grant select, insert, update on load, lists, appended to ${USER}`);
  },
  connect: (patience) => connect(door, patience),
  rowsOf: (run) =>
    door.query<QueryResultRow & RowId>('select writer, number from load where run = $1', [run]),
  async beginLists(run, keys) {
    await door.query('insert into lists select $1, key, 0 from generate_series(1, $2::integer) as key', [
      run,
      keys,
    ]);
  },
  async listsOf(run) {
    const rows = await door.query<{ key: number; values: number[] }>(
      'select key, array_agg(value order by place) as values from appended where run = $1 group by key',
      [run],
    );
    return new Map(rows.map(({ key, values }) => [key, values]));
  },
});

async function connect({ host, port }: PostgresDoor, { waits }: Patience): Promise<ClientSession> {
  const client = new Client({
    ...{ host, port, user: USER, database: 'postgres' },
    ...{ application_name: 'writer', connectionTimeoutMillis: ANSWER_WITHIN_MS },
    ...(waits === 'half a second' && { query_timeout: ANSWER_WITHIN_MS }),
  });
  // A session that is ended by the server must not end the writer.
  client.on('error', () => undefined);
  const leave = (): void => void client.end().catch(() => undefined);
  await client.connect().catch((error: unknown) => {
    leave();
    throw error;
  });
  return {
    async acceptsWrites() {
      const { rows } = await client.query<{ closed: boolean }>('select pg_is_in_recovery() as closed');
      return rows[0]?.closed === false;
    },
    insert: (row) => insert(client, row),
    append: (append) => appendTo(client, append),
    onceEnded: (listener) => void client.once('end', listener),
    leave,
  };
}

const TIMELINE = 'substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as timeline';
const INSERT = `insert into load values ($1, $2, $3) returning ${TIMELINE}`;
const APPEND = `
  with list as (update lists set length = length + 1 where run = $1 and key = $2 returning length)
  insert into appended select $1, $2, length, $3 from list
    returning place, pg_current_wal_insert_lsn() as lsn, ${TIMELINE}`;

async function insert(client: Client, { run, writer, number }: Row): Promise<Written> {
  try {
    const { rows } = await withoutWarning(client, () =>
      client.query<{ timeline: string }>(INSERT, [run, writer, number]),
    );
    return { outcome: 'ok', line: lineOf(rows) };
  } catch (error) {
    return whyNot(error);
  }
}

async function appendTo(
  client: Client,
  { run, key, value }: Appending,
): Promise<Written & { readonly place?: number }> {
  try {
    const { rows }: QueryResult<{ place: number; lsn: string; timeline: string }> = await withoutWarning(
      client,
      () => client.query(APPEND, [run, key, value]),
    );
    const { place, lsn } = rows[0] ?? {};
    return {
      ...{ outcome: 'ok', line: lineOf(rows) },
      ...(place !== undefined && { place }),
      ...(lsn !== undefined && { logEnd: lsn }),
    };
  } catch (error) {
    return whyNot(error);
  }
}

const lineOf = (rows: readonly { readonly timeline: string }[]): number =>
  Number.parseInt(rows[0]?.timeline ?? '', 16);

/** Rejects where the server answered with a warning: the write is there, and not as the cluster promises it. */
async function withoutWarning<T>(client: ClientBase, work: () => Promise<T>): Promise<T> {
  let warning: string | undefined;
  const note = ({
    severity,
    message,
  }: {
    severity: string | undefined;
    message: string | undefined;
  }): void => {
    if (severity === 'WARNING') warning = message ?? severity;
  };
  client.on('notice', note);
  try {
    const answer = await work();
    if (warning !== undefined) throw new Error(warning);
    return answer;
  } finally {
    client.off('notice', note);
  }
}

/** Classes of answers after which nothing can have been committed; all else, also the end of a session, may have come after the commit. */
const REFUSALS = [
  '25006', // read only: a replica, or a leader that was closed
  '42', // no such table: a member that does not have it yet
  '53', // no room, no connection left
  '40001', // rolled back
  '40P01',
];

const whyNot = (error: unknown): Written => ({
  outcome:
    error instanceof DatabaseError && REFUSALS.some((code) => error.code?.startsWith(code))
      ? 'failed'
      : 'unknown',
  why: String(error),
});
