/**
 * V4 to V7: who may be appointed, and so whose vouch a leader needs (V1): a set that is too small is unsafe, one with a dead member in it
 * disarms vouching.
 */
import { after, type DurationMs, type MonotonicMs } from '#core/brand.js';
import type { Plan } from '#core/plan.js';

/** V4: a joining member becomes eligible no earlier than D_G after the leader durably acknowledged it as joining. */
export function V4_mayBecomeEligible(
  acknowledgedAt: MonotonicMs | undefined,
  promiseMs: DurationMs,
  now: MonotonicMs,
): boolean {
  return acknowledgedAt !== undefined && now >= after(acknowledgedAt, promiseMs);
}

/** V4: a member that has not been heard with a guard for this long, by a controller that hears the leader, is left out. */
export function V4_mustLeave(unwellMs: DurationMs, absenceMs: DurationMs): boolean {
  return unwellMs >= absenceMs;
}

/** V5: eligible at a new epoch are those that were eligible before and are sealed for it, less the new leader. */
export function V5_firstEligible(
  before: readonly string[],
  sealed: readonly string[],
  newLeader: string,
): readonly string[] {
  return before.filter((name) => name !== newLeader && sealed.includes(name));
}

/**
 * V6: with nobody eligible and nobody joining, nobody can supersede the leader: it runs without grants. Sound because an addition
 * (V4) counts only after this leader has acknowledged it, and it does that only under a lease.
 */
export function V6_runsWithoutGrants(plan: Plan): boolean {
  return plan.eligible.length === 0 && plan.joining.length === 0;
}

/**
 * V7: only eligible members are appointed, unless the old leader confirmed fenced or an operator states that its machine is off. Where
 * writes are acknowledged by replicas, only those of the committed set, unless nothing can be missed (`isWaived`): the old leader's own log
 * is at hand, or an operator accepts that writes are lost.
 */
export function V7_mayBeAppointed(
  plan: Plan,
  member: string,
  oldLeaderIsClosed: boolean,
  isWaived: boolean,
): boolean {
  const { synchronous, acknowledgements } = plan.durability;
  const confirms = acknowledgements === 0 || synchronous.includes(member) || isWaived;
  return (plan.eligible.includes(member) || oldLeaderIsClosed) && confirms;
}
