/**
 * Salvaged rows beside what the database holds now. The old leader that saved them follows by now, so it has what the new leader has, and is asked
 * itself. A row is found by its primary key; where there is none, by all of its values.
 */
import type { ComparedRow, RowValues, SalvagedRow } from '#core/salvage.js';
import { openSession, type OwnSession } from '#agent/engines/mysql-family/connection.js';
import { columnOf, keyOf } from '#agent/engines/mysql-family/salvage-sql.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import { type Column, describeTable, nameOf, type Table } from '#agent/engines/mysql-family/tables.js';
import { askFor, isSameValue, literalOf } from '#agent/engines/mysql-family/values.js';

const WITHIN_MS = 10_000;

/** `limitedTo10s`: the setting by which a session's statements last no longer. Rejects where the database does not follow, and where it cannot be asked. */
export async function* compareRows(
  server: Server,
  rows: AsyncIterable<SalvagedRow>,
  limitedTo10s: string,
): AsyncGenerator<ComparedRow> {
  const { closed, source } = await server.kind.readStatus(server, WITHIN_MS);
  if (closed && source?.streaming !== true)
    throw new Error('this member does not follow the leader at present: what that has now is not known here');
  const session = await openSession(server.kind.dialect, server.config, WITHIN_MS);
  const tables = new Map<string, Table>();
  try {
    await session.client.query(`set session time_zone = '+00:00', ${limitedTo10s}`);
    for await (const row of rows) {
      const key = JSON.stringify([row.database, row.table]);
      const table =
        tables.get(key) ?? (await describeTable(server.connection, row.database, row.table, WITHIN_MS));
      tables.set(key, table);
      yield await compare(session, table, row);
    }
  } finally {
    session.cut();
  }
}

async function compare(session: OwnSession, table: Table, row: SalvagedRow): Promise<ComparedRow> {
  const { kind, values, before } = row;
  const isKnown = values !== null && Object.keys(values).every((name) => columnOf(table, name) !== undefined);
  if (table.columns.length === 0 || !isKnown) return { ...row, stands: 'unknown', now: null };
  const now = await find(session, table, values);
  if (kind === 'deleted') {
    if (now === undefined) return { ...row, stands: 'same', now: null };
    return { ...row, stands: isSame(table, now, values) ? 'missing' : 'conflicting', now };
  }
  if (now !== undefined && isSame(table, now, values)) return { ...row, stands: 'same', now };
  if (kind === 'inserted')
    return { ...row, stands: now === undefined ? 'missing' : 'conflicting', now: now ?? null };
  // Its key may have been changed.
  const former = before === null || before === undefined ? undefined : await find(session, table, before);
  const isUntouched = former !== undefined && isSame(table, former, before ?? {});
  return { ...row, stands: isUntouched ? 'missing' : 'conflicting', now: former ?? now ?? null };
}

async function find({ client }: OwnSession, table: Table, values: RowValues): Promise<RowValues | undefined> {
  const all = table.columns
    .filter(({ name }) => name in values)
    .map((column) => `${askFor(column)} <=> ${asText(column, values[column.name])}`);
  const where = keyOf(table, values) ?? (all.join(' and ') || 'true');
  const asked = table.columns.map((column, index) => `${askFor(column)} as c${index}`);
  const rows = await client.query<Readonly<Record<string, string | null>>[]>(
    `select ${asked.join(', ')} from ${nameOf(table)} where ${where} limit 1`,
  );
  const [row] = rows;
  return row && Object.fromEntries(table.columns.map(({ name }, index) => [name, row[`c${index}`] ?? null]));
}

/** To be held against what the server answers as a text. */
function asText(column: Column, text: string | null | undefined): string {
  if (text === null || text === undefined) return 'null';
  const isNumber = column.type === 'float' || column.type === 'double';
  return isNumber
    ? `cast(${literalOf(column, text)} as char)`
    : `_utf8mb4 x'${Buffer.from(text).toString('hex')}'`;
}

/** In the columns that it had then. */
const isSame = (table: Table, now: RowValues, then: RowValues): boolean =>
  Object.entries(then).every(([name, value]) => {
    const column = columnOf(table, name);
    return column !== undefined && isSameValue(column, now[name] ?? null, value);
  });
