/** Topologies for whoever listens: as they are, then each change. A slow listener misses what is over, never what is. */
import type { Topology } from '#core/topology.js';
import type { Topologies } from '#controller/ports/topologies.js';

/** `clusters` empty: of all, also of those that become known later. Ends with `over` only. */
export async function* topologyChanges(
  clusters: readonly string[],
  topologies: Topologies,
  over: AbortSignal,
): AsyncGenerator<Topology> {
  const names = clusters.length === 0 ? topologies.clusters() : clusters;
  const waiting = new Map(names.map((name) => [name, topologies.topology(name)]));
  let wake: () => void = () => undefined;
  const end = (): void => wake();
  const stop = topologies.watchTopology((topology) => {
    if (clusters.length > 0 && !clusters.includes(topology.cluster)) return;
    waiting.set(topology.cluster, topology);
    wake();
  });
  over.addEventListener('abort', end);
  const isOver = (): boolean => over.aborted;
  try {
    while (!isOver()) {
      for (const [name, topology] of waiting) {
        waiting.delete(name);
        yield topology;
        if (isOver()) return;
      }
      await new Promise<void>((resolve) => {
        wake = resolve;
        if (waiting.size > 0 || isOver()) resolve();
      });
    }
  } finally {
    stop();
    over.removeEventListener('abort', end);
  }
}
