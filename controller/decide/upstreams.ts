/**
 * Cascading replicas: the policy says who is to follow which other replica; the plan says who does at present. One whose upstream is
 * gone follows the leader until that is well again. They are never eligible, and nobody waits for them.
 */
import { nextVersion } from '#core/brand.js';
import { memberOf, type Plan } from '#core/plan.js';
import { memberPolicy } from '#core/policy.js';
import { type ReasonCode, reason } from '#core/reasons.js';
import { followsLeader, isStreaming } from '#controller/decide/candidates.js';
import type { ClusterState, Context } from '#controller/decide/state.js';
import { isSilent } from '#controller/decide/suspect.js';
import { submit } from '#controller/decide/writes.js';

export function tendUpstreams(cluster: ClusterState, plan: Plan, context: Context): ClusterState | undefined {
  for (const { name } of plan.members) {
    const wanted = memberPolicy(plan.policy, name).follow;
    const present = plan.upstreams[name];
    if (
      present !== undefined &&
      (present !== wanted || present === plan.leader || isLost(cluster, plan, name, present, context))
    )
      return point(cluster, plan, name, undefined, 'UPSTREAM_LOST', context);
    if (present === undefined && wanted !== undefined && mayFollow(cluster, plan, name, wanted, context))
      return point(cluster, plan, name, wanted, 'UPSTREAM_BACK', context);
  }
  return undefined;
}

/** No log comes from there, and it is not this member itself that is away. */
function isLost(
  cluster: ClusterState,
  plan: Plan,
  name: string,
  upstream: string,
  context: Context,
): boolean {
  const self = cluster.members[name];
  if (self?.connected !== true || isSilent(self, plan, context.now) || isStreaming(cluster, name))
    return false;
  const picture = cluster.members[upstream];
  return picture === undefined || isSilent(picture, plan, context.now) || !isStreaming(cluster, upstream);
}

/** An upstream receives from the leader itself: chains longer than that would fail together. */
function mayFollow(
  cluster: ClusterState,
  plan: Plan,
  name: string,
  upstream: string,
  context: Context,
): boolean {
  if (upstream === plan.leader || upstream === name || name === plan.leader) return false;
  if (memberOf(plan, upstream) === undefined || plan.maintenance.includes(upstream)) return false;
  if (plan.upstreams[upstream] !== undefined) return false;
  const picture = cluster.members[upstream];
  return (
    picture !== undefined && !isSilent(picture, plan, context.now) && followsLeader(cluster, plan, upstream)
  );
}

function point(
  cluster: ClusterState,
  plan: Plan,
  name: string,
  upstream: string | undefined,
  code: ReasonCode,
  context: Context,
): ClusterState {
  const why = reason(code, { member: name, upstream: upstream ?? plan.upstreams[name] ?? '' });
  context.emit({ kind: 'log', level: 'info', cluster: cluster.name, reason: why });
  const others = Object.entries(plan.upstreams).filter(([member]) => member !== name);
  const upstreams = Object.fromEntries(upstream === undefined ? others : [...others, [name, upstream]]);
  // Who follows a replica is not eligible.
  const without = (names: readonly string[]): readonly string[] =>
    upstream === undefined ? names : names.filter((one) => one !== name);
  const next: Plan = {
    ...plan,
    version: nextVersion(plan.version),
    upstreams,
    eligible: without(plan.eligible),
    joining: without(plan.joining),
  };
  return submit({ ...cluster, joiningAcknowledgedAt: undefined }, next, context);
}
