/**
 * Of engines whose history has lines with names, and a number along each: Redis (replication id and offset), and what a script declares. A line
 * begins where a server is opened, on whatever stood there. A server that read its data from a file often knows its line and not how far along
 * it the file goes: it counts as the least that it can be, so whoever knows of as new a line is preferred, and nobody follows it by mistake.
 */
import { type Comparison, type Mark, marksAgree } from '#core/positions/marks.js';

/** Where an ancestor line ended and the next one began. */
export interface LineFork {
  readonly line: string;
  readonly end: bigint;
}

export interface LineagePosition {
  readonly engine: 'redis' | 'exec';
  /** Which data this is: random, written once by the first agent, replicated. Empty: there is no data at all, which is behind any. */
  readonly dataId: string;
  /** No other history has a line of this name. */
  readonly line: string;
  /** How far along it, or UNKNOWN. */
  readonly at: bigint;
  /** The ancestors of `line`, oldest first, the newest MOST_FORKS of them. */
  readonly forks: readonly LineFork[];
  /** The openings whose marks are here, oldest first. */
  readonly marks: readonly Mark[];
}

/** Below every number: what stands here is on its line, and nothing tells how far along. As the end of a fork: nobody known to be on that line was as far as this. */
export const UNKNOWN = -1n;
/** A report must not grow for ever, and controllers remember far fewer. */
export const MOST_FORKS = 100;

export function compareLineage(a: LineagePosition, b: LineagePosition): Comparison {
  if (a.engine !== b.engine) return 'diverged';
  if (a.dataId !== b.dataId) return a.dataId === '' ? 'behind' : b.dataId === '' ? 'ahead' : 'diverged';
  if (a.dataId === '') return 'equal';
  if (!marksAgree(a.marks, b.marks)) return 'diverged';
  if (a.line === b.line) {
    if (!forksAgree(a.forks, b.forks, isCut(a) || isCut(b))) return 'diverged';
    return a.at === b.at ? 'equal' : a.at > b.at ? 'ahead' : 'behind';
  }
  if (isAncestor(a, b)) return 'behind';
  if (isAncestor(b, a)) return 'ahead';
  return 'diverged';
}

/** True when `older` lies on the history of `newer`, at or before the point where newer's line left it. */
function isAncestor(older: LineagePosition, newer: LineagePosition): boolean {
  const index = newer.forks.findIndex(({ line }) => line === older.line);
  const fork = newer.forks[index];
  if (fork === undefined || older.at > fork.end) return false;
  return forksAgree(older.forks, newer.forks.slice(0, index), isCut(older) || isCut(newer));
}

const isCut = ({ forks }: LineagePosition): boolean => forks.length >= MOST_FORKS;

/** Counted from the newest: the oldest may be forgotten on either side, if either has had as many. */
function forksAgree(a: readonly LineFork[], b: readonly LineFork[], mayLack: boolean): boolean {
  if (a.length !== b.length && !mayLack) return false;
  const common = Math.min(a.length, b.length);
  if (common === 0) return true;
  const [ours, theirs] = [a.slice(-common), b.slice(-common)];
  return ours.every(({ line, end }, index) => line === theirs[index]?.line && end === theirs[index].end);
}

/** On one line only: whether numbers go on where another line begins is the engine's affair. */
export const stepsAhead = (a: LineagePosition, b: LineagePosition): bigint | undefined =>
  a.line === b.line && a.at !== UNKNOWN && b.at !== UNKNOWN ? a.at - b.at : undefined;

/** Names are long, and random where it matters. */
const SHOWN = 8;

export const formatLineage = ({ line, at }: LineagePosition): string =>
  `line ${line.slice(0, SHOWN)} ${at === UNKNOWN ? 'at an unknown place' : String(at)}`;
