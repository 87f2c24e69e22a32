// Who leads is told to whoever listens, at once; and whoever asks is a stranger.
import { status } from '@grpc/grpc-js';
import { describe, expect, it, onTestFinished } from 'vitest';
import { asEpoch } from '#core/brand.js';
import type { Topology } from '#core/topology.js';
import type { Topologies } from '#controller/ports/topologies.js';
import { openConnection } from '#proto/client.js';
import type { ClusterTopology__Output } from '#proto/generated/tanist/v1/ClusterTopology.js';
import { wire } from '#proto/load.js';
import { startController } from '#test/contract/grpc-fixtures.js';

const LIMITS = { maxMessageBytes: 1024 * 1024, windowBytes: 64 * 1024 };

const topology = (epoch: bigint): Topology => ({
  ...{
    cluster: 'orders',
    engine: 'postgres',
    epoch: asEpoch(epoch),
    because: undefined,
    replicas: [],
    pause: undefined,
  },
  leader: { name: 'ada', host: '10.0.0.1', port: 5432 },
});

async function start() {
  const watchers = new Set<(topology: Topology) => void>();
  const told: string[] = [];
  const topologies: Topologies = {
    topology: (cluster) => {
      if (cluster !== 'orders') throw new Error(`asked for ${cluster}`);
      return topology(1n);
    },
    clusters: () => ['orders'],
    watchTopology(watcher) {
      watchers.add(watcher);
      return () => watchers.delete(watcher);
    },
    routerConnected(router, holds) {
      told.push(`${router} of ${holds.join(' ')}`);
      return () => told.push(`${router} has left`);
    },
    routerPaused: (router, _, pause) => void told.push(`${router} paused for ${pause}`),
  };
  const { address } = await startController({ topologies: () => topologies });
  const connection = openConnection(wire.Topology, address, LIMITS);
  onTestFinished(() => connection.close());
  return { client: connection.client, watchers, told };
}

describe('whoever listens', () => {
  it('hears what is, then each change; and as a router is known for as long', async () => {
    const { client, watchers, told } = await start();
    const call = client.watchTopology({ clusters: ['orders'], router: 'r-1', holds: ['orders'] });
    call.on('error', () => undefined);
    const epochs: string[] = [];
    call.on('data', ({ epoch }: ClusterTopology__Output) => epochs.push(epoch));
    await expect.poll(() => epochs).toEqual(['1']);
    for (const watcher of watchers) watcher(topology(2n));
    await expect.poll(() => epochs).toEqual(['1', '2']);
    await new Promise<void>((resolve) =>
      client.paused({ router: 'r-1', cluster: 'orders', pause: '7' }, () => resolve()),
    );
    call.cancel();
    await expect.poll(() => told).toEqual(['r-1 of orders', 'r-1 paused for 7', 'r-1 has left']);
    expect(watchers.size).toBe(0);
  });

  it.each([
    { clusters: ['__proto__'], router: '' },
    { clusters: ['constructor'], router: '' },
    { clusters: ['orders'], router: '__proto__' },
    { clusters: ['a/b'], router: '' },
  ])('is refused by names that nobody can have: %j', async (asked) => {
    const { client, told } = await start();
    const call = client.watchTopology(asked);
    const refused = await new Promise((resolve) => call.on('error', resolve));
    expect(refused).toMatchObject({ code: status.INVALID_ARGUMENT });
    const paused = await new Promise((resolve) =>
      client.paused({ router: '__proto__', cluster: 'orders', pause: '1' }, resolve),
    );
    expect(paused).toMatchObject({ code: status.INVALID_ARGUMENT });
    expect(told).toEqual([]);
  });
});

it('a request for more clusters than anybody has is refused', async () => {
  const { client, told } = await start();
  const holds = Array.from({ length: 300 }, (_, i) => `c${i}`);
  const call = client.watchTopology({ clusters: holds, router: 'r-1', holds });
  const refused = await new Promise((resolve) => call.on('error', resolve));
  expect(refused).toMatchObject({ code: status.RESOURCE_EXHAUSTED });
  expect(told).toEqual([]);
});
