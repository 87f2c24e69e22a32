/** Topologies without a cluster behind them: what is told is what there is. */
import { asEpoch } from '#core/brand.js';
import type { Topology } from '#core/topology.js';
import type { Topologies } from '#controller/ports/topologies.js';

export interface ToldTopologies extends Topologies {
  readonly tell: (topology: Topology) => void;
  readonly listening: () => number;
}

export function toldTopologies(...known: readonly Topology[]): ToldTopologies {
  const watchers = new Set<(topology: Topology) => void>();
  const newest = new Map(known.map((one) => [one.cluster, one]));
  return {
    topology: (cluster) => newest.get(cluster) ?? unknownTopology(cluster),
    clusters: () => [...newest.keys()].sort(),
    watchTopology(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    routerConnected: () => () => undefined,
    routerPaused: () => undefined,
    tell(told) {
      newest.set(told.cluster, told);
      for (const watcher of watchers) watcher(told);
    },
    listening: () => watchers.size,
  };
}

const unknownTopology = (cluster: string): Topology => ({
  ...{ cluster, engine: undefined, epoch: asEpoch(0n), leader: undefined, because: 'not-known' },
  ...{ replicas: [], pause: undefined },
});

/** By its first member. */
export const ledTopology = (cluster: string, epoch: number): Topology => ({
  ...{ cluster, engine: 'postgres', epoch: asEpoch(BigInt(epoch)), because: undefined, pause: undefined },
  leader: { name: `${cluster}-1`, host: '10.0.0.1', port: 5432 },
  replicas: [{ name: `${cluster}-2`, host: '10.0.0.2', port: 5432 }],
});

export const leaderlessTopology = (
  cluster: string,
  epoch: number,
  because: Topology['because'],
): Topology => ({ ...ledTopology(cluster, epoch), leader: undefined, because });
