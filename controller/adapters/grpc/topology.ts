/** Tells topologies, and hears which routers hold clients back. */
import type { handleServerStreamingCall } from '@grpc/grpc-js';
import type { Topologies } from '#controller/ports/topologies.js';
import { topologyChanges } from '#controller/adapters/topology-changes.js';
import { writeTopology } from '#proto/codec/topology.js';
import type { ClusterTopology } from '#proto/generated/tanist/v1/ClusterTopology.js';
import type { TopologyHandlers } from '#proto/generated/tanist/v1/Topology.js';
import type { WatchTopologyRequest__Output } from '#proto/generated/tanist/v1/WatchTopologyRequest.js';
import { sent } from '#proto/sent.js';

export function topologyService(topologies: () => Topologies): TopologyHandlers {
  return {
    WatchTopology: (call) => void watch(call, topologies()),
    Paused({ request: { router, cluster, pause } }, callback) {
      topologies().routerPaused(cluster, router, BigInt(pause));
      callback(null, {});
    },
  };
}

type WatchCall = Parameters<handleServerStreamingCall<WatchTopologyRequest__Output, ClusterTopology>>[0];

async function watch(call: WatchCall, topologies: Topologies): Promise<void> {
  const over = new AbortController();
  for (const sign of ['cancelled', 'error', 'close']) call.once(sign, () => over.abort());
  const { clusters, router } = call.request;
  // It is counted on before it hears of anything, so that no pause is asked for that it would not be waited for.
  const leave = router === '' ? [] : clusters.map((cluster) => topologies.routerConnected(cluster, router));
  try {
    for await (const topology of topologyChanges(clusters, topologies, over.signal)) {
      if (!(await sent(call, writeTopology(topology), over.signal))) return;
    }
  } finally {
    for (const stop of leave) stop();
    call.end();
  }
}
