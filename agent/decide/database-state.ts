/** What a database counts as, by what was seen of it and by the time since. */
import { latest, LONG_AGO, type MonotonicMs, since } from '#core/brand.js';
import { type DatabaseState, isDown } from '#core/report.js';
import type { AgentState, Context, Observed } from '#agent/decide/state.js';

export function reportedState(
  state: AgentState,
  database: Observed,
  context: Pick<Context, 'now' | 'timings'>,
): DatabaseState {
  if (isDown(database.state) && state.stoppedByFence) return 'fenced';
  const opened = state.durable.openedEpoch > state.durable.fencedEpoch;
  // An agent that has just started, or was held up, has not had the time to hear of one.
  const provedAt = latest(lastProof(state, database), state.listeningSince);
  const late = since(provedAt, context.now) >= context.timings.canaryTimeoutMs;
  return database.state === 'running' && database.role === 'writable' && opened && late
    ? 'hung'
    : database.state;
}

/** The newest sign that the database can commit: a canary, or the mark of its opening. */
export function lastProof(state: AgentState, database: Observed): MonotonicMs {
  return latest(database.canaryAt ?? LONG_AGO, state.opened?.at ?? LONG_AGO);
}
