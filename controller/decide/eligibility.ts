/**
 * V4: a replica that follows the leader becomes appointable in two versions: `joining`, which the leader acknowledges by
 * reporting that version; then, no earlier than D_G after, `eligible`.
 */
import { nextVersion } from '#core/brand.js';
import { isProved, type Plan } from '#core/plan.js';
import { memberPolicy } from '#core/policy.js';
import { reason } from '#core/reasons.js';
import { timingsOf } from '#core/timings.js';
import { excluded, followsLeader } from '#controller/decide/candidates.js';
import type { ClusterState, Context } from '#controller/decide/state.js';
import { isSilent } from '#controller/decide/suspect.js';
import { submit } from '#controller/decide/writes.js';

export function growEligible(cluster: ClusterState, context: Context): ClusterState {
  const plan = cluster.stored?.plan;
  // V6: paused, nobody becomes eligible.
  if (plan === undefined || !isProved(plan) || plan.care !== 'automatic') return cluster;
  return plan.joining.length > 0 ? admit(cluster, plan, context) : name(cluster, plan, context);
}

function name(cluster: ClusterState, plan: Plan, context: Context): ClusterState {
  const joining = plan.members
    .map((member) => member.name)
    .filter((n) => n !== plan.leader && !plan.eligible.includes(n) && mayJoin(cluster, plan, n, context));
  if (joining.length === 0) return cluster;
  log('JOINING', joining, cluster, context);
  const next = { ...plan, version: nextVersion(plan.version), joining };
  return submit({ ...cluster, joiningAcknowledgedAt: undefined }, next, context);
}

function admit(cluster: ClusterState, plan: Plan, context: Context): ClusterState {
  const heard = cluster.members[plan.leader]?.report?.planVersion;
  const acknowledgedAt =
    cluster.joiningAcknowledgedAt ?? (heard !== undefined && heard >= plan.version ? context.now : undefined);
  const { promiseMs } = timingsOf(plan.policy.profile);
  if (!context.rules.V4(acknowledgedAt, promiseMs, context.now)) {
    return acknowledgedAt === cluster.joiningAcknowledgedAt
      ? cluster
      : { ...cluster, joiningAcknowledgedAt: acknowledgedAt };
  }
  const joined = plan.joining.filter((n) => mayJoin(cluster, plan, n, context));
  if (joined.length > 0) log('ELIGIBLE', joined, cluster, context);
  const next = {
    ...plan,
    version: nextVersion(plan.version),
    joining: [],
    eligible: [...plan.eligible, ...joined].sort(),
  };
  return submit({ ...cluster, joiningAcknowledgedAt: undefined }, next, context);
}

/** It follows the leader itself, a guard stands beside it (INV-6), and nobody wants it left out. */
function mayJoin(cluster: ClusterState, plan: Plan, member: string, context: Context): boolean {
  const picture = cluster.members[member];
  const report = picture?.report;
  if (report === undefined || isSilent(picture, plan, context.now)) return false;
  if (excluded(plan, member) !== undefined || !report.guarded) return false;
  // Meant to follow another replica, it follows the leader for a while only.
  const { follow } = memberPolicy(plan.policy, member);
  if (follow !== undefined && follow !== plan.leader) return false;
  return (
    report.planEpoch === plan.epoch &&
    report.problem === undefined &&
    report.database.state === 'running' &&
    report.database.role === 'replica' &&
    followsLeader(cluster, plan, member)
  );
}

function log(
  code: 'JOINING' | 'ELIGIBLE',
  members: readonly string[],
  cluster: ClusterState,
  context: Context,
): void {
  context.emit({
    kind: 'log',
    level: 'info',
    cluster: cluster.name,
    reason: reason(code, { members: members.join(' ') }),
  });
}
