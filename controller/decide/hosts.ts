/**
 * A3: whoever is active on the host of a leader hands the role to a standby elsewhere, so that losing one host rarely costs both. Only while
 * nothing is under way: a hand-over costs nobody a write, but a decision half made would have to be made again.
 */
import { asDuration, since } from '#core/brand.js';
import { isProved, isReleased } from '#core/plan.js';
import { reason } from '#core/reasons.js';
import { isSameTerm } from '#core/term.js';
import { resign } from '#controller/decide/authority.js';
import type { ClusterState, Context, ControllerState, Event } from '#controller/decide/state.js';

const ASK_AGAIN = asDuration(3000);

/** Looks for somebody to hand over to, when there is a reason. */
export function leaveLeadersHost(state: ControllerState, context: Context): ControllerState {
  const { role } = state;
  if (role.kind !== 'active' || !role.loaded || since(state.standbysAskedAt, context.now) < ASK_AGAIN)
    return state;
  if (state.host === undefined || !leaderHosts(state).has(state.host) || !isQuiet(state)) return state;
  context.emit({ kind: 'findStandbys', term: role.term });
  return { ...state, standbysAskedAt: context.now };
}

export function standbysFound(
  state: ControllerState,
  event: Event & { kind: 'standbys' },
  context: Context,
): ControllerState {
  const { role } = state;
  if (role.kind !== 'active' || !isSameTerm(role.term, event.term) || !isQuiet(state)) return state;
  if (!context.rules.A3(state.host, leaderHosts(state), event.hosts)) return state;
  const why = reason('HANDED_OVER', { host: state.host ?? '' });
  context.emit({ kind: 'log', level: 'info', cluster: undefined, reason: why });
  return resign(state, context);
}

function leaderHosts({ clusters }: ControllerState): ReadonlySet<string> {
  return new Set(
    Object.values(clusters).flatMap(({ stored, members }) =>
      stored === undefined || isReleased(stored.plan) ? [] : (members[stored.plan.leader]?.host ?? []),
    ),
  );
}

const isQuiet = ({ clusters }: ControllerState): boolean => Object.values(clusters).every(isAtRest);

function isAtRest(cluster: ClusterState): boolean {
  const { attempt, hold, inspecting, order, releasing, stored, suspicion, write } = cluster;
  const idle = [attempt, hold, inspecting, order, releasing, suspicion, write].every(
    (one) => one === undefined,
  );
  return idle && (stored === undefined || isProved(stored.plan));
}
