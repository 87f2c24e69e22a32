/**
 * The controller, as a function: one event and what it knows, to what it then knows and what is to be done. It sees no clock,
 * no I/O, no randomness; the loop carries the effects out, and the outcome of each comes back as an event. A write to etcd is
 * such an effect: whatever depends on it is decided when its outcome is heard, so that one slow write never holds up the
 * grants of another cluster.
 */
import { after, asDuration, earliest, LONG_AGO, type MonotonicMs } from '#core/brand.js';
import { assertNever } from '#core/assert.js';
import type { Rules } from '#core/rules/index.js';
import { isSameTerm, type OwnTerm } from '#core/term.js';
import { timingsOf } from '#core/timings.js';
import { agentConnected, agentDisconnected, agentReported } from '#controller/decide/agents.js';
import {
  becomeActive,
  becomeStandby,
  extendAuthority,
  mayAct,
  resign,
} from '#controller/decide/authority.js';
import { advance } from '#controller/decide/advance.js';
import { leaveLeadersHost, standbysFound } from '#controller/decide/hosts.js';
import { loadClusters } from '#controller/decide/load.js';
import { operate } from '#controller/decide/operate.js';
import { takeRouter } from '#controller/decide/routers.js';
import { forgiveSilence } from '#controller/decide/stall.js';
import { askerOf } from '#controller/decide/reply.js';
import {
  type ClusterState,
  type Context,
  type ControllerState,
  type Effect,
  clusterOf,
  emptyCluster,
  type Event,
} from '#controller/decide/state.js';
import { runsOutIn } from '#controller/decide/topology.js';
import { reread, rereadFailed, written } from '#controller/decide/writes.js';

export interface Decision {
  readonly state: ControllerState;
  readonly effects: readonly Effect[];
  /** When to come back even if nothing happens. */
  readonly wakeAt: MonotonicMs;
}

/** `host`: name of the machine that it runs on; undefined: not told, and A3 has nothing to say. */
export function startState(name: string, host: string | undefined): ControllerState {
  return {
    name,
    host,
    role: { kind: 'standby' },
    standbysAskedAt: LONG_AGO,
    decidedAt: LONG_AGO,
    clusters: {},
    routers: {},
  };
}

export function decide(state: ControllerState, event: Event, rules: Rules): Decision {
  const effects: Effect[] = [];
  const context: Context = {
    now: event.at,
    authorityNow: event.authorityAt,
    wall: event.wall,
    controller: state.name,
    role: state.role,
    rules,
    routers: state.routers,
    emit: (effect) => effects.push(effect),
  };
  const taken = take(forgiveSilence(state, event), event, context);
  const next = advanceAll(taken, { ...context, role: taken.role, routers: taken.routers });
  return { state: next, effects, wakeAt: wakeAt(next, event) };
}

/** Takes the event into the state; what follows from the whole state is left to `advance`. */
function take(state: ControllerState, event: Event, context: Context): ControllerState {
  switch (event.kind) {
    case 'tick':
      return state;
    case 'elected':
      return becomeActive(state, event, context);
    case 'proof':
      return extendAuthority(state, event, context);
    case 'deposed':
      return becomeStandby(state, event.term, event.text, context);
    case 'resign':
      return resign(state, context);
    case 'loaded':
      return loadClusters(state, event, context);
    case 'load-failed':
      return retryLoad(state, event.term, context);
    case 'agent-connected':
      return inCluster(state, event.cluster, (cluster) => agentConnected(cluster, event, context));
    case 'agent-report':
      return inCluster(state, event.cluster, (cluster) => agentReported(cluster, event, context));
    case 'agent-disconnected':
      return inCluster(state, event.cluster, (cluster) => agentDisconnected(cluster, event));
    case 'written':
      return inCluster(state, event.cluster, (cluster) => written(cluster, event, context));
    case 'reread':
      return inCluster(state, event.cluster, (cluster) => reread(cluster, event, context));
    case 'reread-failed':
      return inCluster(state, event.cluster, (cluster) => rereadFailed(cluster, event, context));
    case 'operate':
      return forgetEmpty(
        inCluster(state, event.cluster, (cluster) => operate(cluster, event, context)),
        event.cluster,
      );
    case 'router-connected':
    case 'router-disconnected':
    case 'router-paused':
      return { ...state, routers: takeRouter(state.routers, event) };
    case 'standbys':
      return standbysFound(state, event, context);
    default:
      return assertNever(event);
  }
}

/** A name that nobody knows is not kept because somebody asked for it. */
function forgetEmpty(state: ControllerState, name: string): ControllerState {
  const { [name]: asked, ...others } = state.clusters;
  const isKnown = asked?.stored !== undefined || asked?.write !== undefined;
  return isKnown || Object.keys(asked?.members ?? {}).length > 0 ? state : { ...state, clusters: others };
}

function retryLoad(state: ControllerState, term: OwnTerm, context: Context): ControllerState {
  const role = state.role;
  if (role.kind === 'active' && isSameTerm(role.term, term)) context.emit({ kind: 'load', term: role.term });
  return state;
}

function advanceAll(state: ControllerState, context: Context): ControllerState {
  if (!mayAct(state.role, context.authorityNow)) return state;
  let clusters = state.clusters;
  for (const [name, cluster] of Object.entries(clusters)) {
    const next = advance(cluster, context);
    if (next !== cluster) clusters = { ...clusters, [name]: next };
  }
  const next = clusters === state.clusters ? state : { ...state, clusters };
  return leaveLeadersHost(next, context);
}

function inCluster(
  state: ControllerState,
  name: string,
  change: (cluster: ClusterState) => ClusterState,
): ControllerState {
  return {
    ...state,
    clusters: { ...state.clusters, [name]: change(clusterOf(state, name) ?? emptyCluster(name)) },
  };
}

const WHILE_ACTING = asDuration(20);
const AT_REST = asDuration(200);

const isActing = ({ attempt, hold, inspecting, order, releasing, suspicion }: ClusterState): boolean =>
  [attempt, inspecting, order, releasing, suspicion, askerOf(hold)].some((one) => one !== undefined);

/** Deadlines under an attempt are short; at rest the only one that matters is a leader falling silent. */
function wakeAt(state: ControllerState, { at: now, authorityAt }: Event): MonotonicMs {
  let wake = after(now, AT_REST);
  for (const cluster of Object.values(state.clusters)) {
    if (isActing(cluster)) return after(now, WHILE_ACTING);
    wake = earliest(wake, after(now, runsOutIn(cluster, authorityAt)));
    const plan = cluster.stored?.plan;
    const leader = plan === undefined ? undefined : cluster.members[plan.leader];
    if (plan === undefined || leader === undefined) continue;
    const silentAt = after(leader.receivedAt, timingsOf(plan.policy.profile).silenceMs);
    if (silentAt > now && silentAt < wake) wake = silentAt;
  }
  return wake;
}
