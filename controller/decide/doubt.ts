/**
 * E6: whether etcd's plan can be trusted to be the newest. While it cannot, nothing is granted, sent, written or appointed in that cluster;
 * its leader lives on vouches. `restored.ts` is the way out.
 */
import { isReleased } from '#core/plan.js';
import { speaksFor } from '#controller/decide/data.js';
import type { ClusterState, Context } from '#controller/decide/state.js';

export function isInDoubt(cluster: ClusterState, context: Context): boolean {
  const { role, rules } = context;
  if (role.kind !== 'active') return false;
  const plan = cluster.stored?.plan;
  if (plan === undefined) return role.loaded && role.term.generation > 0n && isKnownToAgents(cluster);
  // Nobody answers for a cluster that was let go, and nothing is decided for it either.
  return storeIsBehind(cluster, context) || (!isReleased(plan) && rules.E6_before(plan, role.term));
}

/** Some agent holds a plan that etcd does not know. */
function storeIsBehind({ members, stored }: ClusterState, { rules }: Context): boolean {
  const plan = stored?.plan;
  if (plan === undefined) return false;
  return Object.values(members).some(
    (picture) =>
      picture.report !== undefined &&
      speaksFor(plan, picture, { rules }) &&
      rules.E6(plan, { epoch: picture.report.planEpoch, version: picture.report.planVersion }),
  );
}

const isKnownToAgents = ({ members }: ClusterState): boolean =>
  Object.values(members).some(({ connected, report }) => connected && (report?.planEpoch ?? 0n) > 0n);
