/**
 * MySQL's: the set of all transactions that are there. Whether one contains another tells nearly everything, for no number is given twice by one
 * server; but a server whose data was put back to an earlier state counts from there anew, while some replica still has
 * what it had written first. So a position carries where each opening began, too (lines.ts).
 */
import {
  compareGtidSets,
  type GtidSet,
  intersectGtids,
  subtractGtids,
  uniteGtids,
} from '#core/positions/gtid-set.js';
import { compareLines, type Line } from '#core/positions/lines.js';
import { type Comparison, type Mark, marksAgree } from '#core/positions/marks.js';

/** An opening: who was opened, by the server's own identifier, and all that was there before its mark. */
export interface MysqlLine extends Line<GtidSet> {
  readonly server: string;
}

export interface MysqlPosition {
  readonly engine: 'mysql';
  /** Which data this is: random, written once by the first agent, replicated. */
  readonly dataId: string;
  /** All transactions that are applied here, so that lines and marks go as far. */
  readonly gtids: GtidSet;
  /** The openings that are applied here, oldest first. */
  readonly lines: readonly MysqlLine[];
  readonly marks: readonly Mark[];
}

export function compareMysql(a: MysqlPosition, b: MysqlPosition): Comparison {
  if (a.dataId !== b.dataId || !marksAgree(a.marks, b.marks)) return 'diverged';
  const stands = compareLines(a, b, compareGtidSets);
  if (stands !== 'sameLine') return stands;
  if (hasErrant(a, b) || hasErrant(b, a)) return 'diverged';
  return compareGtidSets(a.gtids, b.gtids);
}

/**
 * On one line: `a` holds what the line's leader never wrote and `b` has not, so it did not come from there. Replicas write by themselves, on behalf
 * of an administrator. What both have was brought to the leader from elsewhere, and replicated.
 */
export function hasErrant(a: MysqlPosition, b: MysqlPosition): boolean {
  const line = a.lines.at(-1);
  if (line === undefined) return false;
  const alone = subtractGtids(subtractGtids(a.gtids, line.from), b.gtids);
  return alone.some(({ server }) => server !== line.server);
}

/**
 * What a member that stands at `own` has of the history that goes along `theirs`; the rest is its alone. The number does not tell: a server whose data
 * was put back gives one a second time. So where the two left each other, all that came after is counted as what it was there.
 */
export function sharedGtids(own: MysqlPosition, theirs: MysqlPosition): GtidSet {
  const isCommon = (line: MysqlLine): boolean => theirs.lines.some((other) => isSameLine(line, other));
  const common = own.lines.findLast(isCommon);
  const isLater = ({ epoch }: MysqlLine): boolean => epoch > (common?.epoch ?? 0n);
  const [leftAt, went] = [theirs.lines.find(isLater), own.lines.find(isLater)];
  const until = leftAt?.from ?? uniteGtids(theirs.gtids, writtenBy(own.gtids, common?.server));
  const shared = intersectGtids(own.gtids, until);
  return went === undefined ? shared : intersectGtids(shared, went.from);
}

const isSameLine = (a: MysqlLine, b: MysqlLine): boolean =>
  a.epoch === b.epoch && a.server === b.server && compareGtidSets(a.from, b.from) === 'equal';

const writtenBy = (gtids: GtidSet, writer: string | undefined): GtidSet =>
  gtids.filter(({ server }) => server === writer);
