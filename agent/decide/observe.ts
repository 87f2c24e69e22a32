/** What the database is now, and since when it is down; and what a step that has just ended made of it. */
import { type MonotonicMs, LONG_AGO, latest } from '#core/brand.js';
import { databaseAddress, upstreamOf } from '#core/plan.js';
import { isDown } from '#core/report.js';
import type { ActionUnderWay, AgentState, Context, Event, Observed, Result } from '#agent/decide/state.js';

export function observe(
  state: AgentState,
  event: Event & { kind: 'observed' },
  context: Context,
): AgentState {
  if (event.lookedAt < state.actedAt) return provedBy(state, event.observation.canaryAt);
  const database = { ...event.observation, at: context.now };
  const down = isDown(database.state);
  return {
    ...state,
    database,
    problem: followsAsPlanned(state, database) ? undefined : state.problem,
    downSince: down ? (state.downSince ?? context.now) : undefined,
    stoppedByFence: state.stoppedByFence && (down || state.action?.action.kind === 'fence'),
  };
}

/** What a canary proves of its own instant (L1) no step undoes; for all else a look from before the step's end is of no use. */
function provedBy(state: AgentState, canaryAt: MonotonicMs | undefined): AgentState {
  const { database } = state;
  if (database === undefined || canaryAt === undefined) return state;
  return { ...state, database: { ...database, canaryAt: latest(database.canaryAt ?? LONG_AGO, canaryAt) } };
}

/** Whatever kept it from its upstream is over, also when the engine got there by itself. */
export function followsAsPlanned({ member, durable: { plan } }: AgentState, database: Observed): boolean {
  const upstream = plan && upstreamOf(plan, member);
  return (
    upstream !== undefined &&
    database.role === 'replica' &&
    database.streaming &&
    database.upstream === databaseAddress(upstream)
  );
}

/** A step that stops its closed server by itself, and waits for the server's children. */
export const stopsItself = (under: ActionUnderWay | undefined): boolean =>
  under?.action.kind === 'rewind' || under?.action.kind === 'reclone';

/** Between a step's end and the next look the step's own result is the newest knowledge. */
export function afterStep(
  database: Observed | undefined,
  under: ActionUnderWay,
  result: Result,
  context: Context,
): Observed | undefined {
  if (database === undefined) return undefined;
  const seen = { ...database, at: context.now };
  switch (result.kind) {
    case 'opened':
      return {
        ...seen,
        state: 'running',
        role: 'writable',
        // What came after the mark may have taken longer than a canary is waited for, and canaries have come back meanwhile.
        canaryAt: latest(seen.canaryAt ?? LONG_AGO, result.provedAt),
        upstream: undefined,
        streaming: false,
      };
    case 'started':
    case 'rewound':
      return { ...seen, state: 'running', role: 'replica', processesGone: false };
    case 'recloned':
      return { ...seen, state: 'fenced', role: 'unknown', processesGone: true, streaming: false };
    case 'sealed':
      return { ...seen, position: result.position, upstream: undefined, streaming: false };
    case 'following': {
      const leader = under.action.kind === 'follow' ? under.action.leader : undefined;
      const upstream = leader === undefined ? undefined : databaseAddress(leader);
      return { ...seen, upstream, streaming: true };
    }
    case 'fenced':
      // Closed for certain; whether stopped or in recovery the next look tells.
      return isDown(seen.state)
        ? { ...seen, processesGone: true }
        : { ...seen, state: 'starting', role: 'unknown' };
    default:
      return database;
  }
}
