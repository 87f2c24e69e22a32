/** Whom clients are to be sent to, for all that tells them, and the routers that answer. */
import type { Topology } from '#core/topology.js';

export interface Topologies {
  /** Also of a name that nobody knows: its topology says so. */
  topology(cluster: string): Topology;
  /** Names of all that are known here. */
  clusters(): readonly string[];
  /** Tells each change of any cluster, within the step that brings it. Answers how to stop it. */
  watchTopology(watcher: (topology: Topology) => void): () => void;
  /** A router can hold clients of these clusters back, from now on until the answered function is called. `router`: a name that no other has. */
  routerConnected(router: string, holds: readonly string[]): () => void;
  /** It holds those of that cluster back, for the pause of that number. */
  routerPaused(router: string, cluster: string, pause: bigint): void;
}
