/**
 * What positions have in common where every transaction carries a number of its own: numbers alone do not tell what came before
 * them. So a position carries where each opening began: what stood there, or further, when the line of another opening left, and
 * does not have that opening, has left the line itself.
 */
import type { Epoch } from '#core/brand.js';
import type { Comparison } from '#core/positions/marks.js';

/** An opening: who was opened, and what was there before its mark. */
export interface Line<From> {
  readonly epoch: Epoch;
  /** All that follows on this line is written by it. */
  readonly server: number | string;
  readonly from: From;
}

interface Standing<From> {
  readonly gtids: From;
  /** Oldest first. */
  readonly lines: readonly Line<From>[];
}

export type Compare<From> = (a: From, b: From) => Comparison;

/** Of the newest openings; a report must not grow for ever, and controllers remember far fewer. */
export const MOST_LINES = 100;

export const newestOpening = ({ lines }: Pick<Standing<unknown>, 'lines'>): bigint =>
  lines.at(-1)?.epoch ?? 0n;

/** How `a` stands to `b` by their openings; `sameLine`: neither has one that the other lacks, and their transactions decide. */
export function compareLines<From>(
  a: Standing<From>,
  b: Standing<From>,
  compare: Compare<From>,
): Comparison | 'sameLine' {
  if (!linesAgree(a.lines, b.lines, compare)) return 'diverged';
  const [openedA, openedB] = [newestOpening(a), newestOpening(b)];
  if (openedA === openedB) return 'sameLine';
  if (openedA < openedB) return isBefore(a, b, compare) ? 'behind' : 'diverged';
  return isBefore(b, a, compare) ? 'ahead' : 'diverged';
}

/** Whether `older` had got no further than to where the history of `newer` first left its line. */
function isBefore<From>(older: Standing<From>, newer: Standing<From>, compare: Compare<From>): boolean {
  const opened = newestOpening(older);
  // An opening that the newer one has not is either another history's, or forgotten: then nothing tells.
  const isKnown =
    opened === 0n ? newer.lines.length < MOST_LINES : newer.lines.some(({ epoch }) => epoch === opened);
  const left = newer.lines.find(({ epoch }) => epoch > opened);
  if (!isKnown || left === undefined) return false;
  const stands = compare(older.gtids, left.from);
  return stands === 'behind' || stands === 'equal';
}

/** Where both lists reach, as with marks. */
function linesAgree<From>(
  a: readonly Line<From>[],
  b: readonly Line<From>[],
  compare: Compare<From>,
): boolean {
  const first = greater(a[0]?.epoch ?? 0n, b[0]?.epoch ?? 0n);
  const [lastA, lastB] = [a.at(-1)?.epoch ?? 0n, b.at(-1)?.epoch ?? 0n];
  const last = lastA < lastB ? lastA : lastB;
  const within = (lines: readonly Line<From>[]): readonly Line<From>[] =>
    lines.filter(({ epoch }) => epoch >= first && epoch <= last);
  const [ours, theirs] = [within(a), within(b)];
  const isSame = (one: Line<From>, other: Line<From> | undefined): boolean =>
    one.epoch === other?.epoch && one.server === other.server && compare(one.from, other.from) === 'equal';
  return ours.length === theirs.length && ours.every((line, index) => isSame(line, theirs[index]));
}

const greater = (a: bigint, b: bigint): bigint => (a > b ? a : b);
