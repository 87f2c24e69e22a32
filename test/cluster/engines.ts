/** The engines that clusters are made of here: one more is one more entry, of a kit that answers to kit.ts. */
import { EXEC } from '#test/cluster/engines/exec.js';
import { MARIADB } from '#test/cluster/engines/mariadb.js';
import type { EngineKit } from '#test/cluster/engines/kit.js';
import { MYSQL } from '#test/cluster/engines/mysql.js';
import { POSTGRES } from '#test/cluster/engines/postgres.js';
import { REDIS } from '#test/cluster/engines/redis.js';

export { EXEC, MARIADB, MYSQL, POSTGRES, REDIS };
export { type Ability, type EngineKit, type ServersOptions, whyLacking } from '#test/cluster/engines/kit.js';

/** By the name that `--engine` takes; test/setup.mjs installs them by the same, and MySQL comes from test/compat/servers.mjs. */
export const KITS = {
  postgres: POSTGRES,
  mariadb: MARIADB,
  mysql: MYSQL,
  redis: REDIS,
  exec: EXEC,
} as const satisfies Readonly<Record<string, EngineKit>>;

export type KitName = keyof typeof KITS;
export const KIT_NAMES = Object.keys(KITS) as readonly KitName[];
