/** The engines that are simulated. */
import type { EngineKind } from '#test/simulation/models/kinds/kind.js';
import { MARIADB } from '#test/simulation/models/kinds/mariadb.js';
import { POSTGRES } from '#test/simulation/models/kinds/postgres.js';
import { REDIS } from '#test/simulation/models/kinds/redis.js';
import type { Random } from '#test/simulation/world/random.js';

export const KINDS = { postgres: POSTGRES, mariadb: MARIADB, redis: REDIS } as const;
export type SimulatedEngine = keyof typeof KINDS;
export const ENGINE_NAMES = Object.keys(KINDS) as readonly SimulatedEngine[];

/** The oldest, and the one that can do most, is what most seeds are about. */
export const drawEngine = (random: Random): SimulatedEngine =>
  random.pick(['postgres', 'postgres', 'postgres', 'mariadb', 'redis']);

export const kindOf = (name: SimulatedEngine): EngineKind => KINDS[name];
