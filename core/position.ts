/**
 * Where a member's log stands. Never a bare number: two logs can stand at the same number with different contents,
 * so a position carries the ancestry by which `comparePositions` tells ahead from diverged (rule S2).
 */
import { assertNever } from '#core/assert.js';
import { countGtids, formatGtidSet } from '#core/positions/gtid-set.js';
import { compareLineage, formatLineage, type LineagePosition, stepsAhead } from '#core/positions/lineage.js';
import { newestOpening } from '#core/positions/lines.js';
import {
  compareMariadb,
  formatGtids,
  type MariadbPosition,
  transactionsAhead,
} from '#core/positions/mariadb.js';
import type { Comparison } from '#core/positions/marks.js';
import { compareMysql, type MysqlPosition } from '#core/positions/mysql.js';
import { comparePostgres, formatLsn, type PostgresPosition } from '#core/positions/postgres.js';

export { type Comparison, type Mark, marksAgree } from '#core/positions/marks.js';

export type Position = PostgresPosition | MariadbPosition | MysqlPosition | LineagePosition;
export const ENGINES = ['postgres', 'mariadb', 'mysql', 'redis', 'exec'] as const;
export type EngineName = (typeof ENGINES)[number];

/** How `a` stands to `b`: `ahead` when a's log contains all of b's and more. */
export function comparePositions(a: Position, b: Position): Comparison {
  if (a.engine === 'postgres' && b.engine === 'postgres') return comparePostgres(a, b);
  if (a.engine === 'mariadb' && b.engine === 'mariadb') return compareMariadb(a, b);
  if (a.engine === 'mysql' && b.engine === 'mysql') return compareMysql(a, b);
  if (isLineage(a) && isLineage(b)) return compareLineage(a, b);
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
  if (a.engine === 'mariadb') return b.engine === 'mariadb' && newestOpening(a) === newestOpening(b);
  if (a.engine === 'mysql') return b.engine === 'mysql' && newestOpening(a) === newestOpening(b);
  return a.engine === b.engine && a.line === b.line;
}

const isLineage = (position: Position): position is LineagePosition =>
  position.engine === 'redis' || position.engine === 'exec';

export function formatPosition(position: Position): string {
  switch (position.engine) {
    case 'postgres':
      return `timeline ${position.timeline} ${formatLsn(position.lsn)}`;
    case 'mariadb':
      return formatGtids(position.gtids) || 'nothing yet';
    case 'mysql':
      return formatGtidSet(position.gtids) || 'nothing yet';
    case 'redis':
    case 'exec':
      return formatLineage(position);
    default:
      return assertNever(position);
  }
}

/**
 * Whether what a server acknowledged is in its log when it is started again. Redis has what its last file had; what a script does it does not
 * tell, so it counts as the worst.
 */
export const LOG_OUTLIVES_SERVER: Readonly<Record<EngineName, boolean>> = {
  postgres: true,
  mariadb: true,
  mysql: true,
  redis: false,
  exec: false,
};

/** In what log is counted: how far one is behind, what is received and not yet applied. `steps` are what a script takes them for. */
export const LOG_UNIT = {
  postgres: 'bytes',
  mariadb: 'transactions',
  mysql: 'transactions',
  redis: 'bytes',
  exec: 'steps',
} as const satisfies Readonly<Record<EngineName, string>>;

/**
 * So much of log is caught up within a moment, in `LOG_UNIT`. Two members are compared by reports that may be 250 ms apart, so a busy one is near its
 * leader in some of them only.
 */
export const NEAR: Readonly<Record<EngineName, bigint>> = {
  postgres: 16n * 1024n * 1024n,
  mariadb: 200n,
  mysql: 200n,
  redis: 1024n * 1024n,
  exec: 200n,
};

/**
 * Whether the position that a replica reports is that of what it has applied, with what it has received besides as its backlog; elsewhere it has
 * the backlog in it.
 */
export const POSITION_IS_APPLIED: Readonly<Record<EngineName, boolean>> = {
  postgres: false,
  mariadb: true,
  mysql: true,
  redis: false,
  exec: false,
};

/** By how much of log `a` is ahead of `b` on one line of history, as its engine counts; undefined where that has no meaning. */
export function logAhead(a: Position, b: Position): bigint | undefined {
  if (comparePositions(a, b) === 'diverged') return undefined;
  if (a.engine === 'postgres') return b.engine === 'postgres' ? a.lsn - b.lsn : undefined;
  if (a.engine === 'mariadb') return b.engine === 'mariadb' ? transactionsAhead(a.gtids, b.gtids) : undefined;
  if (a.engine === 'mysql')
    return b.engine === 'mysql' ? countGtids(a.gtids) - countGtids(b.gtids) : undefined;
  return isLineage(b) ? stepsAhead(a, b) : undefined;
}
