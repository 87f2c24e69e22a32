/** What controllers say. The receiver enforces the numbers: a lower term, epoch or version is not followed (E5, S1). */
import { assertNever } from '#core/assert.js';
import { after, type DurationMs, earliest, highest, LONG_AGO, NEVER, NO_EPOCH } from '#core/brand.js';
import type { Directive } from '#core/directive.js';
import { isReleased, isRenewal, type Plan } from '#core/plan.js';
import { compareTerms } from '#core/term.js';
import { isOfAnother, isOvertaken, replaced } from '#agent/decide/replaced.js';
import { leaseHeld, leaseUntil, rightUntil } from '#agent/decide/right.js';
import { renewedBy } from '#agent/decide/vouch.js';
import type { AgentState, Context, Lease } from '#agent/decide/state.js';

export function takeDirective(state: AgentState, directive: Directive, context: Context): AgentState {
  if (state.term !== undefined && compareTerms(directive.term, state.term) < 0) return state;
  const heard = { ...state, term: directive.term };
  switch (directive.kind) {
    case 'plan':
      return takePlan(heard, directive, context);
    case 'grant':
      return takeGrant(heard, directive, context);
    case 'seal':
      return takeSeal(heard, directive, context);
    case 'takeTail':
      return takeTailRequest(heard, directive);
    case 'prepare':
      return takePrepare(heard, directive);
    case 'endHold':
      return takeEndHold(heard, directive, context);
    case 'stepDown':
      return takeStepDown(heard, directive, context);
    case 'tellPlan':
      // E6: said at once, and once, with the next report; what was asked for is asked again until it is heard.
      return { ...heard, planWanted: directive.request, lastSaid: undefined };
    case 'probe':
      return takeProbe(heard, directive, context);
    case 'inspect':
      return takeInspect(heard, directive, context);
    default:
      return assertNever(directive);
  }
}

function takePlan(state: AgentState, { plan }: Directive & { kind: 'plan' }, context: Context): AgentState {
  if (plan.cluster !== state.cluster) return state;
  const verdict = context.rules.E5(state.durable, plan);
  const fields = { epoch: Number(plan.epoch), version: Number(plan.version), leader: plan.leader };
  if (verdict === 'stale') {
    context.emit({
      kind: 'log',
      level: 'warn',
      code: 'PLAN_STALE',
      fields: { ...fields, highestEpoch: Number(state.durable.highestEpoch) },
    });
    return state;
  }
  if (verdict === 'known' || isOvertaken(state, plan)) return state;
  if (plan.dataId !== state.durable.dataId) {
    const text = `the plan of ${plan.cluster} is of data ${plan.dataId}, this member holds ${state.durable.dataId}`;
    context.emit({ kind: 'exit', code: 'DATA_IDENTITY_MISMATCH', text });
    return state;
  }
  if (isOfAnother(state, plan, context)) return replaced(state, plan, context);
  if (endsV6WithoutLease(state, plan, context)) return state;
  context.emit({
    kind: 'log',
    level: 'info',
    code: 'PLAN_TAKEN',
    fields: { ...fields, opening: plan.opening.state },
  });
  const sameEpoch = state.durable.plan?.epoch === plan.epoch;
  return {
    ...state,
    durable: { ...state.durable, plan, highestEpoch: highest(state.durable.highestEpoch, plan.epoch) },
    replacedBy: undefined,
    hasForgotten: false,
    opened: sameEpoch ? state.opened : undefined,
    inForce: sameEpoch ? state.inForce : undefined,
    tailWanted: undefined,
    problem: sameEpoch ? state.problem : undefined,
    lease: outlives(state.durable.plan, plan, state.member) ? state.lease : NO_LEASE,
    holdEnd: sameEpoch ? state.holdEnd : undefined,
    retryAt: context.now,
    slotsAt: sameEpoch ? state.slotsAt : context.now,
  };
}

const NO_LEASE: Lease = { epoch: NO_EPOCH, expiry: LONG_AGO };

/**
 * A lease is of one opening. It goes on where the same leader does, never closed; after anybody else it is over, however far it reached
 * (A4). One of the care that ends now must not outlive it: the next may have shorter timings (A2).
 */
function outlives(before: Plan | undefined, plan: Plan, member: string): boolean {
  if (isReleased(plan)) return false;
  return before?.epoch === plan.epoch || (plan.leader === member && isRenewal(plan));
}

/**
 * V6: a leader that runs without grants acknowledges that somebody may supersede it only once it holds a lease: it asks for one all
 * along, and the plan comes again with its next report.
 */
function endsV6WithoutLease(state: AgentState, plan: Plan, context: Context): boolean {
  const known = state.durable.plan;
  if (known?.leader !== state.member || known.epoch !== plan.epoch || plan.leader !== state.member)
    return false;
  const ends = context.rules.V6(known) && !context.rules.V6(plan);
  return ends && rightUntil(state, known, context) === NEVER && !leaseHeld(state, context);
}

/** L3: only an answer to a heartbeat of this very process, for the epoch that it leads, extends the lease. */
function takeGrant(state: AgentState, grant: Directive & { kind: 'grant' }, context: Context): AgentState {
  const plan = state.durable.plan;
  const answered = state.sent.find((transmission) => transmission.nonce === grant.nonce);
  if (grant.incarnation !== state.incarnation || answered === undefined) return state;
  if (state.replacedBy !== undefined) return state;
  if (plan?.leader !== state.member || plan.epoch !== grant.epoch) return state;
  if (!context.rules.F1(state.durable, grant.epoch)) return state;
  const holdMs = mayCount(state, plan, grant, context);
  return {
    ...state,
    lease: {
      epoch: grant.epoch,
      // What was granted before this member was closed is over (F1): a grant of the next epoch does not bring it back.
      expiry: context.rules.L3(
        leaseUntil(state),
        { sentAt: answered.sentAt, answeredAt: context.now },
        holdMs,
      ),
    },
    vouching: renewedBy(state.vouching, answered.sentAt),
  };
}

/** A4: no more than the plan that is durable here allows, and D_H at the most once the hold was given up. */
function mayCount(
  state: AgentState,
  plan: Plan,
  { nonce, holdMs }: Directive & { kind: 'grant' },
  { rules, timings }: Context,
): DurationMs {
  const isGivenUp = state.holdEnd !== undefined && nonce <= state.holdEnd.nonce;
  return rules.A4_lease(timings, isGivenUp ? { holdMs: timings.holdMs } : plan, holdMs);
}

/** A4: the agent is back before the hold is over. The guard is told with the same step, and the report says so when it has acknowledged. */
function takeEndHold(
  state: AgentState,
  { epoch, request }: Directive & { kind: 'endHold' },
  context: Context,
): AgentState {
  const plan = state.durable.plan;
  if (plan?.leader !== state.member || plan.epoch !== epoch) return state;
  if (state.holdEnd?.request === request) return { ...state, lastSaid: undefined };
  context.emit({ kind: 'log', level: 'info', code: 'HOLD_GIVEN_UP', fields: { epoch: Number(epoch) } });
  const expiry = earliest(state.lease.expiry, after(context.now, context.timings.holdMs));
  return { ...state, lease: { ...state.lease, expiry }, holdEnd: { request, nonce: state.nonce } };
}

/** S1: durable before anything is cut or answered; a leader that is sealed ends its lease here and now. */
function takeSeal(state: AgentState, { epoch }: Directive & { kind: 'seal' }, context: Context): AgentState {
  const verdict = context.rules.S1(state.durable, epoch);
  if (verdict !== 'accept') return verdict === 'again' ? { ...state, lastSaid: undefined } : state;
  if (state.durable.plan === undefined || state.replacedBy !== undefined) return state;
  context.emit({ kind: 'log', level: 'info', code: 'SEALING', fields: { epoch: Number(epoch) } });
  return {
    ...state,
    durable: { ...state.durable, highestEpoch: epoch, sealedEpoch: epoch },
    sealed: undefined,
    tail: undefined,
    tailWanted: undefined,
    retryAt: context.now,
  };
}

function takeTailRequest(state: AgentState, wanted: Directive & { kind: 'takeTail' }): AgentState {
  if (wanted.epoch !== state.durable.sealedEpoch || state.sealed?.epoch !== wanted.epoch) return state;
  if (state.tail?.epoch === wanted.epoch) return { ...state, lastSaid: undefined };
  const { epoch, agentAddress, timeoutMs } = wanted;
  return { ...state, tailWanted: { epoch, agentAddress, timeoutMs } };
}

function takePrepare(state: AgentState, { epoch, request }: Directive & { kind: 'prepare' }): AgentState {
  const plan = state.durable.plan;
  if (plan?.leader !== state.member || plan.epoch !== epoch) return state;
  if (state.prepare?.request === request)
    return state.prepare.done ? { ...state, lastSaid: undefined } : state;
  return { ...state, prepare: { request, done: false } };
}

/** Only the leader of that very epoch closes; from here on it has no right to be open at it (F1). */
function takeStepDown(
  state: AgentState,
  { epoch }: Directive & { kind: 'stepDown' },
  context: Context,
): AgentState {
  const plan = state.durable.plan;
  if (plan?.leader !== state.member || plan.epoch !== epoch || state.stepDownEpoch === epoch) return state;
  context.emit({ kind: 'log', level: 'info', code: 'STEPPING_DOWN', fields: { epoch: Number(epoch) } });
  return { ...state, stepDownEpoch: epoch };
}

/** One look at a time; an answer that is on its way is waited for. */
function takeProbe(
  state: AgentState,
  { member }: Directive & { kind: 'probe' },
  context: Context,
): AgentState {
  if (state.probing !== undefined) return state;
  context.emit({ kind: 'probe', member });
  return { ...state, probing: { member: member.name, startedAt: context.now } };
}

function takeInspect(
  state: AgentState,
  { request, peers }: Directive & { kind: 'inspect' },
  context: Context,
): AgentState {
  if (state.inspection?.request === request) return { ...state, lastSaid: undefined };
  context.emit({ kind: 'inspect', request, peers });
  return state;
}
