/**
 * S5 as a controller asks it: whether enough of the committed synchronous set are sealed, whether one candidate has all that those hold, and
 * who is refused where not.
 */
import type { SealedCandidate } from '#core/choose.js';
import type { Plan } from '#core/plan.js';
import { comparePositions, type Position } from '#core/position.js';
import type { Attempt, ClusterState, Context } from '#controller/decide/state.js';
import { isSilent } from '#controller/decide/suspect.js';

/** The old leader can acknowledge nothing any more, and the sealed hold all that it ever did. */
export function isLossless(
  plan: Plan,
  sealed: readonly SealedCandidate[],
  { rules }: Pick<Context, 'rules'>,
): boolean {
  const { synchronous, acknowledgements } = plan.durability;
  const confirming = sealed.filter(({ member }) => synchronous.includes(member));
  return rules.S5(synchronous.length, acknowledgements, confirming.length);
}

/** It holds all that so many of the set hold that no acknowledged write can be elsewhere only. */
export function isComplete(
  plan: Plan,
  candidate: SealedCandidate,
  sealed: readonly SealedCandidate[],
  context: Pick<Context, 'rules'>,
): boolean {
  const below = sealed.filter(({ position }) => holds(candidate.position, position));
  return isLossless(plan, below, context);
}

/** Nobody leads who may lack a write that replicas confirmed, unless an operator accepts that. `hasOpening`: the newest is in its log. */
export function keepsConfirmed(
  { policy, durability }: Plan,
  { wish }: Pick<Attempt, 'wish'>,
  hasOpening: boolean,
  { rules }: Pick<Context, 'rules'>,
): boolean {
  const { mode } = policy.durability;
  return wish?.acceptLoss !== true && rules.S5_keeps(mode, durability.acknowledgements, hasOpening);
}

interface Candidate {
  /** Undefined: the old leader, which could not be asked. */
  readonly position: Position | undefined;
  readonly isOldLeader: boolean;
  readonly isComplete: boolean;
  /** What the old leader had is at hand. */
  readonly hasAll: boolean;
}

export function mayLackConfirmed(
  plan: Plan,
  attempt: Pick<Attempt, 'wish'>,
  { position, isOldLeader, isComplete: isSure, hasAll }: Candidate,
  context: Pick<Context, 'rules'>,
): boolean {
  const newest = plan.openings.at(-1);
  const hasOpening = newest === undefined || (position !== undefined && holds(position, newest.position));
  return !isOldLeader && !isSure && !hasAll && keepsConfirmed(plan, attempt, hasOpening, context);
}

/** Before anybody is sealed: whether enough are heard that a seal could end the old leader without any wait. */
export function couldBeLossless(cluster: ClusterState, plan: Plan, { rules, now }: Context): boolean {
  const { synchronous, acknowledgements } = plan.durability;
  const heard = synchronous.filter((name) => {
    const picture = cluster.members[name];
    return picture?.connected === true && !isSilent(picture, plan, now);
  });
  return rules.S5(synchronous.length, acknowledgements, heard.length);
}

function holds(log: Position, other: Position): boolean {
  const stands = comparePositions(log, other);
  return stands === 'ahead' || stands === 'equal';
}
