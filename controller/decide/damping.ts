/**
 * While the window of the last automatic failover is open, or the cluster is paused, nobody but the present leader is thought of unless an
 * operator asks. Nothing is sealed for anybody else, so every promise and vouch stands as it did; the leader itself, back and closed, is
 * opened again at once.
 */
import type { Plan } from '#core/plan.js';
import { type Reason, reason } from '#core/reasons.js';
import type { Context } from '#controller/decide/state.js';

export const keepsLeader = (plan: Plan, { rules, wall }: Pick<Context, 'rules' | 'wall'>): boolean =>
  plan.care === 'paused' || rules.damping(plan, wall) > 0;

/** Why the leader that is kept is opened again. */
export const reopened = ({ care, leader }: Plan): Reason =>
  reason(care === 'paused' ? 'PAUSED_REOPEN' : 'RESTARTED', { leader });

/** Undefined: no window is open. */
export function held(plan: Plan, because: Reason, { rules, wall }: Context): Reason | undefined {
  const { lastFailover, leader } = plan;
  const leftMs = Math.ceil(rules.damping(plan, wall));
  if (lastFailover === undefined || leftMs === 0) return undefined;
  const { epoch, from, to } = lastFailover;
  return reason('FAILOVER_HELD', { leader, because: because.code, leftMs, epoch: Number(epoch), from, to });
}
