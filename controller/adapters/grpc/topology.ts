/** Tells topologies, and hears which routers hold clients back. */
import { type handleServerStreamingCall, status } from '@grpc/grpc-js';
import { isName } from '#core/name.js';
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
      if (!isName(router) || !isName(cluster)) return callback(NO_NAME);
      topologies().routerPaused(cluster, router, BigInt(pause));
      callback(null, {});
    },
  };
}

/** Whoever asks may be anybody. */
const NO_NAME = { code: status.INVALID_ARGUMENT, details: 'a router or cluster that cannot be called so' };

type WatchCall = Parameters<handleServerStreamingCall<WatchTopologyRequest__Output, ClusterTopology>>[0];

async function watch(call: WatchCall, topologies: Topologies): Promise<void> {
  const over = new AbortController();
  for (const sign of ['cancelled', 'error', 'close']) call.once(sign, () => over.abort());
  const { clusters, router } = call.request;
  if (!clusters.every(isName) || !(router === '' || isName(router))) return void call.emit('error', NO_NAME);
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
