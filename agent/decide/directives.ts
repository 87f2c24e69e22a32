/** What controllers say. The receiver enforces the numbers: a lower term, epoch or version is not followed (E5, S1). */
import { assertNever } from '#core/assert.js';
import { highest, LONG_AGO, NEVER } from '#core/brand.js';
import type { Directive } from '#core/directive.js';
import { isReleased, type Plan } from '#core/plan.js';
import { compareTerms } from '#core/term.js';
import { isOfAnother, isOvertaken, replaced } from '#agent/decide/replaced.js';
import { leaseHeld, rightUntil } from '#agent/decide/right.js';
import type { AgentState, Context } from '#agent/decide/state.js';

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
    case 'stepDown':
      return takeStepDown(heard, directive, context);
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
    tailWanted: undefined,
    problem: sameEpoch ? state.problem : undefined,
    // A lease of the care that ends now must not outlive it: the next may have shorter timings (A2).
    lease: isReleased(plan) ? { epoch: plan.epoch, expiry: LONG_AGO } : state.lease,
    retryAt: context.now,
    slotsAt: sameEpoch ? state.slotsAt : context.now,
  };
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
  return {
    ...state,
    lease: {
      epoch: grant.epoch,
      expiry: context.rules.L3(state.lease.expiry, answered.sentAt, grant.holdMs),
    },
  };
}

/** S1: durable before anything is cut or answered; a leader that is sealed ends its lease here and now. */
function takeSeal(state: AgentState, { epoch }: Directive & { kind: 'seal' }, context: Context): AgentState {
  const verdict = context.rules.S1(state.durable, epoch);
  if (verdict !== 'accept') return verdict === 'again' ? { ...state, lastSaid: '' } : state;
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
  if (state.tail?.epoch === wanted.epoch) return { ...state, lastSaid: '' };
  const { epoch, agentAddress, timeoutMs } = wanted;
  return { ...state, tailWanted: { epoch, agentAddress, timeoutMs } };
}

function takePrepare(state: AgentState, { epoch, request }: Directive & { kind: 'prepare' }): AgentState {
  const plan = state.durable.plan;
  if (plan?.leader !== state.member || plan.epoch !== epoch) return state;
  if (state.prepare?.request === request) return state.prepare.done ? { ...state, lastSaid: '' } : state;
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
  if (state.inspection?.request === request) return { ...state, lastSaid: '' };
  context.emit({ kind: 'inspect', request, peers });
  return state;
}
