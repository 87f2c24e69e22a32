/**
 * Routers that can hold clients back (DESIGN 9, "pause the poolers"). A switchover waits for them before the leader closes, but not for long: they spare
 * clients an error and have nothing to do with safety.
 */
import { assertNever } from '#core/assert.js';
import type { ControllerState, Input, Router } from '#controller/decide/state.js';

type Routers = ControllerState['routers'];
type Told = Extract<Input, { readonly kind: `router-${string}` }>;

export function takeRouter(routers: Routers, event: Told): Routers {
  switch (event.kind) {
    case 'router-connected':
      return { ...routers, [event.call]: { name: event.router, clusters: event.clusters, paused: {} } };
    case 'router-disconnected': {
      const { [event.call]: _, ...others } = routers;
      return others;
    }
    case 'router-paused': {
      const paused = (router: Router): Router =>
        router.name === event.router
          ? { ...router, paused: { ...router.paused, [event.cluster]: event.pause } }
          : router;
      return Object.fromEntries(Object.entries(routers).map(([call, router]) => [call, paused(router)]));
    }
    default:
      return assertNever(event);
  }
}

/** Names of those that do not hold clients of it back yet. */
export function notPaused(routers: Routers, cluster: string, pause: bigint): readonly string[] {
  const awaited = Object.values(routers).filter(
    ({ clusters, paused }) => clusters.includes(cluster) && paused[cluster] !== pause,
  );
  return [...new Set(awaited.map(({ name }) => name))].sort();
}
