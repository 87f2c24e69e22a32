/**
 * Where a member's log stands. Never a bare number: two logs can stand at the same number with different contents,
 * so a position carries the ancestry by which `comparePositions` tells ahead from diverged (rule S2).
 */
import {
  compareMariadb,
  formatGtids,
  type MariadbPosition,
  newestOpening,
  transactionsAhead,
} from '#core/positions/mariadb.js';
import type { Comparison } from '#core/positions/marks.js';
import { comparePostgres, formatLsn, type PostgresPosition } from '#core/positions/postgres.js';

export { type Comparison, type Mark, marksAgree } from '#core/positions/marks.js';

export type Position = PostgresPosition | MariadbPosition;
export const ENGINES = ['postgres', 'mariadb'] as const;
export type EngineName = (typeof ENGINES)[number];

/** How `a` stands to `b`: `ahead` when a's log contains all of b's and more. */
export function comparePositions(a: Position, b: Position): Comparison {
  if (a.engine === 'postgres' && b.engine === 'postgres') return comparePostgres(a, b);
  if (a.engine === 'mariadb' && b.engine === 'mariadb') return compareMariadb(a, b);
  return 'diverged';
}

/** What is of another engine was never written by this one, nor meant for it. */
export function ofEngine<Name extends EngineName>(
  position: Position,
  engine: Name,
): Position & { readonly engine: Name } {
  if (position.engine !== engine)
    throw new Error(`a position of ${position.engine}, where one of ${engine} is due`);
  return position as Position & { readonly engine: Name };
}

/** On one and the same line: neither has an opening that the other lacks. */
export function isOnSameLine(a: Position, b: Position): boolean {
  if (a.engine === 'postgres') return b.engine === 'postgres' && a.timeline === b.timeline;
  return b.engine === 'mariadb' && newestOpening(a) === newestOpening(b);
}

export function formatPosition(position: Position): string {
  return position.engine === 'postgres'
    ? `timeline ${position.timeline} ${formatLsn(position.lsn)}`
    : formatGtids(position.gtids) || 'nothing yet';
}

/** So much of log is caught up within a moment: bytes, or transactions. */
export const NEAR: Readonly<Record<EngineName, bigint>> = { postgres: 16n * 1024n * 1024n, mariadb: 100n };

/** By how much of log `a` is ahead of `b` on one line of history, in bytes or in transactions, as its engine counts; undefined where that has no meaning. */
export function logAhead(a: Position, b: Position): bigint | undefined {
  if (comparePositions(a, b) === 'diverged') return undefined;
  if (a.engine === 'postgres') return b.engine === 'postgres' ? a.lsn - b.lsn : undefined;
  return b.engine === 'mariadb' ? transactionsAhead(a.gtids, b.gtids) : undefined;
}
