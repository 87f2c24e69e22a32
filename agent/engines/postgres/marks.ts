/**
 * The marks of openings (rule S2), in a table of the database, so that each travels with the log that its opening began. The
 * table is made by the first opening; until then there are no marks.
 */
import { DatabaseError } from 'pg';
import { type Epoch, asEpoch } from '#core/brand.js';
import type { Mark } from '#core/position.js';
import type { Connection } from '#agent/engines/postgres/connection.js';

/** Far more than controllers remember; a report must not grow for ever. */
const NEWEST = 100;
const NO_SUCH_TABLE = ['42P01', '3F000'];
/** Dependent objects still exist. */
const STILL_NEEDED = '2BP01';

const READ = `select epoch::text, mark from (select epoch, mark from tanist.openings order by epoch desc limit ${NEWEST}) as newest order by newest.epoch`;

const MAKE_TABLE = `
  create schema if not exists tanist;
  create table if not exists tanist.openings (
    epoch bigint primary key,
    mark text not null,
    leader text,
    opened_at timestamptz default now()
  );
  comment on table tanist.openings is 'Tanist writes one row each time this cluster is opened for writes'`;

/** A mark that stands is written again as it is: a look at it would prove nothing of the disk (S3). */
const WRITE = `
  insert into tanist.openings as known (epoch, mark, leader) values ($1, $2, $3)
    on conflict (epoch) do update set mark = known.mark returning known.mark`;

export async function readMarks(connection: Connection, timeoutMs: number): Promise<Mark[]> {
  try {
    const rows = await connection.query<{ epoch: string; mark: string }>(READ, { timeoutMs });
    return rows.map(({ epoch, mark }) => ({ epoch: asEpoch(BigInt(epoch)), mark }));
  } catch (error) {
    if (isMissingTable(error)) return [];
    throw error;
  }
}

/** Writes the mark, or again the one that an earlier try at the same epoch wrote; answers which stands. */
export async function writeMark(
  connection: Connection,
  epoch: Epoch,
  mark: string,
  leader: string,
  timeoutMs: number,
): Promise<string> {
  const write = async (): Promise<string> => {
    const [row] = await connection.query<{ mark: string }>(WRITE, {
      values: [epoch.toString(), mark, leader],
      timeoutMs,
    });
    if (row === undefined) throw new Error('the mark was not written');
    return row.mark;
  };
  try {
    return await write();
  } catch (error) {
    if (!isMissingTable(error)) throw error;
    await connection.query(MAKE_TABLE, { timeoutMs });
    return await write();
  }
}

/** False when somebody else has come to rest on it: then all of it stays. */
export async function dropMarks(connection: Connection, timeoutMs: number): Promise<boolean> {
  try {
    await connection.query('drop table if exists tanist.openings; drop schema if exists tanist', {
      timeoutMs,
    });
    return true;
  } catch (error) {
    if (error instanceof DatabaseError && error.code === STILL_NEEDED) return false;
    if (isMissingTable(error)) return true;
    throw error;
  }
}

const isMissingTable = (error: unknown): boolean =>
  error instanceof DatabaseError && NO_SUCH_TABLE.includes(error.code ?? '');
