/**
 * The leader's side of vouching (V1): when grants are overdue, controllers or etcd are gone, and that must not stop a healthy database.
 * So whoever could supersede it is asked, agent to agent, not to; once all have promised, the lease goes on from the oldest of those
 * questions as it would from a granted heartbeat.
 */
import { after, asDuration, latest, LONG_AGO, type MonotonicMs } from '#core/brand.js';
import { isReleased, memberOf, type Plan } from '#core/plan.js';
import { isOver } from '#agent/decide/next-action.js';
import { wantsLease } from '#agent/decide/report.js';
import { leaseUntil, mayBeOpen } from '#agent/decide/right.js';
import { type AgentState, type Context, type Event, noVouches, type Vouching } from '#agent/decide/state.js';

/** The newest grant answers a heartbeat older than this many: it is overdue. */
const OVERDUE_HEARTBEATS = 3;
/** More than are sent while a lease lasts: an answer to an older one is of no use. */
const REMEMBERED = 16;

export function keepVouches(state: AgentState, context: Context): AgentState {
  const { plan } = state.durable;
  if (plan?.leader !== state.member || isReleased(plan)) return state;
  // F1: one whose right has lapsed is closed at this epoch, whoever would vouch for it now.
  if (isOver(state, plan) && !mayBeOpen(state, plan, context)) return state;
  const own = state.vouching.epoch === plan.epoch ? state : ofEpoch(state, plan, context);
  return ask(extend(own, plan, context), plan, context);
}

/** V1: every member that may be appointed now, or soon. */
const required = ({ eligible, joining }: Plan): readonly string[] => [...eligible, ...joining];

/** What was promised to the leader of another epoch says nothing of this one; and its plan came from a controller that is well. */
function ofEpoch(state: AgentState, { epoch }: Plan, context: Context): AgentState {
  return { ...state, vouching: noVouches(epoch, context.now, state.vouching.nonce) };
}

/** A grant for the heartbeat sent then: the controllers answer. */
export function renewedBy(vouching: Vouching, sentAt: MonotonicMs): Vouching {
  return { ...vouching, renewedAt: latest(vouching.renewedAt, sentAt) };
}

/** Looked at whenever anything changes: a plan that names fewer may make what was answered complete. */
function extend(state: AgentState, plan: Plan, context: Context): AgentState {
  const { rules, timings } = context;
  const from = rules.V1(required(plan), state.vouching.answered);
  if (from === undefined || !rules.F1(state.durable, plan.epoch)) return state;
  const expiry = rules.L3(
    leaseUntil(state),
    { sentAt: from, answeredAt: state.vouching.answeredAt },
    timings.holdMs,
  );
  return expiry === state.lease.expiry ? state : { ...state, lease: { epoch: plan.epoch, expiry } };
}

function ask(state: AgentState, plan: Plan, context: Context): AgentState {
  const { vouching } = state;
  if (context.now < overdueAt(vouching, context)) return grantedAgain(state, context);
  if (context.now < vouching.nextAt || !wantsLease(state, context)) return state;
  const asked = required(plan);
  if (asked.length === 0) return state;
  const nonce = vouching.nonce + 1n;
  for (const name of asked) {
    const member = memberOf(plan, name);
    // One that nobody can reach never answers, and V1 counts it as that.
    if (member === undefined) continue;
    const { cluster, incarnation, member: from } = state;
    const { promiseMs } = context.timings;
    const question = { cluster, from, to: name, epoch: plan.epoch, nonce, incarnation, promiseMs };
    context.emit({ kind: 'askVouch', member, question, withinMs: answerWithin(context) });
  }
  const begun = begin(state, plan, asked, context);
  return {
    ...begun,
    vouching: {
      ...begun.vouching,
      nonce,
      rounds: [...vouching.rounds, { nonce, sentAt: context.now }].slice(-REMEMBERED),
      nextAt: after(context.now, context.timings.heartbeatMs),
    },
  };
}

/** Short against the lease, so that a connection that hangs is given up while another one can still save it. */
const answerWithin = ({ timings }: Context) => asDuration(timings.holdMs / 4);

function overdueAt({ renewedAt }: Vouching, { timings }: Context): MonotonicMs {
  return after(renewedAt, asDuration(timings.heartbeatMs * OVERDUE_HEARTBEATS));
}

/** When this leader, as things stand, asks next. */
export function vouchAt({ vouching }: AgentState, context: Context): MonotonicMs {
  return latest(overdueAt(vouching, context), vouching.nextAt);
}

/** Said when it begins, and again when other members are missing than before. */
function begin(state: AgentState, plan: Plan, asked: readonly string[], context: Context): AgentState {
  const { vouching } = state;
  if (vouching.askingSince === undefined) {
    const fields = { epoch: Number(plan.epoch), asked: asked.join(' ') };
    context.emit({ kind: 'log', level: 'warn', code: 'VOUCHING', fields });
    return { ...state, vouching: { ...vouching, askingSince: context.now, said: '' } };
  }
  const missing = missingOf(vouching, asked);
  if (missing === vouching.said) return state;
  if (missing !== '')
    context.emit({ kind: 'log', level: 'warn', code: 'VOUCH_MISSING', fields: { missing } });
  return { ...state, vouching: { ...vouching, said: missing } };
}

/** Who has answered neither of the last two rounds with a promise, and why, where it said so. */
function missingOf({ rounds, answered, refused }: Vouching, asked: readonly string[]): string {
  const before = rounds.at(-2)?.sentAt;
  if (before === undefined) return '';
  return asked
    .filter((name) => (answered[name] ?? LONG_AGO) < before)
    .map((name) => (refused[name] === undefined ? name : `${name} (${refused[name]})`))
    .join(' ');
}

function grantedAgain(state: AgentState, context: Context): AgentState {
  const { askingSince } = state.vouching;
  if (askingSince === undefined) return state;
  const ms = Math.round(context.now - askingSince);
  context.emit({ kind: 'log', level: 'info', code: 'GRANTED_AGAIN', fields: { ms } });
  return { ...state, vouching: { ...state.vouching, askingSince: undefined, rounds: [], said: '' } };
}

/** Only an answer to a round of this very process, for the epoch of the present plan, counts; from when that round was sent. */
export function takeVouched(state: AgentState, event: Event & { kind: 'vouched' }): AgentState {
  const { vouching } = state;
  const { member, incarnation, epoch, nonce, promised, because } = event;
  const round = vouching.rounds.find((transmission) => transmission.nonce === nonce);
  if (incarnation !== state.incarnation || epoch !== vouching.epoch || round === undefined) return state;
  if (epoch !== state.durable.plan?.epoch) return state;
  const { [member]: _, ...refused } = vouching.refused;
  if (!promised) return { ...state, vouching: { ...vouching, refused: { ...refused, [member]: because } } };
  const sentAt = latest(vouching.answered[member] ?? LONG_AGO, round.sentAt);
  return {
    ...state,
    vouching: {
      ...vouching,
      refused,
      answered: { ...vouching.answered, [member]: sentAt },
      answeredAt: event.at,
    },
  };
}
