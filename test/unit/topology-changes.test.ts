import { expect, it } from 'vitest';
import { asEpoch } from '#core/brand.js';
import type { Topology } from '#core/topology.js';
import type { Topologies } from '#controller/ports/topologies.js';
import { topologyChanges } from '#controller/adapters/topology-changes.js';

const topology = (cluster: string, epoch: bigint): Topology => ({
  ...{ cluster, engine: undefined, epoch: asEpoch(epoch), leader: undefined, because: 'none-leads' },
  ...{ replicas: [], pause: undefined },
});

function topologies(
  ...known: Topology[]
): Topologies & { readonly tell: (topology: Topology) => void; readonly listening: () => number } {
  const watchers = new Set<(topology: Topology) => void>();
  const newest = new Map(known.map((one) => [one.cluster, one]));
  return {
    topology: (cluster) => newest.get(cluster) ?? topology(cluster, 0n),
    clusters: () => [...newest.keys()],
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

it('tells what is, then each change, of what was asked for only', async () => {
  const source = topologies(topology('a', 1n), topology('b', 1n));
  const over = new AbortController();
  const changes = topologyChanges(['a', 'c'], source, over.signal);
  expect((await changes.next()).value).toMatchObject({ cluster: 'a', epoch: 1n });
  expect((await changes.next()).value).toMatchObject({ cluster: 'c', epoch: 0n });
  const next = changes.next();
  source.tell(topology('b', 2n));
  source.tell(topology('c', 1n));
  expect((await next).value).toMatchObject({ cluster: 'c', epoch: 1n });
  over.abort();
  expect(await changes.next()).toMatchObject({ done: true });
  expect(source.listening()).toBe(0);
});

it('skips what is over by the time that a slow listener asks, and keeps nothing else for it', async () => {
  const source = topologies(topology('a', 1n));
  const over = new AbortController();
  const changes = topologyChanges([], source, over.signal);
  await changes.next();
  for (let epoch = 2n; epoch < 1000n; epoch += 1n) {
    source.tell(topology('a', epoch));
    source.tell(topology('b', epoch));
  }
  expect((await changes.next()).value).toMatchObject({ cluster: 'a', epoch: 999n });
  expect((await changes.next()).value).toMatchObject({ cluster: 'b', epoch: 999n });
  const next = changes.next();
  over.abort();
  expect(await next).toMatchObject({ done: true });
});
