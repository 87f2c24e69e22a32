/**
 * What Tanist keeps in the database itself, in a schema of its own: which data this is; the openings with their marks (S2) and where each began;
 * and a row for the canary. All but the canary's writes travel with the log.
 */
import { randomUUID } from 'node:crypto';
import { type Epoch, asEpoch } from '#core/brand.js';
import type { Mark } from '#core/position.js';
import { formatGtidSet, type GtidSet, parseGtidSet } from '#core/positions/gtid-set.js';
import { MOST_LINES } from '#core/positions/lines.js';
import type { MysqlLine } from '#core/positions/mysql.js';
import { type Connection, isAnswer } from '#agent/engines/mysql/connection.js';

/** No such database, no such table. */
const MISSING = [1049, 1146];

const TABLES = [
  'create database if not exists tanist',
  'create table if not exists tanist.identity (only_row tinyint primary key, id varchar(64) not null) engine=InnoDB',
  `create table if not exists tanist.openings (epoch bigint unsigned primary key, mark varchar(128) not null, leader varchar(255),
    server varchar(36) not null, line_from longtext not null, writes int not null default 1, opened_at timestamp not null default current_timestamp) engine=InnoDB
    comment='Tanist writes one row each time this cluster is opened for writes'`,
  'create table if not exists tanist.canary (only_row tinyint primary key, flown bigint unsigned not null) engine=InnoDB',
];

const READ = `select epoch, mark, server, line_from as line from tanist.openings order by epoch desc limit ${MOST_LINES}`;
const WRITE = `
  insert into tanist.openings (epoch, mark, leader, server, line_from) values (?, ?, ?, @@global.server_uuid, ?)
    on duplicate key update writes = writes + 1`;

export interface Openings {
  readonly marks: readonly Mark[];
  readonly lines: readonly MysqlLine[];
}

export async function readOpenings(connection: Connection, timeoutMs: number): Promise<Openings> {
  const rows = await unlessMissing(
    connection.query<{ epoch: bigint; mark: string; server: string; line: string }>(READ, {
      timeoutMs,
    }),
  );
  const oldestFirst = (rows ?? []).toReversed();
  return {
    marks: oldestFirst.map(({ epoch, mark }) => ({ epoch: asEpoch(epoch), mark })),
    lines: oldestFirst.map(({ epoch, server, line }) => readLine(epoch, server, line)),
  };
}

/** One row of `tanist.openings`. Throws where it says nothing. */
export function readLine(epoch: bigint | string, server: string, line: string): MysqlLine {
  const from = parseGtidSet(line);
  if (from === undefined) throw new Error(`tanist.openings: epoch ${epoch} began at "${line}"`);
  return { epoch: asEpoch(BigInt(epoch)), server, from };
}

/** Undefined: none was written yet. */
export async function readIdentity(connection: Connection, timeoutMs: number): Promise<string | undefined> {
  const rows = await unlessMissing(
    connection.query<{ id: string }>('select id from tanist.identity', { timeoutMs }),
  );
  return rows?.[0]?.id;
}

/** Into the log, so that replicas have it too. Nothing is written where it is there: a mark has to be the first write of its opening. */
export async function writeIdentity(connection: Connection, timeoutMs: number): Promise<void> {
  if ((await readIdentity(connection, timeoutMs)) !== undefined) return;
  await inLog(connection, timeoutMs, async () => {
    for (const statement of TABLES) await connection.query(statement, { timeoutMs });
    await connection.query('insert ignore into tanist.identity values (1, ?)', {
      values: [randomUUID()],
      timeoutMs,
    });
  });
}

/** Writes the mark, or again the one that an earlier try at the same epoch wrote; answers which stands. */
export async function writeMark(
  connection: Connection,
  opening: {
    readonly epoch: Epoch;
    readonly mark: string;
    readonly leader: string;
    readonly from: GtidSet;
  },
  timeoutMs: number,
): Promise<string> {
  const { epoch, mark, leader, from } = opening;
  await inLog(connection, timeoutMs, () =>
    connection.query(WRITE, { values: [epoch, mark, leader, formatGtidSet(from)], timeoutMs }),
  );
  const rows = await connection.query<{ mark: string }>('select mark from tanist.openings where epoch = ?', {
    values: [epoch],
    timeoutMs,
  });
  if (rows[0] === undefined) throw new Error('the mark was not written');
  return rows[0].mark;
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
