/**
 * The rows that a piece of log wrote, as the database still has them: read from the old copy while it stands closed at the end of its log. A
 * row's version is marked with the transaction that wrote it, and only pages that the piece touched are read. Every value is in the text form
 * that the type itself writes, so that nothing of it is lost on the way.
 */
import type { ClientBase } from 'pg';
import type { RowValues } from '#core/salvage.js';
import type { Changes, Place, Transaction } from '#agent/engines/postgres/log-changes.js';

export interface Column {
  readonly name: string;
  readonly type: string;
  /** Of the primary key. */
  readonly isKey: boolean;
  /** `GENERATED ALWAYS`: to be written only with the words for it, or not at all. */
  readonly generated: 'no' | 'identity' | 'stored';
}

export interface Table {
  /** Tablespace, database and file number. */
  readonly relation: string;
  readonly database: string;
  /** Quoted where it must be. */
  readonly name: string;
  readonly columns: readonly Column[];
}

export interface WrittenRow {
  readonly table: Table;
  readonly kind: 'inserted' | 'updated';
  readonly place: Place;
  readonly transaction: Transaction;
  /** By column, in the order of the table. */
  readonly values: RowValues;
}

/** What the catalog says of a file: rows of the application, or something whose changes are told only. */
export type Described =
  | { readonly kind: 'table'; readonly table: Table }
  | { readonly kind: 'catalog'; readonly name: string }
  | { readonly kind: 'ours' };

export const TEXT_SETTINGS = [
  'DateStyle=ISO',
  'IntervalStyle=postgres',
  'TimeZone=UTC',
  'bytea_output=hex',
  'extra_float_digits=1',
  'xmloption=content',
].map((setting) => `-c ${setting.replace(' ', '\\ ')}`);

const FETCH = 20;
/** Pages that lie side by side are read together. */
const MOST_PAGES = 64;

interface FileRow {
  readonly relation: string;
  readonly schema: string;
  readonly name: string;
  readonly kind: string;
  readonly oid: string;
  readonly columns: readonly Column[] | null;
}

const COLUMNS = `
  (select json_agg(json_build_object(
      'name', a.attname, 'type', format_type(a.atttypid, a.atttypmod),
      'isKey', a.attnum = any (coalesce(i.indkey::int2[], '{}')),
      'generated', case when a.attgenerated <> '' then 'stored' when a.attidentity = 'a' then 'identity' else 'no' end)
      order by a.attnum)
    from pg_attribute a left join pg_index i on i.indrelid = c.oid and i.indisprimary
    where a.attrelid = c.oid and a.attnum > 0 and not a.attisdropped) as columns`;

/** Large objects are rows of the application in a catalog. */
const DESCRIBE = `
  select
    coalesce(nullif(c.reltablespace, 0), d.dattablespace) || '/' || case when c.relisshared then 0 else d.oid end
      || '/' || pg_relation_filenode(c.oid) as relation,
    n.nspname as schema, format('%I.%I', n.nspname, c.relname) as name, c.relkind as kind, c.oid::text as oid, ${COLUMNS}
  from pg_class c join pg_namespace n on n.oid = c.relnamespace, pg_database d
  where d.datname = current_database() and pg_relation_filenode(c.oid) = any ($1::oid[])`;

/** By file, of those that this database still has. */
export async function describeFiles(
  client: ClientBase,
  database: string,
  relations: readonly string[],
): Promise<ReadonlyMap<string, Described>> {
  const nodes = relations.map((relation) => relation.split('/')[2]);
  const { rows } = await client.query<FileRow>(DESCRIBE, [nodes]);
  return new Map(rows.map((row) => [row.relation, described(row, database)]));
}

/** By its quoted name, as it is now; undefined: there is none. */
export async function describeTable(
  client: ClientBase,
  database: string,
  name: string,
): Promise<Table | undefined> {
  const { rows } = await client.query<{ columns: readonly Column[] | null }>(
    `select ${COLUMNS} from pg_class c where c.oid = to_regclass($1)`,
    [name],
  );
  const [row] = rows;
  return row && { relation: '', database, name, columns: row.columns ?? [] };
}

function described({ relation, schema, name, kind, columns }: FileRow, database: string): Described {
  if (schema === 'tanist' || kind === 't') return { kind: 'ours' };
  const isData = kind === 'r' || kind === 'm';
  const isCatalog = schema === 'pg_catalog' || schema === 'information_schema';
  if (!isData || (isCatalog && name !== 'pg_catalog.pg_largeobject')) return { kind: 'catalog', name };
  return { kind: 'table', table: { relation, database, name, columns: columns ?? [] } };
}

interface VersionRow {
  readonly place: string;
  readonly xid: string;
  readonly values: string;
}

/** In the type's own words; a cast to text would change some of them. */
export const valueOf = (column: string): string =>
  `case when t.${column} is null then null else format('%s', t.${column}) end`;

/** All columns of a row as one JSON object of texts. */
export function valuesOf({ columns }: Table): string {
  const names = columns.map(({ name }) => `'${name.replaceAll("'", "''")}'`);
  const values = columns.map(({ name }) => valueOf(quoted(name)));
  return columns.length === 0
    ? `'{}'::json`
    : `json_object(array[${names.join(', ')}]::text[], array[${values.join(', ')}]::text[])`;
}

export const quoted = (name: string): string => `"${name.replaceAll('"', '""')}"`;

/** The versions of its rows that are there and were written by what was committed. In a transaction of its own on `client`. */
export async function* readRows(
  client: ClientBase,
  table: Table,
  changes: Changes,
): AsyncGenerator<WrittenRow> {
  const [from, to] = numbersOf(changes);
  const select = `
    select t.ctid::text as place, t.xmin::text as xid, ${valuesOf(table)}::text as values
      from only ${table.name} as t where t.ctid >= $1::tid and t.ctid < $2::tid and t.xmin::text::bigint between $3 and $4`;
  for (const [first, last] of ranges(changes.pages.get(table.relation) ?? new Set())) {
    await client.query('begin transaction read only');
    await client.query(`declare salvaged no scroll cursor for ${select}`, [
      `(${first},0)`,
      `(${last + 1},0)`,
      from,
      to,
    ]);
    for (;;) {
      const { rows } = await client.query<VersionRow>(`fetch ${FETCH} from salvaged`);
      if (rows.length === 0) break;
      for (const { place, xid, values } of rows) {
        const transaction = changes.committed.get(Number(xid));
        if (transaction === undefined) continue;
        const where = placeIn(table, place);
        yield {
          table,
          kind: changes.originOf(where).kind === 'old' ? 'updated' : 'inserted',
          place: where,
          transaction,
          values: JSON.parse(values) as RowValues,
        };
      }
    }
    await client.query('commit');
  }
}

/** The least and the greatest; where they have gone round in between, all. */
function numbersOf({ committed }: Changes): readonly [number, number] {
  let [from, to] = [ALL_NUMBERS, 0];
  for (const xid of committed.keys()) [from, to] = [Math.min(from, xid), Math.max(to, xid)];
  return to - from > ALL_NUMBERS / 2 ? [0, ALL_NUMBERS] : [from, to];
}

const ALL_NUMBERS = 2 ** 32;

function placeIn({ relation }: Table, ctid: string): Place {
  const [, block, offset] = /^\((\d+),(\d+)\)$/.exec(ctid) ?? [];
  return { relation, block: Number(block), offset: Number(offset) };
}

/** Of pages side by side the first and the last. */
function ranges(blocks: ReadonlySet<number>): readonly (readonly [number, number])[] {
  const found: [number, number][] = [];
  for (const block of [...blocks].sort((a, b) => a - b)) {
    const open = found.at(-1);
    if (open !== undefined && block === open[1] + 1 && block - open[0] < MOST_PAGES) open[1] = block;
    else found.push([block, block]);
  }
  return found;
}
