/**
 * `tanist release`: the plan says hands off, and stays, so that epochs go on where they were. Each agent undoes what was done to its own
 * database and says so; whoever is away does it when it is back.
 */
import { asDuration, nextVersion, since } from '#core/brand.js';
import { isBeingAdopted, isProved, isReleased, type Plan } from '#core/plan.js';
import { NO_DURABILITY } from '#core/durability.js';
import { reason } from '#core/reasons.js';
import { answers } from '#controller/decide/forecast.js';
import { inWords, replyDone, replyError } from '#controller/decide/reply.js';
import { say } from '#controller/decide/say.js';
import type { ClusterState, Context } from '#controller/decide/state.js';
import { submit } from '#controller/decide/writes.js';

const DONE_WITHIN = asDuration(30_000);

export function release(
  cluster: ClusterState,
  plan: Plan,
  by: string,
  request: number,
  context: Context,
): ClusterState {
  const doing = cluster.order?.wish.kind ?? (cluster.attempt === undefined ? undefined : 'failover');
  if (doing !== undefined || cluster.write !== undefined || !(isProved(plan) || isBeingAdopted(plan))) {
    replyError(request, 'OPERATION_REFUSED', `BUSY: ${doing ?? 'a write'} is under way`, context);
    return cluster;
  }
  // Only an open leader can be let go as such: a closed one would stay closed, with nobody left to open it.
  const database = cluster.members[plan.leader]?.report?.database;
  const isOpen = database?.state === 'running' && database.role === 'writable';
  if (!isOpen || !answers(cluster.members[plan.leader], plan, context)) {
    const notWell = reason('LEADER_NOT_WELL', { leader: plan.leader, state: database?.state ?? 'unknown' });
    replyError(request, 'OPERATION_REFUSED', inWords(notWell), context);
    return cluster;
  }
  const why = reason('RELEASED', { by });
  context.emit({ kind: 'log', level: 'warn', cluster: cluster.name, reason: why });
  const next: Plan = {
    ...plan,
    version: nextVersion(plan.version),
    care: 'released',
    // V6: from here nobody can supersede the leader, so that it needs no grant while it is let go.
    eligible: [],
    joining: [],
    // Every agent drops its lease with this plan, and nobody is appointed before the leader has let go or is stated to be off.
    holdMs: asDuration(0),
    durability: NO_DURABILITY,
  };
  const releasing = { request, since: context.now };
  return submit({ ...cluster, releasing, suspicion: undefined }, next, context);
}

/** Said and answered once everybody has let go, or when those that have not are not to be waited for any longer. */
export function continueRelease(cluster: ClusterState, plan: Plan, context: Context): ClusterState {
  const left = plan.members
    .map(({ name }) => name)
    .filter((name) => (cluster.members[name]?.report?.releasedEpoch ?? 0n) < plan.epoch);
  const { releasing } = cluster;
  if (left.length > 0 && (releasing === undefined || since(releasing.since, context.now) < DONE_WITHIN))
    return say(cluster, 'info', reason('RELEASED', { left: left.join(' ') }), context);
  if (releasing === undefined) return cluster;
  if (left.length === 0) replyDone(releasing.request, { kind: 'plan', plan }, context);
  else {
    const text = `${left.join(', ')} have not let go yet: each does as soon as its agent and database run`;
    replyError(releasing.request, 'OPERATION_FAILED', text, context);
  }
  return { ...cluster, releasing: undefined, said: undefined };
}

/** Nothing is decided for a cluster that was let go. */
export const isLetGo = (cluster: ClusterState): boolean =>
  cluster.stored !== undefined && isReleased(cluster.stored.plan);
