/**
 * Until when this member's database may accept writes (L4, F1): a function of what it knows, asked at the point of use. The guard is told
 * the same instant, so that both fence for the same reason.
 */
import { LONG_AGO, type MonotonicMs, NEVER } from '#core/brand.js';
import { isBeingAdopted, isReleased, isRenewal, type Plan } from '#core/plan.js';
import type { AgentState, Context } from '#agent/decide/state.js';

/** NEVER: without end. LONG_AGO: it may not. A leader that was told to step down gives up what it was granted. */
export function rightUntil(state: AgentState, plan: Plan, context: Pick<Context, 'rules'>): MonotonicMs {
  return state.stepDownEpoch === plan.epoch ? LONG_AGO : grantedUntil(state, plan, context);
}

/** What it was granted: until then a fence that is under way may take its time, and the guard waits. */
export function grantedUntil(state: AgentState, plan: Plan, { rules }: Pick<Context, 'rules'>): MonotonicMs {
  if (isReleased(plan)) return NEVER;
  if (plan.leader !== state.member || !rules.F1(state.durable, plan.epoch)) return LONG_AGO;
  const isOpened = state.durable.openedEpoch === plan.epoch;
  // Committed around an open leader; no controller appoints another before it has proved itself.
  if (isBeingAdopted(plan) && !isOpened) return NEVER;
  if ((isOpened || goesOn(state, plan)) && rules.V6(plan)) return NEVER;
  return leaseUntil(state);
}

/** The same leader under a new epoch, never closed since the last. */
export function goesOn({ durable }: AgentState, plan: Plan): boolean {
  return isRenewal(plan) && durable.openedEpoch > durable.fencedEpoch;
}

/** All that a right depends on besides what the agent knows. */
type Instant = Pick<Context, 'now' | 'rules'>;

export function mayBeOpen(state: AgentState, plan: Plan, context: Instant): boolean {
  return context.rules.L4(context.now, rightUntil(state, plan, context));
}

/** An opening under way, and one that has just ended, must both be covered: an adopted leader's first right ends with its proof. */
export function mayOpen(state: AgentState, plan: Plan, context: Instant): boolean {
  return mayBeOpen(state, plan, context) && (context.rules.V6(plan) || leaseHeld(state, context));
}

/** Asked by an opening under way: the agent may have stood still since it was decided, and what it knows has not. */
export function mayStillOpen(state: AgentState, context: Instant): boolean {
  const { plan } = state.durable;
  return plan !== undefined && mayOpen(state, plan, context);
}

/** A lease of this member, whether it needs one or not. */
export function leaseHeld(state: AgentState, context: Instant): boolean {
  return context.rules.L4(context.now, leaseUntil(state));
}

/**
 * A lease is a right for a time: it goes on under a higher epoch that names the same leader, unless the member was closed since
 * it was granted.
 */
export const leaseUntil = (state: AgentState): MonotonicMs =>
  state.lease.epoch > state.durable.fencedEpoch ? state.lease.expiry : LONG_AGO;
