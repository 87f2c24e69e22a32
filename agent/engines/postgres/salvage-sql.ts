/**
 * Salvaged rows as statements that an operator can read and run. A new row gives way to one that is there by now; a changed one is found by
 * its primary key; what cannot be said safely stands there as a comment.
 */
import type { RowValues } from '#core/salvage.js';
import { quoted, type Table } from '#agent/engines/postgres/salvaged-rows.js';

export const sqlHead = (about: readonly string[]): string =>
  [
    ...about.map((line) => `-- ${line}`),
    '-- Read it first; then run it in one transaction: psql -X -v ON_ERROR_STOP=1 -1 -f FILE DATABASE',
    "set standard_conforming_strings = on; set client_encoding = 'UTF8'; set DateStyle = 'ISO'; set IntervalStyle = 'postgres';",
    "set TimeZone = 'UTC';",
    '',
  ].join('\n');

export function insertOf(table: Table, values: RowValues): string {
  const columns = table.columns.filter(({ generated }) => generated !== 'stored');
  const names = columns.map(({ name }) => quoted(name)).join(', ');
  const texts = columns.map(({ name }) => literal(values[name])).join(', ');
  const isIdentity = columns.some(({ generated }) => generated === 'identity');
  const into =
    columns.length === 0
      ? 'default values'
      : `(${names})${isIdentity ? ' overriding system value' : ''} values (${texts})`;
  return `insert into ${table.name} ${into} on conflict do nothing;\n`;
}

/** `before`: the row as the leader has it; undefined: it has changed it, or it cannot be asked, and the key is taken to be the same. */
export function updateOf(table: Table, values: RowValues, before: RowValues | undefined): string {
  const where = keyOf(table, before ?? values);
  const set = table.columns
    .filter(({ generated }) => generated !== 'stored')
    .filter(({ name }) => before === undefined || before[name] !== values[name])
    .map(({ name, generated }) => [name, generated] as const);
  if (where === undefined || set.some(([, generated]) => generated === 'identity' && before !== undefined))
    return commented('updated, and it cannot be told which row', insertOf(table, values));
  const changes = set
    .filter(([, generated]) => generated === 'no')
    .map(([name]) => `${quoted(name)} = ${literal(values[name])}`);
  return changes.length === 0 ? '' : `update ${table.name} set ${changes.join(', ')} where ${where};\n`;
}

/** `values`: the row as it was. */
export function deleteOf(table: Table, values: RowValues): string {
  const where = keyOf(table, values);
  return where === undefined
    ? commented('deleted; without a primary key it cannot be told which', insertOf(table, values))
    : `delete from ${table.name} where ${where};\n`;
}

function keyOf({ columns }: Table, values: RowValues): string | undefined {
  const key = columns.filter(({ isKey }) => isKey);
  if (key.length === 0) return undefined;
  return key.map(({ name }) => `${quoted(name)} = ${literal(values[name])}`).join(' and ');
}

const literal = (text: string | null | undefined): string =>
  text === null || text === undefined ? 'null' : `'${text.replaceAll("'", "''")}'`;

const commented = (why: string, sql: string): string =>
  `-- ${why}:\n${sql.trimEnd().replaceAll(/^/gm, '-- ')}\n`;
