/**
 * V4: the eligible set is kept honest while the control plane is well. A replica that is dead, or has nobody to end its lease, could not
 * be appointed anyway; but named eligible it would have to vouch (V1), and so cost the leader its lease on the day when no controller
 * answers. Its removal counts once etcd has it; it comes back by the two steps of any other. One that answers and does not follow stays in: it
 * vouches as well as any, and after the seals only its log counts.
 */
import { latest, LONG_AGO, nextVersion, since } from '#core/brand.js';
import { isProved, type Plan } from '#core/plan.js';
import { reason } from '#core/reasons.js';
import { timingsOf } from '#core/timings.js';
import type { ClusterState, Context } from '#controller/decide/state.js';
import { submit } from '#controller/decide/writes.js';

/**
 * Undefined: nobody is to be left out. Absence is measured only while the leader is heard and well: a controller that hears nobody is cut off
 * itself, and after that everybody gets the whole time to come back.
 */
export function leaveOut(cluster: ClusterState, plan: Plan, context: Context): ClusterState | undefined {
  const { wellSince } = cluster;
  if (!isProved(plan) || wellSince === undefined) return undefined;
  const { absenceMs } = timingsOf(plan.policy.profile);
  const absent = [...plan.eligible, ...plan.joining].filter((name) => {
    const guardedAt = cluster.members[name]?.guardedAt ?? LONG_AGO;
    return context.rules.V4_leave(since(latest(guardedAt, wellSince), context.now), absenceMs);
  });
  if (absent.length === 0) return undefined;
  const why = reason('LEFT_OUT', { members: absent.join(' ') });
  context.emit({ kind: 'log', level: 'warn', cluster: cluster.name, reason: why });
  const isPresent = (name: string): boolean => !absent.includes(name);
  const next: Plan = {
    ...plan,
    version: nextVersion(plan.version),
    eligible: plan.eligible.filter(isPresent),
    joining: plan.joining.filter(isPresent),
  };
  return submit({ ...cluster, joiningAcknowledgedAt: undefined }, next, context);
}
