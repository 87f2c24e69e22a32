/**
 * What clients may use this member's database for, at this instant: what load balancers are told, and controllers (DESIGN 7, layer 5). A function
 * of what is known and the time, asked at the point of use, as a right is (`right.ts`).
 */
import { NO_EPOCH, since } from '#core/brand.js';
import { isReleased, memberOf, type Plan } from '#core/plan.js';
import type { ServingRole } from '#core/report.js';
import type { Standing } from '#core/standing.js';
import { followsAsPlanned } from '#agent/decide/observe.js';
import { reportedState } from '#agent/decide/database-state.js';
import { goesOn, mayBeOpen } from '#agent/decide/right.js';
import type { AgentState, Context } from '#agent/decide/state.js';

type Instant = Pick<Context, 'now' | 'rules' | 'timings'>;

export function standing(state: AgentState, context: Instant): Standing {
  const { cluster, member, database } = state;
  const plan = planInCare(state);
  return {
    ...{ cluster, member },
    role: servingRole(state, context),
    state: database === undefined ? 'unknown' : reportedState(state, database, context),
    epoch: plan?.epoch ?? NO_EPOCH,
    leader: plan && memberOf(plan, plan.leader),
    confirms: plan === undefined ? 'none' : confirmsBy(plan, member),
    backlog: database?.backlog ?? 0,
    silentMs: Math.round(since(state.decidedAt, context.now)),
  };
}

export function servingRole(state: AgentState, context: Instant): ServingRole {
  const { member, database, action } = state;
  const plan = planInCare(state);
  if (plan === undefined || database === undefined || state.replacedBy !== undefined) return 'none';
  if (reportedState(state, database, context) !== 'running') return 'none';
  if (plan.leader === member) {
    const serves = context.rules.routing_mayServe({
      isWritable: database.role === 'writable',
      isOpened: isOpened(state, plan),
      mayBeOpen: mayBeOpen(state, plan, context),
      isClosing: action?.action.kind === 'fence',
    });
    return serves ? 'primary' : 'none';
  }
  return !plan.maintenance.includes(member) && followsAsPlanned(state, database) ? 'replica' : 'none';
}

const planInCare = ({ durable: { plan } }: AgentState): Plan | undefined =>
  plan === undefined || isReleased(plan) ? undefined : plan;

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
