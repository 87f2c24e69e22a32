/**
 * Where a log leaves the leader's history: at the end of the last line that both have in common, whoever left it first. Two
 * servers may have given one number to different lines (rule S2), so the lines are believed only where the marks
 * bear them out: every opening of the common part must have left its mark in this log too.
 */
import type { ProvedOpening } from '#core/plan.js';
import { ofEngine } from '#core/position.js';
import type { PostgresPosition, Fork } from '#core/positions/postgres.js';

const NO_END = (1n << 64n) - 1n;

/** The last common line and where the first of the two left it; undefined when the lines do not tell. */
export function divergenceOf(own: PostgresPosition, openings: readonly ProvedOpening[]): Fork | undefined {
  const newest = openings.at(-1);
  if (newest === undefined) return undefined;
  const opened = ofEngine(newest.position, 'postgres');
  const ours: readonly Fork[] = [...own.forks, { timeline: own.timeline, end: own.lsn }];
  const theirs: readonly Fork[] = [...opened.forks, { timeline: opened.timeline, end: NO_END }];
  let common = 0;
  while (isSameLine(ours, theirs, common)) common += 1;
  const [our, their] = [ours[common - 1], theirs[common - 1]];
  if (our === undefined || their === undefined) return undefined;
  const divergence = { timeline: our.timeline, end: our.end < their.end ? our.end : their.end };
  // A log that ends within the leader's history does not leave it: if it is another one all the same, its lines lie.
  if (common === ours.length && divergence.end === own.lsn) return undefined;
  const shared = openings.filter(({ position }) => {
    const { timeline: line, lsn } = ofEngine(position, 'postgres');
    const index = theirs.findIndex(({ timeline }) => timeline === line);
    return index < common - 1 || (index === common - 1 && lsn <= divergence.end);
  });
  return shared.every((opening) => hasMark(own, opening)) ? divergence : undefined;
}

/** Both took the same number at the same place. */
function isSameLine(ours: readonly Fork[], theirs: readonly Fork[], index: number): boolean {
  const our = ours[index];
  if (our === undefined || our.timeline !== theirs[index]?.timeline) return false;
  return index === 0 || ours[index - 1]?.end === theirs[index - 1]?.end;
}

/** The oldest marks are forgotten in time. */
function hasMark({ marks }: PostgresPosition, { epoch, mark }: ProvedOpening): boolean {
  const oldest = marks[0];
  if (oldest !== undefined && epoch < oldest.epoch) return true;
  return marks.some((each) => each.epoch === epoch && each.mark === mark);
}
