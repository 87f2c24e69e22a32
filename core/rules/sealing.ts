/**
 * S: which member leads next and what it takes to open it. A position counts only when it was read after the member had
 * stopped receiving from the old leader; ancestry counts only by marks; a leader counts only when it wrote.
 */
import { type Epoch, nextEpoch } from '#core/brand.js';
import { isProved, type Plan, type ProvedOpening } from '#core/plan.js';
import type { Sealed } from '#core/report.js';
import {
  type Comparison,
  comparePositions,
  isOnSameLine,
  LOG_OUTLIVES_SERVER,
  type Mark,
  marksAgree,
  type Position,
} from '#core/position.js';

/** S1: a seal is taken up only for an epoch above every one this agent durably knows; `again` repeats the answer. */
export function S1_acceptsSeal(
  known: { readonly highestEpoch: Epoch; readonly sealedEpoch: Epoch },
  epoch: Epoch,
): 'accept' | 'again' | 'stale' {
  if (epoch > known.highestEpoch) return 'accept';
  return epoch === known.sealedEpoch && epoch === known.highestEpoch ? 'again' : 'stale';
}

/** S1, INV-3: the position that may decide is the one that was read after the very seal; what a heartbeat says is a forecast. */
export function S1_decidingPosition(
  report: {
    readonly sealed: Sealed | undefined;
    readonly database: { readonly position: Position | undefined };
  },
  epoch: Epoch,
): Position | undefined {
  return report.sealed?.epoch === epoch ? report.sealed.position : undefined;
}

/**
 * S1: whether a leader that was closed has in its log all that it ever acknowledged, so that nothing is lost when it is opened again, and nothing but
 * what its log holds can have been lost when another one was. No log that ends with its server's process proves that.
 */
export function S1_keepsOwn({ engine }: Pick<Position, 'engine'>): boolean {
  return LOG_OUTLIVES_SERVER[engine];
}

/**
 * S2: how a log stands to the newest opening: marks first, then the line of history. `behind` and `equal` may follow; `ahead` and
 * `diverged` hold writes that the leader lacks.
 */
export function S2_ancestry(position: Position, openings: readonly ProvedOpening[]): Comparison {
  const lastMark = position.marks.at(-1);
  const lastKnown = openings.at(-1);
  // A mark newer than every opening that the plan knows was written by a leader that nobody proved.
  if (lastMark !== undefined && lastKnown !== undefined && lastMark.epoch > lastKnown.epoch)
    return 'diverged';
  const newest = openings.at(-1);
  if (newest === undefined) return 'equal';
  // The newest opening's own log knows every mark in it, also of one that wrote its mark and was never proved.
  const known = newest.position.marks.length > 0 ? newest.position.marks : openings;
  if (!marksAgree(position.marks, known)) return 'diverged';
  const { marks: _, ...line } = newest.position;
  const compared = comparePositions({ ...position, marks: [] }, { ...line, marks: [] });
  // Past the opening on its own line is where every follower ends up: it is behind the leader, not ahead of it.
  return compared === 'ahead' && isOnSameLine(position, newest.position) ? 'behind' : compared;
}

/**
 * S2, second half: the number that an opening's line of history must take, so that no two openings ever share one. PostgreSQL
 * takes the next unused number; counting on by epochs reserves one for each, also for an opening that nobody heard of. Undefined: an engine
 * without such numbers, or no opening yet.
 */
export function S2_timelineFor(epoch: Epoch, openings: readonly ProvedOpening[]): number | undefined {
  const newest = openings.at(-1);
  if (newest?.position.engine !== 'postgres') return undefined;
  return newest.position.timeline + Number(epoch - newest.epoch);
}

/** S3: an opening is proved by the mark it wrote locally at exactly this epoch, at or above the committed position. */
export function S3_isProof(
  plan: Plan,
  opened: (Mark & { readonly position: Position }) | undefined,
): boolean {
  if (opened?.epoch !== plan.epoch) return false;
  if (plan.opening.state !== 'pending' || plan.opening.atLeast === undefined) return true;
  const compared = comparePositions(
    { ...opened.position, marks: [] },
    { ...plan.opening.atLeast, marks: [] },
  );
  return compared === 'ahead' || compared === 'equal';
}

/** S4: no replica is pointed at a leader that has not proved writable. */
export function S4_mayFollow(plan: Plan): boolean {
  return isProved(plan);
}

/** The epoch that the next seal names: above the plan's and above every epoch that an agent durably knows. */
export function sealEpoch(planEpoch: Epoch, heard: readonly Epoch[]): Epoch {
  return nextEpoch(heard.reduce((top, epoch) => (epoch > top ? epoch : top), planEpoch));
}
