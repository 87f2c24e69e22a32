/** What the database is now, and since when it is down. */
import type { AgentState, Context, Event } from '#agent/decide/state.js';

export function observe(state: AgentState, event: Event & { kind: 'observed' }, context: Context): AgentState {
  const database = { ...event.observation, at: context.now };
  const down = isDown(database.state);
  return {
    ...state,
    database,
    downSince: down ? (state.downSince ?? context.now) : undefined,
    stoppedByFence: state.stoppedByFence && (down || state.action?.action.kind === 'fence'),
  };
}

export function isDown(state: string): boolean {
  return state === 'crashed' || state === 'stopped' || state === 'fenced';
}
