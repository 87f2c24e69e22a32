/**
 * The agent, as a function: one event and what it knows, to what it then knows, what must be durable, and what is to be
 * done after that. It compares its plan with what its database is and takes the next step toward it, from any starting
 * point. It sees no clock, no I/O, no randomness.
 */
import { assertNever } from '#core/assert.js';
import { after, asDuration, earliest, type MonotonicMs } from '#core/brand.js';
import { ERRORS, type ErrorCode } from '#core/errors.js';
import type { Rules } from '#core/rules/index.js';
import { timingsOf } from '#core/timings.js';
import { observe } from '#agent/decide/observe.js';
import { takeDirective } from '#agent/decide/directives.js';
import { hearGuard, keepGuard } from '#agent/decide/guard.js';
import { nextAction } from '#agent/decide/next-action.js';
import { report } from '#agent/decide/report.js';
import { answerVouch, promiseEndsAt } from '#agent/decide/promise.js';
import { takeResult } from '#agent/decide/results.js';
import { keepVouches, takeVouched, vouchAt } from '#agent/decide/vouch.js';
import { forgiveSilence } from '#agent/decide/stall.js';
import type { AgentState, Context, Decision, Effect, Event } from '#agent/decide/state.js';

export function decide(state: AgentState, event: Event, rules: Rules): Decision {
  const effects: Effect[] = [];
  const context: Context = {
    now: event.at,
    waitNow: event.waitAt,
    random: event.random,
    rules,
    timings: timingsOf(state.durable.plan?.policy.profile ?? 'balanced'),
    emit: (effect) => effects.push(effect),
  };
  const listening = forgiveSilence(state, context.now, context.timings);
  const taken = keepVouches(take(listening, event, context), context);
  const guarded = keepGuard(taken, context);
  const acting = nextAction(guarded, context);
  // A step that ends a right (a fence begun, an epoch closed) is the guard's to know as well.
  const next = report(keepGuard(acting, context), context);
  return {
    state: next,
    persist: next.durable === state.durable ? undefined : next.durable,
    effects,
    wakeAt: wakeAt(next, context),
  };
}

function take(state: AgentState, event: Event, context: Context): AgentState {
  switch (event.kind) {
    case 'tick':
      return state;
    case 'observed':
      return observe(state, event, context);
    case 'controller-connected':
      // Said again at once: this controller has heard nothing of this incarnation yet.
      return { ...withSession(state, event.controller, true), lastSaid: undefined };
    case 'controller-disconnected':
      return withSession(state, event.controller, false);
    case 'directive':
      return takeDirective(state, event.directive, context);
    case 'refused':
      return refused(state, event.code, event.text, context);
    case 'guard-standing':
    case 'guard-lost':
      return hearGuard(state, event, context);
    case 'probed':
      return probed(state, event);
    case 'vouch-asked':
      return answerVouch(state, event, context);
    case 'vouched':
      return takeVouched(state, event);
    case 'inspected': {
      const { request, findings } = event;
      return { ...state, inspection: { request, findings } };
    }
    case 'done':
      return takeResult(state, event.id, event.result, event.endedAt, context);
    default:
      return assertNever(event);
  }
}

function refused(state: AgentState, code: string, text: string, context: Context): AgentState {
  const known: ErrorCode = code in ERRORS ? (code as ErrorCode) : 'ENGINE_FAILED';
  context.emit({ kind: 'exit', code: known, text });
  return state;
}

function probed(state: AgentState, event: Event & { kind: 'probed' }): AgentState {
  if (state.probing?.member !== event.member) return state;
  const { database, agent } = event;
  return { ...state, probing: undefined, probed: { ...state.probing, database, agent } };
}

function withSession(state: AgentState, controller: string, connected: boolean): AgentState {
  return { ...state, controllers: { ...state.controllers, [controller]: { connected } } };
}

/** The next heartbeat, the end of the lease or of a promise, the next question to replicas, or the time to try a failed step again. */
function wakeAt(state: AgentState, context: Context): MonotonicMs {
  let wake = state.nextHeartbeatAt;
  if (state.lease.expiry > context.now) wake = earliest(wake, state.lease.expiry);
  if (state.fenceAgainAt > context.now) wake = earliest(wake, state.fenceAgainAt);
  if (state.retryAt > context.now) wake = earliest(wake, state.retryAt);
  if (state.durable.plan?.leader === state.member) {
    for (const due of [vouchAt(state, context), promiseEndsAt(state, context)])
      if (due > context.now) wake = earliest(wake, due);
  }
  return wake > context.now ? wake : after(context.now, asDuration(1));
}
