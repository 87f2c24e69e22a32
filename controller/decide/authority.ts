/**
 * Active or standby. Being active is worth nothing by itself: `mayAct` is asked at every point of use and compares the
 * last proof with the time (A1).
 */
import { asDuration, type DurationMs, latest, LONG_AGO, type MonotonicMs } from '#core/brand.js';
import { reason } from '#core/reasons.js';
import { formatTerm, isSameTerm, type OwnTerm } from '#core/term.js';
import { ELECTION } from '#core/timings.js';
import { answerEverybody } from '#controller/decide/reply.js';
import {
  type ClusterState,
  type Context,
  type ControllerState,
  type Event,
  newestEpoch,
  type Resigned,
  type Role,
} from '#controller/decide/state.js';

/** A1: true while this controller may send, grant, seal and write. */
export function mayAct(role: Role, authorityNow: MonotonicMs): boolean {
  return role.kind === 'active' && authorityNow < role.authorityUntil;
}

export function becomeActive(
  state: ControllerState,
  event: Event & { kind: 'elected' },
  context: Context,
): ControllerState {
  const authorityUntil = context.rules.A1(
    { keepaliveSentAt: event.sentAt, checkSentAt: event.sentAt },
    ELECTION.ttlMs,
  );
  context.emit({ kind: 'load', term: event.term });
  context.emit({
    kind: 'log',
    level: 'info',
    cluster: undefined,
    reason: reason('ELECTED', {
      term: formatTerm(event.term),
      predecessorResigned: event.resigned !== undefined,
    }),
  });
  return {
    ...state,
    role: {
      kind: 'active',
      term: event.term,
      // A2 counts from the receipt; counting from when it is taken up only waits longer.
      electedAt: context.now,
      authorityUntil,
      resigned: event.resigned,
      loaded: false,
    },
    clusters: forgetPlans(state.clusters, event.term, context),
  };
}

export function extendAuthority(
  state: ControllerState,
  event: Event & { kind: 'proof' },
  context: Context,
): ControllerState {
  const role = state.role;
  if (role.kind !== 'active' || !isSameTerm(role.term, event.term)) return state;
  const until = context.rules.A1(event, ELECTION.ttlMs);
  return { ...state, role: { ...role, authorityUntil: latest(role.authorityUntil, until) } };
}

export function becomeStandby(
  state: ControllerState,
  term: OwnTerm,
  text: string,
  context: Context,
): ControllerState {
  const role = state.role;
  if (role.kind !== 'active' || !isSameTerm(role.term, term)) return state;
  context.emit({
    kind: 'log',
    level: 'warn',
    cluster: undefined,
    reason: reason('DEPOSED', { term: formatTerm(term), because: text }),
  });
  return { ...state, role: { kind: 'standby' }, clusters: forgetPlans(state.clusters, undefined, context) };
}

/**
 * Gives the active role up. From here on nothing is granted, so what is left of each promise is all that a successor
 * has to honour (A2). Without a loaded picture there is nothing to vouch for: the successor then waits in full.
 */
export function resign(state: ControllerState, context: Context): ControllerState {
  const role = state.role;
  if (role.kind !== 'active') {
    context.emit({ kind: 'resign', record: undefined });
    return state;
  }
  const record = role.loaded ? remainders(state, context.now) : undefined;
  context.emit({ kind: 'resign', record });
  context.emit({
    kind: 'log',
    level: 'info',
    cluster: undefined,
    reason: reason('DEPOSED', { term: formatTerm(role.term), because: 'resigned' }),
  });
  return { ...state, role: { kind: 'standby' }, clusters: forgetPlans(state.clusters, undefined, context) };
}

function remainders(state: ControllerState, now: MonotonicMs): Resigned {
  const promises: Record<string, DurationMs> = {};
  for (const cluster of Object.values(state.clusters)) {
    if (cluster.stored === undefined) continue;
    promises[cluster.name] = asDuration(Math.max(0, cluster.promise - now));
  }
  return { controller: state.name, promises };
}

/** Only the picture of the agents survives a change of roles; plans, promises and attempts belong to a term (E4). */
function forgetPlans(
  clusters: ControllerState['clusters'],
  term: OwnTerm | undefined,
  context: Context,
): ControllerState['clusters'] {
  const kept: Record<string, ClusterState> = {};
  for (const [name, cluster] of Object.entries(clusters)) {
    answerEverybody(cluster, context);
    kept[name] = {
      ...cluster,
      knownEpoch: newestEpoch(cluster),
      stored: context.rules.E4(cluster.stored?.readIn, term) ? cluster.stored : undefined,
      promise: LONG_AGO,
      vouchedUntil: LONG_AGO,
      wellSince: undefined,
      suspicion: undefined,
      attempt: undefined,
      order: undefined,
      inspecting: undefined,
      hold: undefined,
      heldPromise: LONG_AGO,
      repair: undefined,
      releasing: undefined,
      write: undefined,
      entry: undefined,
      joiningAcknowledgedAt: undefined,
      said: undefined,
    };
  }
  return kept;
}
