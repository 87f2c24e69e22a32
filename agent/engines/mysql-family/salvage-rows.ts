/** Transaction by transaction: what a log did to rows goes into the files of a salvage, and is counted. */
import type { RowValues, SalvageRecord, TableSalvage } from '#core/salvage.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { formatJson } from '#agent/engines/mysql-family/json.js';
import { createNetChanges, type NetChange } from '#agent/engines/mysql-family/net-changes.js';
import type { OwnChange, OwnLog, OwnTransaction } from '#agent/engines/mysql-family/own-log.js';
import { type RawRow, rowsOf } from '#agent/engines/mysql-family/row-events.js';
import type { RawValue } from '#agent/engines/mysql-family/row-format.js';
import { sqlOf } from '#agent/engines/mysql-family/salvage-sql.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import { describeTable, type Table } from '#agent/engines/mysql-family/tables.js';
import { textOf } from '#agent/engines/mysql-family/values.js';
import type { SalvageFiles } from '#agent/engines/salvage-files.js';

const ASK_WITHIN_MS = 10_000;
const MOST_NOTES = 500;
const LONGEST_NOTE = 1_000;
/** What Tanist writes by itself. */
const OURS = 'tanist';
const OUR_STATEMENTS = /^create (database|table) if not exists tanist\b/i;

export type RowsSalvage = Pick<SalvageRecord, 'transactions' | 'tables' | 'notes' | 'bytes'>;

export async function salvageRows(
  server: Server,
  log: OwnLog<unknown>,
  out: SalvageFiles,
  bounds: Bounds,
): Promise<RowsSalvage> {
  const tables = new Map<string, Table>();
  const counts = new Map<string, { -readonly [Key in keyof TableSalvage]: TableSalvage[Key] }>();
  const notes: string[] = [];
  const times: string[] = [];
  const net = createNetChanges();
  let [bytes, count] = [0, 0];

  async function tableOf(database: string, name: string): Promise<Table> {
    const key = `${database}.${name}`;
    const table = tables.get(key) ?? (await describeTable(server.connection, database, name, ASK_WITHIN_MS));
    tables.set(key, table);
    return table;
  }

  function countOf({ database, name }: Table): { -readonly [Key in keyof TableSalvage]: TableSalvage[Key] } {
    const key = `${database}.${name}`;
    const none = { database, table: name, inserted: 0, updated: 0, deleted: 0, notRecoverable: 0 };
    const known = counts.get(key) ?? none;
    counts.set(key, known);
    return known;
  }

  const note = (text: string): void => {
    if (notes.length < MOST_NOTES) notes.push(text.slice(0, LONGEST_NOTE));
  };

  async function write(changes: readonly NetChange[]): Promise<void> {
    for (const { table, row } of changes) {
      countOf(table)[row.kind] += 1;
      await out.write(row, sqlOf(table, row));
    }
  }

  async function take(change: OwnChange, { number, at }: OwnTransaction): Promise<void> {
    if (change.kind === 'statement') {
      note(`${at} in ${change.database || 'no schema'}: ${change.text}`);
      return;
    }
    const { map, what, place } = change;
    const table = asItWas(await tableOf(map.database, map.table), map.columns.length);
    const where = { place, transaction: Number(number), committed: at };
    try {
      for (const [first, second] of rowsOf(change)) {
        const [before, after] = [valuesOf(table, first), valuesOf(table, second)];
        net.add({
          ...{ table, where },
          before: what === 'inserted' ? undefined : before,
          after: what === 'deleted' ? undefined : after,
        });
      }
    } catch (error) {
      countOf(table)[what] += 1;
      countOf(table).notRecoverable += 1;
      note(`${place}: rows of ${map.database}.${map.table} are in the copied log alone: ${String(error)}`);
    }
  }

  for await (const transaction of log.transactions()) {
    bounds.check();
    bytes += transaction.bytes;
    const changes = transaction.changes.filter((change) => !isOurs(change));
    if (changes.length === 0) continue;
    count += 1;
    times.push(transaction.at);
    if (times.length > 2) times.splice(1, 1);
    for (const change of changes) await take(change, transaction);
    if (net.isFull()) await write(net.take());
  }
  await write(net.take());
  return {
    transactions: { count, first: times[0] ?? null, last: times.at(-1) ?? null },
    tables: [...counts.values()],
    ...{ notes, bytes },
  };
}

const isOurs = (change: OwnChange): boolean =>
  change.kind === 'rows' ? change.map.database === OURS : OUR_STATEMENTS.test(change.text);

/** A table that has other columns by now is not the one that the log speaks of. */
const asItWas = (table: Table, columns: number): Table =>
  table.columns.length === columns ? table : { ...table, columns: [] };

/** Of a table that is not known as it was, columns are told by number, and values as they lie there. */
function valuesOf({ columns }: Table, row: RawRow): RowValues {
  const values = [...row].map(([number, value]) => {
    const column = columns[number];
    if (column === undefined) return [`@${number + 1}`, value === null ? null : roughly(value)] as const;
    return [column.name, value === null ? null : textOf(value, column)] as const;
  });
  return Object.fromEntries(values);
}

function roughly(value: RawValue): string {
  switch (value.kind) {
    case 'plain':
      return value.text;
    case 'bytes':
      return `0x${value.data.toString('hex')}`;
    case 'json':
      return formatJson(value.value);
    default:
      return String(value.value);
  }
}
