// The contract of the engine port, and what only Redis has, on Valkey.
import { expect, it } from 'vitest';
import { createRunFolder, stopAll } from '#test/cluster/processes.js';
import { createRedis } from '#test/cluster/redis.js';
import { engineContract } from '#test/contract/engine/suite.js';
import { createRedisBed, REDIS } from '#test/contract/redis-bed.js';
import '#test/contract/redis-engine.test.js';
import '#test/contract/redis-inspect.test.js';
import '#test/contract/redis-release.test.js';
import '#test/contract/redis-tls.test.js';

process.env['TANIST_REDIS_SERVER'] = 'valkey-server';

it('runs on Valkey 9 or newer', async () => {
  const server = await createRedis({ dir: createRunFolder('newer'), name: 'ann' });
  await server.start();
  const [, version = ''] = /^valkey_version:(\S+)/m.exec(String(await server.send('INFO', 'server'))) ?? [];
  expect(Number(version.split('.')[0])).toBeGreaterThanOrEqual(9);
  await stopAll();
});

engineContract('Valkey, newer', () => Promise.resolve(createRedisBed()), REDIS);
