/**
 * E5: the plan names this member by another identity, so what was promised under its name is known to nobody here. Such an agent takes up
 * no plan, asks for no lease and answers no seal: it keeps its hands off, says so, and only closes what may be open, until a plan names
 * it as it is now.
 */
import type { DurationMs } from '#core/brand.js';
import { comparePlans, isBeingAdopted, isReleased, type Plan } from '#core/plan.js';
import { isDown, type Problem } from '#core/report.js';
import { timingsOf } from '#core/timings.js';
import { stopsItself } from '#agent/decide/observe.js';
import type { AgentState, Context, Observed } from '#agent/decide/state.js';

/** Released, nothing is promised any more: whoever is there lets go. */
export function isOfAnother({ member, durable }: AgentState, plan: Plan, { rules }: Context): boolean {
  return !isReleased(plan) && !rules.E5_member(plan, { name: member, identity: durable.identity });
}

/** Of before this member was replaced, delivered late. */
export const isOvertaken = ({ replacedBy }: AgentState, plan: Plan): boolean =>
  replacedBy !== undefined && comparePlans(plan, replacedBy) < 0;

export function replaced(state: AgentState, plan: Plan, context: Context): AgentState {
  if (state.replacedBy === undefined) {
    const fields = { epoch: Number(plan.epoch), leader: plan.leader, identity: state.durable.identity };
    context.emit({ kind: 'log', level: 'warn', code: 'MEMBER_REPLACED', fields });
  }
  return { ...state, replacedBy: plan };
}

export function replacedProblem({ replacedBy, durable }: AgentState): Problem | undefined {
  if (replacedBy === undefined) return undefined;
  const text = `the plan of epoch ${replacedBy.epoch} names an earlier identity, this one is ${durable.identity}`;
  return { code: 'MEMBER_REPLACED', text };
}

/**
 * Nothing known here says until when it may be open: not the plan, which is another's, nor a memory that is gone, of whose openings the
 * boot-closed marker beside an open database is left. An adopted leader that has not proved itself is nobody's to close: no one else is
 * appointed before it says that it is closed. `mayAccept`: as far as can be seen it may accept writes, or is about to.
 */
export function mustCloseAsAnother(state: AgentState, database: Observed, mayAccept: boolean): boolean {
  const { durable, hasForgotten, replacedBy } = state;
  const isInCare =
    replacedBy === undefined
      ? hasForgotten && durable.plan === undefined && database.bootClosed
      : !isBeingAdopted(replacedBy);
  if (!isInCare) return false;
  // Dead, but not its children.
  if (isDown(database.state)) return !database.processesGone && !stopsItself(state.action);
  return mayAccept;
}

export const closeWithin = ({ replacedBy }: AgentState, { timings }: Context): DurationMs =>
  (replacedBy === undefined ? timings : timingsOf(replacedBy.policy.profile)).fenceMs;
