/** The engine that the configuration names. */
import type { AgentConfig } from '#agent/config.js';
import { createExecEngine } from '#agent/engines/exec/engine.js';
import { createMariadbEngine } from '#agent/engines/mariadb/engine.js';
import { createMysqlEngine } from '#agent/engines/mysql/engine.js';
import { createPostgresEngine } from '#agent/engines/postgres/engine.js';
import { createRedisEngine } from '#agent/engines/redis/engine.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';
import type { Engine } from '#agent/ports/engine.js';

export function createEngine(config: AgentConfig['engine'], deps: ServerDeps): Engine {
  switch (config.kind) {
    case 'postgres':
      return createPostgresEngine(config, deps);
    case 'mariadb':
      return createMariadbEngine(config, deps);
    case 'mysql':
      return createMysqlEngine(config, deps);
    case 'redis':
      return createRedisEngine(config, deps);
    case 'exec':
      return createExecEngine(config, deps);
  }
}
