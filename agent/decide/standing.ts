/**
 * What clients may use this member's database for, at this instant: what load balancers and poolers are told (DESIGN 7, layer 5). A function
 * of what is known and the time, asked at the point of use, as a right is (`right.ts`).
 */
import { NO_EPOCH, since } from '#core/brand.js';
import { isReleased, memberOf, type Plan } from '#core/plan.js';
import type { Standing } from '#core/standing.js';
import { followsAsPlanned } from '#agent/decide/observe.js';
import { reportedState } from '#agent/decide/report.js';
import { goesOn, mayBeOpen } from '#agent/decide/right.js';
import type { AgentState, Context } from '#agent/decide/state.js';

type Instant = Pick<Context, 'now' | 'rules' | 'timings'>;

export function standing(state: AgentState, context: Instant): Standing {
  const { cluster, member, database, durable } = state;
  const plan = durable.plan === undefined || isReleased(durable.plan) ? undefined : durable.plan;
  return {
    ...{ cluster, member },
    role: plan === undefined ? 'none' : roleOf(state, plan, context),
    state: database === undefined ? 'unknown' : reportedState(state, database, context),
    epoch: plan?.epoch ?? NO_EPOCH,
    leader: plan && memberOf(plan, plan.leader),
    confirms: plan === undefined ? 'none' : confirmsBy(plan, member),
    backlog: database?.backlog ?? 0,
    silentMs: Math.round(since(state.decidedAt, context.now)),
  };
}

function roleOf(state: AgentState, plan: Plan, context: Instant): Standing['role'] {
  const { member, database, action } = state;
  if (database === undefined || state.replacedBy !== undefined) return 'none';
  if (reportedState(state, database, context) !== 'running') return 'none';
  if (plan.leader === member) {
    const isClosing = action?.action.kind === 'fence';
    return database.role === 'writable' &&
      !isClosing &&
      isOpened(state, plan) &&
      mayBeOpen(state, plan, context)
      ? 'primary'
      : 'none';
  }
  return !plan.maintenance.includes(member) && followsAsPlanned(state, database) ? 'replica' : 'none';
}

/** S3: its mark was written at this epoch, or at the one before, and it goes on without having been closed. */
const isOpened = (state: AgentState, plan: Plan): boolean =>
  state.durable.openedEpoch === plan.epoch || goesOn(state, plan);

function confirmsBy(
  { durability: { synchronous, acknowledgements } }: Plan,
  name: string,
): Standing['confirms'] {
  if (acknowledgements === 0 || !synchronous.includes(name)) return 'none';
  return acknowledgements >= synchronous.length ? 'every' : 'some';
}
