/** Tables as the server knows them now: what the bytes of a log, and the texts of a salvage, mean. */
import type { Connection } from '#agent/engines/mysql-family/connection.js';

export interface Column {
  readonly name: string;
  /** `int`, `varchar`, `uuid`. */
  readonly type: string;
  /** `int(10) unsigned`, `enum('a','b')`. */
  readonly fullType: string;
  /** Of a text; null: of none, or of bytes. */
  readonly charset: string | null;
  /** Of a `binary`, its length. */
  readonly bytes: number;
  /** Of the primary key. */
  readonly isKey: boolean;
  /** The server alone writes it. */
  readonly isGenerated: boolean;
}

export interface Table {
  readonly database: string;
  readonly name: string;
  /** In the order of the table; empty: there is none of that name. */
  readonly columns: readonly Column[];
}

const READ = `
  select column_name as name, data_type as type, column_type as fullType, character_set_name as charset,
    coalesce(character_octet_length, 0) as bytes, column_key = 'PRI' as isKey,
    coalesce(generation_expression, '') <> '' as isGenerated
  from information_schema.columns where table_schema = ? and table_name = ? order by ordinal_position`;

type Row = Omit<Column, 'isKey' | 'isGenerated' | 'bytes'> &
  Readonly<Record<'isKey' | 'isGenerated' | 'bytes', number | bigint>>;

export async function describeTable(
  connection: Connection,
  database: string,
  name: string,
  timeoutMs: number,
): Promise<Table> {
  const rows = await connection.query<Row>(READ, { values: [database, name], timeoutMs });
  const columns = rows.map(({ isKey, isGenerated, bytes, ...column }) => ({
    ...column,
    ...{ type: column.type.toLowerCase(), bytes: Number(bytes) },
    ...{ isKey: Number(isKey) === 1, isGenerated: Number(isGenerated) === 1 },
  }));
  return { database, name, columns };
}

export const quoted = (name: string): string => `\`${name.replaceAll('`', '``')}\``;

export const nameOf = ({ database, name }: Table): string => `${quoted(database)}.${quoted(name)}`;

const LABEL = /'((?:[^']|'')*)'/g;

/** Of an `enum` or a `set`. */
export const labelsOf = ({ fullType }: Column): readonly string[] =>
  [...fullType.matchAll(LABEL)].map(([, label = '']) => label.replaceAll("''", "'"));
