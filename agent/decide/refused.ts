/**
 * A disk that refuses to keep what this member decided (it is full, read-only, or fails) is waited for like one that takes long (E5):
 * nothing that rests on it leaves, and nothing that comes is decided meanwhile. So the agent falls silent, as the protocol allows
 * anybody to; a fence waits for no memory. But a refusal may last for days: it is said why, and what waits must not pile up.
 */
import { assertNever } from '#core/assert.js';
import type { Report } from '#core/report.js';
import { compose } from '#agent/decide/report.js';
import type { AgentState, Context, Effect, Input } from '#agent/decide/state.js';

/** Between two tries. Soon enough for a cluster that waits, seldom enough for a log of the kernel that names each. */
export const WRITE_AGAIN_MS = 500;

/**
 * The last words before the silence. `durable`: what was known before the decision that cannot be kept, so that nothing in them rests on
 * it. They ask for no lease, which this agent could not go on with, and name the trouble, for which nobody appoints this member.
 */
export function fallSilent(
  state: AgentState,
  durable: AgentState,
  context: Omit<Context, 'emit'>,
  because: string,
): { readonly state: AgentState; readonly effects: readonly Effect[] } {
  const report: Report = {
    ...compose(durable, context),
    wantsLease: false,
    problem: { code: 'STATE_UNWRITABLE', text: because },
  };
  let { nonce } = state;
  const effects: Effect[] = [];
  for (const [controller, session] of Object.entries(durable.controllers)) {
    if (!session.connected) continue;
    nonce += 1n; // above that of every report that is held back: when those leave, they are old
    effects.push({ kind: 'send', controller, report: { ...report, nonce } });
  }
  // Once it can speak again it says at once how things stand.
  return { state: { ...state, nonce, lastSaid: undefined }, effects };
}

/** The queue with what comes meanwhile: the newest of what replaces itself, and nothing that a network may lose as well. */
export function keepMeanwhile(queue: readonly Input[], input: Input): Input[] {
  switch (input.kind) {
    case 'tick':
    case 'directive':
    case 'vouched':
    case 'vouch-asked':
      return [...queue];
    case 'observed':
    case 'guard-standing':
    case 'guard-lost':
    case 'controller-connected':
    case 'controller-disconnected':
      return [...queue.filter((one) => subject(one) !== subject(input)), input];
    case 'refused':
    case 'probed':
    case 'inspected':
    case 'done':
      return [...queue, input]; // at most one for everything that was asked for before
    default:
      return assertNever(input);
  }
}

/** Of two that are about the same the newer one tells all. */
function subject(input: Input): string {
  switch (input.kind) {
    case 'guard-standing':
    case 'guard-lost':
      return 'guard';
    case 'controller-connected':
    case 'controller-disconnected':
      return `controller ${input.controller}`;
    default:
      return input.kind;
  }
}
