/** PostgreSQL's: a line of history and how far along it. Two logs of one timeline number may differ, so its forks come along. */
import { type Comparison, type Mark, marksAgree } from '#core/positions/marks.js';

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

export function comparePostgres(a: PostgresPosition, b: PostgresPosition): Comparison {
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
