/** Every wait and refusal is said, once: again only when its reason changes. */
import type { Reason } from '#core/reasons.js';
import type { ClusterState, Context } from '#controller/decide/state.js';

export function say(
  cluster: ClusterState,
  level: 'info' | 'warn' | 'error',
  why: Reason,
  context: Context,
): ClusterState {
  if (cluster.said === why.code) return cluster;
  context.emit({ kind: 'log', level, cluster: cluster.name, reason: why });
  return { ...cluster, said: why.code };
}
