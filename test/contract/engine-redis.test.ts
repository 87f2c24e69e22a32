// The contract of the engine port on real Redis servers.
import { engineContract } from '#test/contract/engine/suite.js';
import { createRedisBed, REDIS } from '#test/contract/redis-bed.js';

engineContract('Redis', () => Promise.resolve(createRedisBed()), REDIS);
