/**
 * Salvaged rows beside what the database holds now. The old leader that saved them follows by now, so it has what the new leader has, and is asked
 * itself. A row is found by its primary key; where there is none, by all of its values.
 */
import type { ComparedRow, RowValues, SalvagedRow } from '#core/salvage.js';
import { openSession, type OwnSession } from '#agent/engines/postgres/connection.js';
import {
  describeTable,
  quoted,
  type Table,
  TEXT_SETTINGS,
  valueOf,
  valuesOf,
} from '#agent/engines/postgres/salvaged-rows.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { readStatus } from '#agent/engines/postgres/status.js';

const WITHIN_MS = 10_000;

/** Rejects where the database does not follow, and where it cannot be asked. */
export async function* compareRows(
  server: Server,
  rows: AsyncIterable<SalvagedRow>,
): AsyncGenerator<ComparedRow> {
  const { closed, receiver } = await readStatus(server, false, WITHIN_MS);
  if (closed && receiver?.streaming !== true)
    throw new Error('this member does not follow the leader at present: what that has now is not known here');
  const sessions = new Map<string, OwnSession>();
  const tables = new Map<string, Table | undefined>();
  try {
    for await (const row of rows) {
      const { database, table: name } = row;
      const session = sessions.get(database) ?? (await open(server, database));
      sessions.set(database, session);
      const key = `${database} ${name}`;
      if (!tables.has(key)) tables.set(key, await describeTable(session.client, database, name));
      const table = tables.get(key);
      yield table === undefined
        ? { ...row, stands: 'unknown', now: null }
        : await compare(session, table, row);
    }
  } finally {
    for (const session of sessions.values()) session.close();
  }
}

const open = (server: Server, database: string): Promise<OwnSession> =>
  openSession(server.config, { database, timeoutMs: WITHIN_MS, settings: TEXT_SETTINGS });

async function compare(session: OwnSession, table: Table, row: SalvagedRow): Promise<ComparedRow> {
  const { kind, values, before } = row;
  if (values === null) return { ...row, stands: 'unknown', now: null };
  const now = await find(session, table, values);
  if (kind === 'deleted') {
    if (now === undefined) return { ...row, stands: 'same', now: null };
    return { ...row, stands: isSame(now, values) ? 'missing' : 'conflicting', now };
  }
  if (now !== undefined && isSame(now, values)) return { ...row, stands: 'same', now };
  if (kind === 'inserted')
    return { ...row, stands: now === undefined ? 'missing' : 'conflicting', now: now ?? null };
  // Its key may have been changed.
  const former = before === null || before === undefined ? undefined : await find(session, table, before);
  const isUntouched = former !== undefined && isSame(former, before ?? {});
  return { ...row, stands: isUntouched ? 'missing' : 'conflicting', now: former ?? now ?? null };
}

async function find({ client }: OwnSession, table: Table, values: RowValues): Promise<RowValues | undefined> {
  const keys = table.columns.filter(({ isKey }) => isKey);
  const by = keys.length > 0 ? keys : table.columns;
  const conditions = by.map(({ name, type }, index) =>
    keys.length > 0
      ? `t.${quoted(name)} = $${index + 1}::${type}`
      : `${valueOf(quoted(name))} is not distinct from $${index + 1}::text`,
  );
  const { rows } = await client.query<{ values: string }>(
    `select ${valuesOf(table)}::text as values from ${table.name} as t where ${conditions.join(' and ') || 'true'} limit 1`,
    by.map(({ name }) => values[name] ?? null),
  );
  return rows[0] && (JSON.parse(rows[0].values) as RowValues);
}

/** In the columns that it had then. */
const isSame = (now: RowValues, then: RowValues): boolean =>
  Object.entries(then).every(([name, value]) => now[name] === value);
