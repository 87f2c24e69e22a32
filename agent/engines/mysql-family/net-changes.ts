/**
 * What a piece of log came to, row by row: one that was written and then changed is a new one, one that was written and then removed is none. In the
 * order in which the rows were first touched. So much at a time as fits into memory.
 */
import type { RowValues, SalvagedRow } from '#core/salvage.js';
import type { Table } from '#agent/engines/mysql-family/tables.js';

/** A row of a salvage, with its table. */
export interface NetChange {
  readonly table: Table;
  readonly row: SalvagedRow;
}

export interface NetChanges {
  /** Whole rows, or as much of them as the log has. `before` of what was changed or removed, `after` of what was written or changed. */
  add(change: ChangedRow): void;
  isFull(): boolean;
  /** All so far, and begins anew. */
  take(): readonly NetChange[];
}

export interface ChangedRow {
  readonly table: Table;
  readonly before: RowValues | undefined;
  readonly after: RowValues | undefined;
  readonly where: Pick<SalvagedRow, 'place' | 'transaction' | 'committed'>;
}

const MOST_ROWS = 100_000;

interface Net extends ChangedRow {
  readonly key: string;
}

export function createNetChanges(): NetChanges {
  const rows = new Map<string, Net>();

  function put(key: string, change: ChangedRow): void {
    const { before, after } = change;
    const isNothing =
      before === undefined ? after === undefined : after !== undefined && isSame(before, after);
    if (isNothing) rows.delete(key);
    else rows.set(key, { ...change, key });
  }

  return {
    add({ table, before, after, where }) {
      const whole = before !== undefined && after !== undefined ? { ...before, ...after } : after;
      const key = keyOf(table, before ?? whole ?? {});
      const known = rows.get(key);
      // The row before all of it; undefined: there was none.
      const first = known === undefined ? before : known.before;
      const last = whole === undefined ? undefined : { ...known?.after, ...whole };
      const nextKey = last === undefined ? key : keyOf(table, last);
      if (nextKey !== key) rows.delete(key);
      put(nextKey, { table, before: first, after: last, where });
    },
    isFull: () => rows.size >= MOST_ROWS,
    take() {
      const all = [...rows.values()].map(({ table, before, after, where }) => ({
        table,
        row: rowOf(table, before, after, where),
      }));
      rows.clear();
      return all;
    },
  };
}

function rowOf(
  { database, name }: Table,
  before: RowValues | undefined,
  after: RowValues | undefined,
  where: ChangedRow['where'],
): SalvagedRow {
  const of = { database, table: name, ...where };
  if (after === undefined) return { ...of, kind: 'deleted', values: before ?? null };
  if (before === undefined) return { ...of, kind: 'inserted', values: after };
  return { ...of, kind: 'updated', values: after, before };
}

/** By its primary key; a row without one is known by all of its values. */
function keyOf({ database, name, columns }: Table, values: RowValues): string {
  const keys = columns.filter(({ isKey }) => isKey).map((column) => column.name);
  const by = keys.length > 0 && keys.every((key) => key in values) ? keys : Object.keys(values);
  return JSON.stringify([database, name, by.map((key) => values[key])]);
}

const isSame = (a: RowValues, b: RowValues): boolean =>
  Object.entries(b).every(([name, value]) => a[name] === value);
