/**
 * Salvaged rows as statements that an operator can read and run. A new row gives way to one that is there by now; a changed one is found by
 * its primary key; what cannot be said safely stands there as a comment.
 */
import type { RowValues, SalvagedRow } from '#core/salvage.js';
import { type Column, nameOf, quoted, type Table } from '#agent/engines/mysql-family/tables.js';
import { literalOf } from '#agent/engines/mysql-family/values.js';

/** `client`: the program that runs it. */
export const sqlHead = (about: readonly string[], client: string): string =>
  [
    ...about.map((line) => `-- ${line}`),
    `-- Read it first; then run it in one transaction: ${client} -e "start transaction; source FILE; commit"`,
    "set names utf8mb4; set time_zone = '+00:00'; set sql_mode = 'STRICT_ALL_TABLES,NO_AUTO_VALUE_ON_ZERO,ALLOW_INVALID_DATES';",
    '',
  ].join('\n');

export function sqlOf(table: Table, { kind, values, before }: SalvagedRow): string {
  if (values === null) return '';
  // A table that is there no more, or is another one by now: nothing tells what its columns mean.
  if (table.columns.length === 0 || Object.keys(values).some((name) => columnOf(table, name) === undefined))
    return `-- ${kind} in ${nameOf(table)}, which has changed since: ${oneLine(JSON.stringify(values))}\n`;
  switch (kind) {
    case 'inserted':
      return insertOf(table, values);
    case 'updated':
      return updateOf(table, values, before ?? values);
    case 'deleted':
      return deleteOf(table, values);
  }
}

function insertOf(table: Table, values: RowValues): string {
  const columns = writable(table, values);
  const names = columns.map(({ name }) => quoted(name)).join(', ');
  const texts = columns.map((column) => literalOf(column, values[column.name])).join(', ');
  const [first] = columns;
  const otherwise =
    first === undefined ? '' : ` on duplicate key update ${quoted(first.name)} = ${quoted(first.name)}`;
  return `insert into ${nameOf(table)} (${names}) values (${texts})${otherwise};\n`;
}

function updateOf(table: Table, values: RowValues, before: RowValues): string {
  const where = keyOf(table, before);
  if (where === undefined)
    return commented(
      'updated, and without a primary key it cannot be told which row',
      insertOf(table, values),
    );
  const changes = writable(table, values)
    .filter(({ name }) => !(name in before) || before[name] !== values[name])
    .map((column) => `${quoted(column.name)} = ${literalOf(column, values[column.name])}`);
  return changes.length === 0 ? '' : `update ${nameOf(table)} set ${changes.join(', ')} where ${where};\n`;
}

function deleteOf(table: Table, values: RowValues): string {
  const where = keyOf(table, values);
  return where === undefined
    ? commented('deleted; without a primary key it cannot be told which', insertOf(table, values))
    : `delete from ${nameOf(table)} where ${where};\n`;
}

export const columnOf = ({ columns }: Table, name: string): Column | undefined =>
  columns.find((column) => column.name === name);

const writable = ({ columns }: Table, values: RowValues): readonly Column[] =>
  columns.filter(({ name, isGenerated }) => !isGenerated && name in values);

/** Undefined: it has no primary key. */
export function keyOf({ columns }: Table, values: RowValues): string | undefined {
  const key = columns.filter(({ isKey }) => isKey);
  if (key.length === 0 || !key.every(({ name }) => name in values)) return undefined;
  return key
    .map((column) => `${quoted(column.name)} = ${literalOf(column, values[column.name])}`)
    .join(' and ');
}

const commented = (why: string, sql: string): string => `-- ${why}:\n-- ${oneLine(sql.trimEnd())}\n`;
const oneLine = (text: string): string => text.replaceAll(/[\r\n]+/g, ' ');
