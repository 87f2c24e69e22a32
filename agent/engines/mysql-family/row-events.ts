/** Row events of a binary log: which table, and of each row the values before and after. Compressed ones, too. */
import { Bytes, inflated } from '#agent/engines/mysql-family/bytes.js';
import { changeJson } from '#agent/engines/mysql-family/json.js';
import {
  metadataOf,
  type RawValue,
  readValue,
  type RowFormat,
} from '#agent/engines/mysql-family/row-format.js';

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
  readonly isPartial: boolean;
  /** Row after row: `rowsOf`. */
  readonly data: Buffer;
}

const WHAT = ['inserted', 'updated', 'deleted'] as const;
/** The first of three kinds each, in the order of `WHAT`. */
const FIRST = { plain: 23, newer: 30, compressed: 166, newerCompressed: 169 };
/** An update that tells of some JSON values only what became of them. */
const PARTIAL = 39;

const familyOf = (type: number): number | undefined =>
  Object.values(FIRST).find((first) => type >= first && type < first + WHAT.length);

export const isRowsEvent = (type: number): boolean => type === PARTIAL || familyOf(type) !== undefined;

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
  const isPartial = type === PARTIAL;
  const family = isPartial ? FIRST.newer : (familyOf(type) ?? type);
  const what = isPartial ? 'updated' : (WHAT[type - family] ?? 'inserted');
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
  const data = isCompressed ? inflated(rest) : rest;
  return { map, what, place, present: [first, second], isPartial, data };
}

/** One side of a row, by the number of the column; null is a value, what is not there is none. */
export type RawRow = ReadonlyMap<number, RawValue | null>;

/** Row after row: of an update before and after, of others the one side that there is. Throws where a value cannot be told. */
export function* rowsOf({
  map,
  what,
  present,
  isPartial,
  data,
}: RowsEvent): Generator<readonly [RawRow, RawRow]> {
  const bytes = new Bytes(data);
  while (!bytes.isOver) {
    const first = readRow(map, present[0], bytes);
    if (what !== 'updated') yield [first, first];
    else
      yield [first, isPartial ? readPartly(map, present[1], first, bytes) : readRow(map, present[1], bytes)];
  }
}

type ReadColumn = (format: RowFormat, number: number, bytes: Bytes) => RawValue;

function readRow(
  { columns }: TableMap,
  present: readonly boolean[],
  bytes: Bytes,
  read: ReadColumn = (format) => readValue(format, bytes),
): RawRow {
  const there = columns.flatMap((format, number) => (present[number] === true ? [{ format, number }] : []));
  const nulls = bytes.bits(there.length);
  return new Map(
    there.map(({ format, number }, index) => [
      number,
      nulls[index] === true ? null : read(format, number, bytes),
    ]),
  );
}

/** In its options: some of the JSON values are changes. */
const HAS_CHANGES = 0x1;

/** Which JSON values are changes is told of all, also of those that are not there. */
function readPartly(map: TableMap, present: readonly boolean[], before: RawRow, bytes: Bytes): RawRow {
  const options = bytes.packed();
  const documents = map.columns.flatMap(({ kind }, number) => (kind === 'json' ? [number] : []));
  const marked = (options & HAS_CHANGES) === 0 ? [] : bytes.bits(documents.length);
  const changed = new Set(documents.filter((_, index) => marked[index] === true));
  return readRow(map, present, bytes, (format, number) => {
    if (format.kind !== 'json' || !changed.has(number)) return readValue(format, bytes);
    const changes = bytes.take(Number(bytes.unsigned(format.prefix)));
    const known = before.get(number);
    if (known?.kind !== 'json') throw new Error('what a JSON value was before is not in the log');
    return { kind: 'json', value: changeJson(known.value, new Bytes(changes)) };
  });
}
