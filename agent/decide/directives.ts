/** What controllers say. The receiver enforces the numbers: a lower term, epoch or version is not followed (E5, S1). */
import { assertNever } from '#core/assert.js';
import { highest } from '#core/brand.js';
import type { Directive } from '#core/directive.js';
import { compareTerms } from '#core/term.js';
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
  if (verdict === 'known') return state;
  if (plan.dataId !== state.durable.dataId) {
    const text = `the plan of ${plan.cluster} is of data ${plan.dataId}, this member holds ${state.durable.dataId}`;
    context.emit({ kind: 'exit', code: 'DATA_IDENTITY_MISMATCH', text });
    return state;
  }
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
    opened: sameEpoch ? state.opened : undefined,
    tailWanted: undefined,
    problem: sameEpoch ? state.problem : undefined,
    retryAt: context.now,
    slotsAt: sameEpoch ? state.slotsAt : context.now,
  };
}

/** L3: only an answer to a heartbeat of this very process, for the epoch that it leads, extends the lease. */
function takeGrant(state: AgentState, grant: Directive & { kind: 'grant' }, context: Context): AgentState {
  const plan = state.durable.plan;
  const answered = state.sent.find((transmission) => transmission.nonce === grant.nonce);
  if (grant.incarnation !== state.incarnation || answered === undefined) return state;
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
  if (state.durable.plan === undefined) return state;
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
