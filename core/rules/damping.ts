/**
 * Damping (DESIGN 9): one automatic change of leader per window of time. What a new leader inherits (a query that crashes every server, a
 * network that flaps) must not send the leadership round, each time at the price of an outage. No safety rule: whoever has to know of the
 * window may be another controller on another machine, so wall clocks are compared, here and nowhere else. However a clock was set, no more
 * is left of a window than its length.
 */
import { asDuration, type DurationMs, type WallMs } from '#core/brand.js';
import { isProved, type Plan } from '#core/plan.js';

/** For how long yet, ms, nobody else is appointed unless an operator asks; 0: no window is open. */
export function damping_heldFor(plan: Plan, now: WallMs): DurationMs {
  const { lastFailover, policy } = plan;
  if (lastFailover === undefined || isChanging(plan)) return asDuration(0);
  const ageMs = now - lastFailover.at;
  return asDuration(ageMs < 0 ? 0 : Math.max(0, policy.failoverWindowMs - ageMs));
}

/** A change of leader that has not proved itself is still the one that was begun: its next candidate is not held. */
function isChanging(plan: Plan): boolean {
  if (isProved(plan)) return false;
  return plan.lastFailover?.epoch === plan.epoch || plan.leader !== plan.openings.at(-1)?.leader;
}
