/**
 * What the guard is to hold (DESIGN 7.2): the instant until which this database may be open, told anew whenever it changes. One that was
 * never told does nothing, so a replica that never led costs nobody a look.
 */
import { asMonotonic, highest, LONG_AGO, type MonotonicMs, since } from '#core/brand.js';
import { isReleased, type Plan } from '#core/plan.js';
import { grantedUntil } from '#agent/decide/right.js';
import type { AgentState, Context, Event, GuardOrder } from '#agent/decide/state.js';

/** The start of this clock: it has passed by the time that anybody reads it. */
const PASSED = asMonotonic(0);

export function keepGuard(state: AgentState, context: Context): AgentState {
  const { plan } = state.durable;
  if (plan === undefined) return state;
  if (isReleased(plan) && state.durable.releasedEpoch >= plan.epoch) return dismiss(state, context);
  let { guard } = state;
  if (!guard.kept) {
    context.emit({ kind: 'keepGuard' });
    guard = { ...guard, kept: true };
  }
  const wanted = orderFor(state, plan, context);
  if (wanted !== undefined && !sameOrder(wanted, guard.told)) {
    context.emit({ kind: 'arm', order: wanted });
    guard = { ...guard, told: wanted };
  }
  return guard === state.guard ? state : { ...state, guard };
}

/** Nothing is left to be guarded. Until that is so, the guard holds that there is no deadline any more. */
function dismiss(state: AgentState, context: Context): AgentState {
  if (!state.guard.kept) return state;
  context.emit({ kind: 'dismissGuard' });
  return { ...state, guard: { kept: false, standing: false, holds: undefined, told: undefined } };
}

function orderFor(state: AgentState, plan: Plan, context: Context): GuardOrder | undefined {
  const until = grantedUntil(state, plan, context);
  if (until !== LONG_AGO) return { epoch: plan.epoch, until };
  return state.guard.told === undefined ? undefined : { epoch: plan.epoch, until: PASSED };
}

const sameOrder = (a: GuardOrder, b: GuardOrder | undefined): boolean =>
  a.epoch === b?.epoch && a.until === b.until;

/** INV-6: nothing is opened that the guard would not close in time. */
export function isGuarded({ guard }: AgentState, plan: Plan, context: Context): boolean {
  return guard.standing && guard.holds?.epoch === plan.epoch && guard.holds.until > context.now;
}

/** Whether an agent that ends may leave its database as it is: the guard closes it in time if nobody comes back. */
export function isLeftGuarded({ guard, durable }: AgentState, plan: Plan, now: MonotonicMs): boolean {
  if (isReleased(plan)) return true;
  const latest = highest(durable.openedEpoch, durable.openingEpoch);
  return (
    guard.standing && guard.holds !== undefined && guard.holds.epoch >= latest && guard.holds.until > now
  );
}

/** For how long the guard that stands leaves the database open if this agent goes away now, ms; infinite: without end. */
export function guardedForMs({ guard, durable }: AgentState, now: MonotonicMs): number {
  const { plan } = durable;
  if (plan === undefined || !guard.standing || guard.holds?.epoch !== plan.epoch) return 0;
  return Math.max(0, since(now, guard.holds.until));
}

/** Whether the guard has acknowledged all that it was told. */
export const isTold = ({ guard: { standing, holds, told } }: AgentState): boolean =>
  standing && holds !== undefined && told !== undefined && sameOrder(told, holds);

export function hearGuard(
  state: AgentState,
  event: Event & { kind: 'guard-standing' | 'guard-lost' },
  context: Context,
): AgentState {
  if (event.kind === 'guard-standing')
    return { ...state, guard: { ...state.guard, standing: true, holds: event.order } };
  context.emit({ kind: 'log', level: 'warn', code: 'GUARD_LOST', fields: { because: event.text } });
  return { ...state, guard: { ...state.guard, standing: false, holds: undefined } };
}
