import { expect, it } from 'vitest';
import type { Topology } from '#core/topology.js';
import { topologyChanges } from '#controller/adapters/topology-changes.js';
import { leaderlessTopology, toldTopologies } from '#test/contract/told-topologies.js';

const topology = (cluster: string, epoch: number): Topology =>
  leaderlessTopology(cluster, epoch, 'none-leads');

it('tells what is, then each change, of what was asked for only', async () => {
  const source = toldTopologies(topology('a', 1), topology('b', 1));
  const over = new AbortController();
  const changes = topologyChanges(['a', 'c'], source, over.signal);
  expect((await changes.next()).value).toMatchObject({ cluster: 'a', epoch: 1n });
  expect((await changes.next()).value).toMatchObject({ cluster: 'c', epoch: 0n });
  const next = changes.next();
  source.tell(topology('b', 2));
  source.tell(topology('c', 1));
  expect((await next).value).toMatchObject({ cluster: 'c', epoch: 1n });
  over.abort();
  expect(await changes.next()).toMatchObject({ done: true });
  expect(source.listening()).toBe(0);
});

it('skips what is over by the time that a slow listener asks, and keeps nothing else for it', async () => {
  const source = toldTopologies(topology('a', 1));
  const over = new AbortController();
  const changes = topologyChanges([], source, over.signal);
  await changes.next();
  for (let epoch = 2; epoch < 1000; epoch += 1) {
    source.tell(topology('a', epoch));
    source.tell(topology('b', epoch));
  }
  expect((await changes.next()).value).toMatchObject({ cluster: 'a', epoch: 999n });
  expect((await changes.next()).value).toMatchObject({ cluster: 'b', epoch: 999n });
  const next = changes.next();
  over.abort();
  expect(await next).toMatchObject({ done: true });
});
