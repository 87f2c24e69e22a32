/**
 * What Tanist keeps in the database itself, in a schema of its own: which data this is; the openings with their marks (S2) and where each began;
 * the secret of those that confirm writes; and a row for the canary. All but the canary's writes travel with the log.
 */
import { randomBytes, randomUUID } from 'node:crypto';
import { type Epoch, asEpoch } from '#core/brand.js';
import type { Mark } from '#core/position.js';
import { MOST_LINES } from '#core/positions/lines.js';
import { type Connection, isAnswer } from '#agent/engines/mysql-family/connection.js';

/** No such database, no such table. */
const MISSING = [1049, 1146];

/** In what the table of openings differs: by what a server is known, and how long a text tells where one began. */
export interface OpeningsTable {
  readonly columns: string;
  /** The server's own, as `server` holds it. */
  readonly ownServer: string;
}

const tables = ({ columns }: OpeningsTable): readonly string[] => [
  'create database if not exists tanist',
  'create table if not exists tanist.identity (only_row tinyint primary key, id varchar(64) not null) engine=InnoDB',
  `create table if not exists tanist.openings (epoch bigint unsigned primary key, mark varchar(128) not null, leader varchar(255),
    ${columns}, writes int not null default 1, opened_at timestamp not null default current_timestamp) engine=InnoDB
    comment='Tanist writes one row each time this cluster is opened for writes'`,
  'create table if not exists tanist.confirming (only_row tinyint primary key, secret varchar(64) not null) engine=InnoDB',
  'create table if not exists tanist.nothing (id bigint unsigned primary key) engine=InnoDB',
  'create table if not exists tanist.canary (only_row tinyint primary key, flown bigint unsigned not null) engine=InnoDB',
];

const READ = `select epoch, mark, server, line_from as line from tanist.openings order by epoch desc limit ${MOST_LINES}`;

/** What a row of it tells, or the log of one; `line` is what was there before. */
export type ReadLine<Line> = (epoch: bigint | string, server: number | bigint | string, line: string) => Line;

export interface Openings<Line> {
  readonly marks: readonly Mark[];
  readonly lines: readonly Line[];
}

export async function readOpenings<Line>(
  connection: Connection,
  readLine: ReadLine<Line>,
  timeoutMs: number,
): Promise<Openings<Line>> {
  const rows = await unlessMissing(
    connection.query<{ epoch: bigint; mark: string; server: number | bigint | string; line: string }>(READ, {
      timeoutMs,
    }),
  );
  const oldestFirst = (rows ?? []).toReversed();
  return {
    marks: oldestFirst.map(({ epoch, mark }) => ({ epoch: asEpoch(epoch), mark })),
    lines: oldestFirst.map(({ epoch, server, line }) => readLine(epoch, server, line)),
  };
}

/** Undefined: none was written yet. */
export async function readIdentity(connection: Connection, timeoutMs: number): Promise<string | undefined> {
  const rows = await unlessMissing(
    connection.query<{ id: string }>('select id from tanist.identity', { timeoutMs }),
  );
  return rows?.[0]?.id;
}

/** By which those log in that confirm writes. Undefined: it was not written yet, or has not arrived. */
export async function readSecret(connection: Connection, timeoutMs: number): Promise<string | undefined> {
  const rows = await unlessMissing(
    connection.query<{ secret: string }>('select secret from tanist.confirming', { timeoutMs }),
  );
  return rows?.[0]?.secret;
}

/** Into the log, so that replicas have it too. Nothing is written where it is there: a mark has to be the first write of its opening. */
export async function writeIdentity(
  { connection, kind }: Marked,
  timeoutMs: number,
  id: string = randomUUID(),
): Promise<void> {
  const isThere = (await readSecret(connection, timeoutMs)) !== undefined;
  if (isThere && (await readIdentity(connection, timeoutMs)) !== undefined) return;
  await inLog(connection, timeoutMs, async () => {
    for (const statement of tables(kind.openings)) await connection.query(statement, { timeoutMs });
    await connection.query('insert ignore into tanist.identity values (1, ?)', {
      values: [id],
      timeoutMs,
    });
    await connection.query('insert ignore into tanist.confirming values (1, ?)', {
      values: [newSecret()],
      timeoutMs,
    });
  });
}

interface Marked {
  readonly connection: Connection;
  readonly kind: { readonly openings: OpeningsTable };
}

/** With one of each kind of character that a server may ask for; MySQL takes 32 of them from a replica. */
const newSecret = (): string => `aA1!${randomBytes(21).toString('base64url')}`;

export interface NewOpening {
  readonly epoch: Epoch;
  readonly mark: string;
  readonly leader: string;
  /** All that is there before, as the server writes it. */
  readonly from: string;
}

/** Undefined: this epoch has none yet. */
export async function readMark(
  connection: Connection,
  epoch: Epoch,
  timeoutMs: number,
): Promise<string | undefined> {
  const rows = await connection.query<{ mark: string }>('select mark from tanist.openings where epoch = ?', {
    values: [epoch],
    timeoutMs,
  });
  return rows[0]?.mark;
}

/** Into the log, by the session that `say` speaks on. */
export async function insertMark(
  say: Say,
  { ownServer }: OpeningsTable,
  { epoch, mark, leader, from }: NewOpening,
): Promise<void> {
  await say('set session sql_log_bin = 1');
  try {
    await say(
      `insert into tanist.openings (epoch, mark, leader, server, line_from) values (?, ?, ?, ${ownServer}, ?)`,
      [epoch, mark, leader, from],
    );
  } finally {
    await say('set session sql_log_bin = 0');
  }
}
type Say = (sql: string, values?: readonly (string | bigint)[]) => Promise<unknown>;

/** A transaction that changes nothing, into the log, on a session that does nothing else. Any number of them get on with each other. */
export async function writeNothing(say: Say): Promise<void> {
  await say('set session sql_log_bin = 1');
  await say('begin');
  await say('insert into tanist.nothing values (connection_id())');
  await say('delete from tanist.nothing where id = connection_id()');
  await say('commit');
}

/** With all that Tanist has in the database. */
export async function dropMarks(connection: Connection, timeoutMs: number): Promise<void> {
  await inLog(connection, timeoutMs, () => connection.query('drop database if exists tanist', { timeoutMs }));
}

/** On this server alone: no replica has it, nor waits for it; what it proves is that this disk takes writes. */
export async function flyCanary(connection: Connection, timeoutMs: number): Promise<void> {
  await connection.query(
    'insert into tanist.canary values (1, 1) on duplicate key update flown = flown + 1',
    { timeoutMs },
  );
}

/** What the session writes meanwhile goes into the binary log; else nothing of ours does. */
async function inLog(connection: Connection, timeoutMs: number, work: () => Promise<unknown>): Promise<void> {
  await connection.query('set session sql_log_bin = 1', { timeoutMs });
  try {
    await work();
  } finally {
    await connection.query('set session sql_log_bin = 0', { timeoutMs }).catch(() => connection.close());
  }
}

async function unlessMissing<T>(rows: Promise<T>): Promise<T | undefined> {
  return rows.catch((error: unknown) => {
    if (isAnswer(error) && MISSING.includes(error.errno)) return undefined;
    throw error;
  });
}
