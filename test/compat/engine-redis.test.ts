// The contract of the engine port, and what only Redis has, on a newer Redis than Debian's stable has.
import { expect, it } from 'vitest';
import { createRunFolder, stopAll } from '#test/cluster/processes.js';
import { createRedis } from '#test/cluster/redis.js';
import { engineContract } from '#test/contract/engine/suite.js';
import { createRedisBed, REDIS } from '#test/contract/redis-bed.js';
import '#test/contract/redis-engine.test.js';
import '#test/contract/redis-inspect.test.js';
import '#test/contract/redis-release.test.js';
import '#test/contract/redis-tls.test.js';

it('runs on Redis 8 or newer', async () => {
  const server = await createRedis({ dir: createRunFolder('newer'), name: 'ann' });
  await server.start();
  const [, version = ''] = /^redis_version:(\S+)/m.exec(String(await server.send('INFO', 'server'))) ?? [];
  expect(Number(version.split('.')[0])).toBeGreaterThanOrEqual(8);
  await stopAll();
});

engineContract('Redis, newer', () => Promise.resolve(createRedisBed()), REDIS);
