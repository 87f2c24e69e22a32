/** Numbers for what is asked of agents: no two controllers and no two terms ever ask under the same one. */
import type { ClusterState, Context } from '#controller/decide/state.js';

const PER_TERM = 1n << 20n;

export function nextQuestion(cluster: ClusterState, context: Context): bigint {
  const revision = context.role.kind === 'active' ? context.role.term.revision : 0n;
  return (revision % (1n << 43n)) * PER_TERM + (BigInt(cluster.questions + 1) % PER_TERM);
}
