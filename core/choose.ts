/**
 * Choose the most advanced of the sealed (DESIGN 6.3). Every candidate's log is compared with every other's: the chosen
 * one holds all that any of them holds. Where two of them hold what the other lacks, nobody is chosen: that is an
 * operator's decision.
 */
import { type Comparison, comparePositions, type Position } from '#core/position.js';

export interface SealedCandidate {
  readonly member: string;
  readonly position: Position;
  /** Between equals: an old leader first (nothing moves), then the eligible, the least wait, priority, least backlog, name. */
  readonly isOldLeader: boolean;
  readonly isEligible: boolean;
  readonly priority: number;
  readonly backlog: number;
  /** How long it would have to wait before it may open (V2), whole seconds: less is no reason to pass over a priority. */
  readonly waitSeconds: number;
}

export type Chosen =
  | {
      readonly kind: 'chosen';
      readonly candidate: SealedCandidate;
      /** True when another candidate was as advanced and the tie was broken. */
      readonly tie: boolean;
    }
  | { readonly kind: 'diverged'; readonly pair: readonly [string, string] }
  | { readonly kind: 'none' };

export function chooseMostAdvanced(candidates: readonly SealedCandidate[]): Chosen {
  const pair = divergedPair(candidates);
  if (pair !== undefined) return { kind: 'diverged', pair };
  const best = candidates.filter((candidate) =>
    candidates.every((other) => atLeastAs(comparePositions(candidate.position, other.position))),
  );
  const [first] = [...best].sort(byPreference);
  if (first === undefined) return { kind: 'none' };
  return { kind: 'chosen', candidate: first, tie: best.length > 1 };
}

const atLeastAs = (compared: Comparison): boolean => compared === 'ahead' || compared === 'equal';

function divergedPair(candidates: readonly SealedCandidate[]): readonly [string, string] | undefined {
  for (const [i, a] of candidates.entries()) {
    for (const b of candidates.slice(i + 1)) {
      if (comparePositions(a.position, b.position) === 'diverged') return [a.member, b.member];
    }
  }
  return undefined;
}

function byPreference(a: SealedCandidate, b: SealedCandidate): number {
  if (a.isOldLeader !== b.isOldLeader) return a.isOldLeader ? -1 : 1;
  if (a.isEligible !== b.isEligible) return a.isEligible ? -1 : 1;
  if (a.waitSeconds !== b.waitSeconds) return a.waitSeconds - b.waitSeconds;
  if (a.priority !== b.priority) return b.priority - a.priority;
  if (a.backlog !== b.backlog) return a.backlog - b.backlog;
  return a.member < b.member ? -1 : 1;
}
