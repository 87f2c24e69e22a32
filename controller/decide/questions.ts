/**
 * Numbers for what is asked of agents: no two controllers and no two terms ever ask under the same one. By the lease, since the revision of a term
 * comes again once etcd was restored.
 */
import type { ClusterState, Context } from '#controller/decide/state.js';

const PER_TERM = 1n << 20n;

export function nextQuestion(cluster: ClusterState, context: Context): bigint {
  const lease = context.role.kind === 'active' ? BigInt(context.role.term.lease) : 0n;
  return (lease % (1n << 43n)) * PER_TERM + (BigInt(cluster.questions + 1) % PER_TERM);
}
