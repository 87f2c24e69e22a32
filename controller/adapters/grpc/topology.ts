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

/** More than anybody has in one file. */
const MOST_CLUSTERS = 256;
/** More than there are proxies beside one set of controllers: each is looked at while a switchover waits. */
const MOST_ROUTERS = 256;
/** Whoever asks may be anybody. */
const NO_NAME = { code: status.INVALID_ARGUMENT, details: 'a router or cluster that cannot be called so' };
const TOO_MANY = { code: status.RESOURCE_EXHAUSTED, details: 'too many clusters in one request, or routers' };

export function topologyService(topologies: () => Topologies): TopologyHandlers {
  let routers = 0;
  return {
    WatchTopology(call) {
      const { clusters, router, holds } = call.request;
      const isRouter = router !== '';
      if (![...clusters, ...holds, ...(isRouter ? [router] : [])].every(isName))
        return void call.emit('error', NO_NAME);
      if (clusters.length + holds.length > MOST_CLUSTERS || (isRouter && routers >= MOST_ROUTERS))
        return void call.emit('error', TOO_MANY);
      if (!isRouter) return void watch(call, topologies());
      // It is counted on before it hears of anything, so that no pause is asked for that it would not be waited for.
      routers += 1;
      const leave = holds.length === 0 ? undefined : topologies().routerConnected(router, holds);
      void watch(call, topologies()).finally(() => {
        routers -= 1;
        leave?.();
      });
    },
    Paused({ request: { router, cluster, pause } }, callback) {
      if (!isName(router) || !isName(cluster)) return callback(NO_NAME);
      topologies().routerPaused(router, cluster, BigInt(pause));
      callback(null, {});
    },
  };
}

type WatchCall = Parameters<handleServerStreamingCall<WatchTopologyRequest__Output, ClusterTopology>>[0];

/** Never rejects. */
async function watch(call: WatchCall, topologies: Topologies): Promise<void> {
  const over = new AbortController();
  for (const sign of ['cancelled', 'error', 'close']) call.once(sign, () => over.abort());
  try {
    for await (const topology of topologyChanges(call.request.clusters, topologies, over.signal)) {
      if (!(await sent(call, writeTopology(topology), over.signal))) return;
    }
  } catch {
    // One listener less: it connects anew.
  } finally {
    call.end();
  }
}
