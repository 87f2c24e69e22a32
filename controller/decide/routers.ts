/**
 * Routers that can hold clients back (DESIGN 9, "pause the poolers"). A switchover waits for them before the leader closes, but not for long: they spare
 * clients an error and have nothing to do with safety.
 */
import { assertNever } from '#core/assert.js';
import type { ClusterState, Input } from '#controller/decide/state.js';

type Told = Extract<Input, { readonly router: string }>;

export function takeRouter(cluster: ClusterState, event: Told): ClusterState {
  const { [event.router]: _, ...others } = cluster.routers;
  switch (event.kind) {
    case 'router-connected':
      return { ...cluster, routers: { ...others, [event.router]: undefined } };
    case 'router-disconnected':
      return { ...cluster, routers: others };
    case 'router-paused':
      // One that is gone meanwhile is not waited for either.
      return event.router in cluster.routers
        ? { ...cluster, routers: { ...others, [event.router]: event.pause } }
        : cluster;
    default:
      return assertNever(event);
  }
}

/** Names of those that do not hold clients back yet. */
export const notPaused = ({ routers }: ClusterState, pause: bigint | undefined): readonly string[] =>
  Object.keys(routers)
    .filter((name) => routers[name] !== pause)
    .sort();
