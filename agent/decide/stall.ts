/**
 * An agent that was held up itself (starved, stopped, asleep) finds its database silent when it goes on: what came back meanwhile waits
 * unread. That silence is no evidence that the database hangs. Safety does not rest on it: a lease is asked for by the canary's age as
 * ever (L1), and runs on through a stall.
 */
import { type MonotonicMs, since } from '#core/brand.js';
import type { Timings } from '#core/timings.js';
import type { AgentState } from '#agent/decide/state.js';

/** It comes back at the latest for its next heartbeat (`decide.ts`); twice that is shorter than any profile's canary is waited for. */
const LATE_HEARTBEATS = 2;

export function forgiveSilence(state: AgentState, now: MonotonicMs, { heartbeatMs }: Timings): AgentState {
  const isLate = since(state.decidedAt, now) > LATE_HEARTBEATS * heartbeatMs;
  return { ...state, decidedAt: now, listeningSince: isLate ? now : state.listeningSince };
}
