/** Row events of a binary log: which table, and of each row the values before and after. Compressed ones, too. */
import { Bytes, inflated } from '#agent/engines/mariadb/bytes.js';
import { metadataOf, type RawValue, readValue, type RowFormat } from '#agent/engines/mariadb/row-format.js';

export interface TableMap {
  readonly id: bigint;
  readonly database: string;
  readonly table: string;
  readonly columns: readonly RowFormat[];
}

export interface RowsEvent {
  readonly map: TableMap;
  readonly what: 'inserted' | 'updated' | 'deleted';
  /** File and offset. */
  readonly place: string;
  /** Which columns are there, before and after. */
  readonly present: readonly [readonly boolean[], readonly boolean[]];
  /** Row after row: `rowsOf`. */
  readonly data: Buffer;
}

const WHAT = ['inserted', 'updated', 'deleted'] as const;
/** The first of three kinds each, in the order of `WHAT`. */
const FIRST = { plain: 23, newer: 30, compressed: 166, newerCompressed: 169 };

const familyOf = (type: number): number | undefined =>
  Object.values(FIRST).find((first) => type >= first && type < first + WHAT.length);

export const isRowsEvent = (type: number): boolean => familyOf(type) !== undefined;

export function readTableMap(body: Buffer): TableMap {
  const bytes = new Bytes(body);
  const id = bytes.unsigned(6);
  bytes.skip(2);
  const name = (): string => {
    const text = bytes.take(Number(bytes.unsigned(1))).toString('utf8');
    bytes.skip(1);
    return text;
  };
  const [database, table] = [name(), name()];
  const types = [...bytes.take(bytes.packed())];
  const metadata = new Bytes(bytes.take(bytes.packed()));
  return { id, database, table, columns: types.map((type) => metadataOf(type, metadata)) };
}

export function readRowsEvent(
  type: number,
  body: Buffer,
  place: string,
  maps: ReadonlyMap<bigint, TableMap>,
): RowsEvent {
  const family = familyOf(type) ?? type;
  const what = WHAT[type - family] ?? 'inserted';
  const bytes = new Bytes(body);
  const id = bytes.unsigned(6);
  bytes.skip(2);
  if (family === FIRST.newer || family === FIRST.newerCompressed) {
    const extra = Number(bytes.unsigned(2));
    bytes.skip(extra - 2);
  }
  const map = maps.get(id);
  if (map === undefined) throw new Error(`${place}: rows of a table that nothing names`);
  const count = bytes.packed();
  const first = bytes.bits(count);
  const second = what === 'updated' ? bytes.bits(count) : first;
  const rest = bytes.rest();
  const isCompressed = family === FIRST.compressed || family === FIRST.newerCompressed;
  return { map, what, place, present: [first, second], data: isCompressed ? inflated(rest) : rest };
}

/** One side of a row, by the number of the column; null is a value, what is not there is none. */
export type RawRow = ReadonlyMap<number, RawValue | null>;

/** Row after row: of an update before and after, of others the one side that there is. Throws where a value cannot be told. */
export function* rowsOf({ map, what, present, data }: RowsEvent): Generator<readonly [RawRow, RawRow]> {
  const bytes = new Bytes(data);
  while (!bytes.isOver) {
    const first = readRow(map, present[0], bytes);
    yield [first, what === 'updated' ? readRow(map, present[1], bytes) : first];
  }
}

function readRow({ columns }: TableMap, present: readonly boolean[], bytes: Bytes): RawRow {
  const there = columns.flatMap((format, number) => (present[number] === true ? [{ format, number }] : []));
  const nulls = bytes.bits(there.length);
  return new Map(
    there.map(({ format, number }, index) => [
      number,
      nulls[index] === true ? null : readValue(format, bytes),
    ]),
  );
}
