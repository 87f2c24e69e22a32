/**
 * Where a member's log stands. Never a bare number: two logs can stand at the same number with different contents,
 * so a position carries the ancestry by which `comparePositions` tells ahead from diverged (rule S2).
 */
import type { Epoch } from '#core/brand.js';

/** The random mark that an opening wrote as its first write (rule S2). */
export interface Mark {
  readonly epoch: Epoch;
  readonly mark: string;
}

/** Where an ancestor timeline ended and its child began. */
export interface Fork {
  readonly timeline: number;
  readonly end: bigint;
}

export interface PostgresPosition {
  readonly engine: 'postgres';
  /** The system identifier: which data this is. Decimal. */
  readonly dataId: string;
  /** The timeline of the last received record. */
  readonly timeline: number;
  /** End of the log, received and flushed, whether applied or not. */
  readonly lsn: bigint;
  /** The ancestors of `timeline`, oldest first, from its history file. */
  readonly forks: readonly Fork[];
  /** The openings whose marks are applied here, oldest first. */
  readonly marks: readonly Mark[];
}

export type Position = PostgresPosition;
export type Comparison = 'ahead' | 'equal' | 'behind' | 'diverged';

/** How `a` stands to `b`: `ahead` when a's log contains all of b's and more. */
export function comparePositions(a: Position, b: Position): Comparison {
  if (a.dataId !== b.dataId) return 'diverged';
  if (!marksAgree(a.marks, b.marks)) return 'diverged';
  if (a.timeline === b.timeline) {
    if (!sameForks(a.forks, b.forks)) return 'diverged';
    return a.lsn === b.lsn ? 'equal' : a.lsn > b.lsn ? 'ahead' : 'behind';
  }
  if (isAncestor(a, b)) return 'behind';
  if (isAncestor(b, a)) return 'ahead';
  return 'diverged';
}

/** True when `older` lies on the history of `newer`, at or before the point where newer's line left it. */
function isAncestor(older: PostgresPosition, newer: PostgresPosition): boolean {
  const index = newer.forks.findIndex((fork) => fork.timeline === older.timeline);
  const fork = newer.forks[index];
  if (fork === undefined) return false;
  return older.lsn <= fork.end && sameForks(older.forks, newer.forks.slice(0, index));
}

function sameForks(a: readonly Fork[], b: readonly Fork[]): boolean {
  return a.length === b.length && a.every((f, i) => f.timeline === b[i]?.timeline && f.end === b[i].end);
}

/**
 * Marks are compared where both lists reach: a member that has not applied the newest yet has a shorter list, and old
 * openings are forgotten in time, on either side.
 */
export function marksAgree(a: readonly Mark[], b: readonly Mark[]): boolean {
  const first = Math.max(Number(a[0]?.epoch ?? 0n), Number(b[0]?.epoch ?? 0n));
  const last = Math.min(Number(a.at(-1)?.epoch ?? 0n), Number(b.at(-1)?.epoch ?? 0n));
  const within = (marks: readonly Mark[]): string =>
    marks
      .filter((m) => Number(m.epoch) >= first && Number(m.epoch) <= last)
      .map((m) => `${m.epoch}:${m.mark}`)
      .join();
  return within(a) === within(b);
}

/** PostgreSQL's way of writing a position in its log: `1/2A3B4C5D`. */
export function formatLsn(lsn: bigint): string {
  return `${(lsn >> 32n).toString(16).toUpperCase()}/${(lsn & 0xffffffffn).toString(16).toUpperCase()}`;
}

/** Reads `1/2A3B4C5D`; undefined for anything else. */
export function parseLsn(text: string): bigint | undefined {
  const match = /^([0-9A-Fa-f]{1,8})\/([0-9A-Fa-f]{1,8})$/.exec(text);
  if (match?.[1] === undefined || match[2] === undefined) return undefined;
  return (BigInt(`0x${match[1]}`) << 32n) | BigInt(`0x${match[2]}`);
}

export function formatPosition(position: Position): string {
  return `timeline ${position.timeline} ${formatLsn(position.lsn)}`;
}

/** Bytes by which `a` is ahead of `b` on one line of history; undefined where that has no meaning. */
export function bytesAhead(a: Position, b: Position): bigint | undefined {
  return comparePositions(a, b) === 'diverged' ? undefined : a.lsn - b.lsn;
}
