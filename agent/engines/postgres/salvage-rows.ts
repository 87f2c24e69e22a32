/** Database by database, table by table: what a piece of log wrote and removed goes into the files of a salvage, and is counted. */
import type { ClientBase } from 'pg';
import type { PlanMember } from '#core/plan.js';
import type { SalvagedRow, TableSalvage } from '#core/salvage.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { openSession } from '#agent/engines/postgres/connection.js';
import type { Changes, Place, Removed, Transaction } from '#agent/engines/postgres/log-changes.js';
import type { Found } from '#agent/engines/postgres/salvage-changes.js';
import type { SalvageFiles } from '#agent/engines/salvage-files.js';
import { keyOf, type LeadersRows, readAtLeader } from '#agent/engines/postgres/salvage-leader.js';
import { deleteOf, insertOf, updateOf } from '#agent/engines/postgres/salvage-sql.js';
import {
  describeFiles,
  readRows,
  type WrittenRow,
  type Table,
  TEXT_SETTINGS,
} from '#agent/engines/postgres/salvaged-rows.js';
import type { Server } from '#agent/engines/postgres/server.js';

export interface RowsSalvage {
  readonly tables: readonly TableSalvage[];
  readonly notes: readonly string[];
}

/** Rows whose former selves are asked for together. */
const TOGETHER = 500;
const MOST_TEXT = 16 << 20;
const LOG_IN_WITHIN_MS = 10_000;

export async function salvageRows(
  server: Server,
  leader: PlanMember,
  { changes, firstOwnXid }: Found,
  out: SalvageFiles,
  bounds: Bounds,
): Promise<RowsSalvage> {
  const found: RowsSalvage[] = [];
  const ask: AskLeader = (table, places) => readAtLeader(server, leader, table, places, firstOwnXid, bounds);
  for (const { database, isOpen, relations } of await databasesOf(server, changes)) {
    bounds.check();
    if (database === undefined || !isOpen) {
      const closed = `${database ?? ''} takes no sessions: what was written there is in the log alone`;
      const shared = 'roles, databases or tablespaces were changed: see the log';
      found.push({ tables: [], notes: [database === undefined ? shared : closed] });
      continue;
    }
    const session = await openSession(server.config, {
      database,
      timeoutMs: LOG_IN_WITHIN_MS,
      settings: TEXT_SETTINGS,
    });
    try {
      found.push(await salvageDatabase(session.client, database, relations, changes, ask, out, bounds));
    } finally {
      session.close();
    }
  }
  return { tables: found.flatMap(({ tables }) => tables), notes: found.flatMap(({ notes }) => notes) };
}

type AskLeader = (table: Table, places: readonly Place[]) => Promise<LeadersRows>;

async function salvageDatabase(
  client: ClientBase,
  database: string,
  relations: readonly string[],
  changes: Changes,
  ask: AskLeader,
  out: SalvageFiles,
  bounds: Bounds,
): Promise<RowsSalvage> {
  const tables: TableSalvage[] = [];
  const catalogs = new Set<string>();
  let gone = 0;
  const files = await describeFiles(client, database, relations);
  for (const relation of relations) {
    bounds.check();
    const file = files.get(relation);
    if (file === undefined) gone += 1;
    else if (file.kind === 'catalog') catalogs.add(file.name);
    else if (file.kind === 'table')
      tables.push(
        await salvageTable(file.table, changes, ask, readRows(client, file.table, changes), out, bounds),
      );
  }
  const changed = `in ${database} the schema was changed, and is not replayed: ${[...catalogs].sort().join(' ')}`;
  const lost = `in ${database} ${gone} tables were dropped, truncated or rewritten after rows of theirs had been written`;
  return {
    tables: tables.filter((one) => one.inserted + one.updated + one.deleted > 0),
    notes: [...(catalogs.size > 0 ? [changed] : []), ...(gone > 0 ? [lost] : [])],
  };
}

async function salvageTable(
  table: Table,
  changes: Changes,
  ask: AskLeader,
  read: AsyncIterable<WrittenRow>,
  out: SalvageFiles,
  bounds: Bounds,
): Promise<TableSalvage> {
  const count = { inserted: 0, updated: 0, deleted: 0, notRecoverable: 0 };
  const { database, name } = table;
  const whose = ({
    xid,
    at,
  }: Transaction): Pick<SalvagedRow, 'database' | 'table' | 'transaction' | 'committed'> => ({
    ...{ database, table: name, transaction: xid, committed: at },
  });
  async function write(rows: readonly WrittenRow[]): Promise<void> {
    const origins = rows.flatMap(({ place }) => {
      const origin = changes.originOf(place);
      return origin.kind === 'new' ? [] : [origin.place];
    });
    const former = origins.length === 0 ? undefined : await ask(table, origins);
    for (const { place, transaction, values } of rows) {
      const origin = changes.originOf(place);
      const before =
        origin.kind === 'new' || former?.kind !== 'read' ? undefined : former.at.get(keyOf(origin.place));
      // A row of which it is not known whether it is new is new unless the leader has what it came from.
      const kind = origin.kind === 'old' || before !== undefined ? 'updated' : 'inserted';
      count[kind] += 1;
      const sql = kind === 'inserted' ? insertOf(table, values) : updateOf(table, values, before);
      const more = kind === 'inserted' ? {} : { before: before ?? null };
      await out.write({ ...whose(transaction), kind, place: keyOf(place), values, ...more }, sql);
    }
  }
  let rows: WrittenRow[] = [];
  let size = 0;
  for await (const row of read) {
    bounds.check();
    rows.push(row);
    size += Object.values(row.values).reduce((sum, value) => sum + (value?.length ?? 0), 0);
    if (rows.length < TOGETHER && size < MOST_TEXT) continue;
    await write(rows);
    [rows, size] = [[], 0];
  }
  await write(rows);
  const removed = changes.removed.filter(({ origin }) => origin.place.relation === table.relation);
  for (let i = 0; i < removed.length; i += TOGETHER) await writeRemoved(removed.slice(i, i + TOGETHER));
  return { database, table: name, ...count };

  async function writeRemoved(some: readonly Removed[]): Promise<void> {
    const former = await ask(
      table,
      some.map(({ origin }) => origin.place),
    );
    for (const { xid, origin } of some) {
      const transaction = changes.committed.get(xid);
      const values = former.kind === 'read' ? former.at.get(keyOf(origin.place)) : undefined;
      // One that may have been new is one that nobody else ever had.
      if (transaction === undefined || (origin.kind === 'unsure' && values === undefined)) continue;
      count.deleted += 1;
      if (values === undefined) count.notRecoverable += 1;
      const sql =
        values === undefined
          ? `-- deleted at ${keyOf(origin.place)} of ${table.name}, not recoverable\n`
          : deleteOf(table, values);
      await out.write(
        { ...whose(transaction), kind: 'deleted', place: keyOf(origin.place), values: values ?? null },
        sql,
      );
    }
  }
}

interface Touched {
  /** Undefined: all databases share it. */
  readonly database: string | undefined;
  readonly isOpen: boolean;
  readonly relations: readonly string[];
}

/** One that was dropped since has no rows any more, and is not in it. */
async function databasesOf({ connection }: Server, { pages, removed }: Changes): Promise<readonly Touched[]> {
  const relations = new Set([...pages.keys(), ...removed.map(({ origin }) => origin.place.relation)]);
  const databases = await connection.query<{ oid: string; database: string; isOpen: boolean }>(
    'select oid::text as oid, datname as database, datallowconn as "isOpen" from pg_database',
  );
  const shared = { oid: '0', database: undefined, isOpen: true };
  return [...databases, shared]
    .map(({ oid, ...known }) => {
      const isThere = (relation: string): boolean => relation.split('/')[1] === oid;
      return { ...known, relations: [...relations].filter(isThere).sort() };
    })
    .filter(({ relations: touched }) => touched.length > 0);
}
