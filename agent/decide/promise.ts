/**
 * The replica's side of vouching (V2, V3): what it promised to a leader, and that it keeps it. Kept in memory only, so a start counts as
 * a promise. Waits are measured on the clock that stands still while the machine sleeps.
 */
import { after, latest, LONG_AGO, type MonotonicMs, NO_EPOCH, since } from '#core/brand.js';
import type { Plan } from '#core/plan.js';
import type { VouchedReport } from '#core/report.js';
import type { AgentState, Context, Event } from '#agent/decide/state.js';

/** The promise is given before the answer leaves. */
export function answerVouch(
  state: AgentState,
  { id, question }: Event & { kind: 'vouch-asked' },
  context: Context,
): AgentState {
  const { highestEpoch, plan } = state.durable;
  const { cluster, member } = state;
  const verdict = context.rules.V2({ cluster, member, highestEpoch, plan }, question);
  const promised = verdict === 'promise';
  const { incarnation, nonce, epoch, promiseMs } = question;
  const because = promised ? '' : verdict;
  context.emit({ kind: 'answerVouch', id, answer: { incarnation, nonce, epoch, promised, because } });
  if (!promised) return state;
  const until = latest(state.vouched?.until ?? LONG_AGO, after(context.waitNow, promiseMs));
  return { ...state, vouched: { epoch, at: context.waitNow, until } };
}

/** On the clock of waits. */
function promisedUntil(state: AgentState, { rules }: Pick<Context, 'rules'>): MonotonicMs {
  const { plan, openedEpoch } = state.durable;
  const assumed = rules.V3({
    at: state.startedWaitAt,
    knewPlan: state.knewPlan,
    openedItself: plan?.epoch === openedEpoch,
  });
  return latest(assumed, state.vouched?.until ?? LONG_AGO);
}

/** V2: asked at the point of use, by whoever is about to open. */
export function keepsPromise(state: AgentState, plan: Plan, context: Context): boolean {
  const promise = { until: promisedUntil(state, context), now: context.waitNow };
  return context.rules.V2_open(promise, plan.opening);
}

/** When the promise of a member that is to open runs out, on the clock of events; LONG_AGO: none binds it. */
export function promiseEndsAt(state: AgentState, context: Context): MonotonicMs {
  const left = since(context.waitNow, promisedUntil(state, context));
  return left > 0 ? after(context.now, left) : LONG_AGO;
}

export function vouchedReport(
  state: AgentState,
  context: Pick<Context, 'waitNow' | 'rules'>,
): VouchedReport | undefined {
  const leftMs = since(context.waitNow, promisedUntil(state, context));
  if (leftMs <= 0) return undefined;
  const { epoch, at } = state.vouched ?? { epoch: NO_EPOCH, at: state.startedWaitAt };
  return { epoch, ageMs: since(at, context.waitNow), leftMs };
}
