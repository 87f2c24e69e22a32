/** Every wait and refusal is said, once: again only when its reason changes, or whom it is about; numbers move all the time. */
import type { Reason } from '#core/reasons.js';
import type { ClusterState, Context } from '#controller/decide/state.js';

export function say(
  cluster: ClusterState,
  level: 'info' | 'warn' | 'error',
  why: Reason,
  context: Context,
): ClusterState {
  if (cluster.said !== undefined && sameWait(cluster.said, why)) return cluster;
  context.emit({ kind: 'log', level, cluster: cluster.name, reason: why });
  return { ...cluster, said: why };
}

const sameWait = (a: Reason, b: Reason): boolean => a.code === b.code && names(a) === names(b);

const names = ({ evidence }: Reason): string =>
  Object.values(evidence)
    .filter((value) => typeof value !== 'number')
    .join('|');
