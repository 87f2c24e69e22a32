/** Composes a router and runs it until it is told to stop. */
import pino from 'pino';
import { asMonotonic, type MonotonicMs } from '#core/brand.js';
import { createControllers } from '#router/adapters/controllers.js';
import { createHaproxy } from '#router/adapters/haproxy.js';
import { createHook } from '#router/adapters/hooks.js';
import { recall } from '#router/adapters/memory.js';
import { createPgbouncer } from '#router/adapters/pgbouncer.js';
import type { RouterConfig } from '#router/config.js';
import { startRouterLoop } from '#router/loop/loop.js';
import type { Log } from '#core/log.js';
import type { Target } from '#router/ports/target.js';
import { nextSignal } from '#common/next-signal.js';

/** Returns after a clean shutdown on SIGTERM or SIGINT; rejects with a TanistError when it cannot start. */
export async function runRouter(config: RouterConfig): Promise<void> {
  const logger = pino({ level: config.logLevel, base: { router: Object.keys(config.clusters).join(' ') } });
  const log: Log = (level, code, fields) => {
    logger[level]({ code, ...fields });
  };
  const names = Object.keys(config.clusters);
  const memory = recall(config.stateDir, names);
  const targets = targetsOf(config, log);
  const holds = names.filter((name) => targets[name]?.some((target) => target.holds !== undefined));
  const stopped = nextSignal();
  const stop = startRouterLoop({
    ...{ memory, log, now, budgetMs: config.pauseBudgetMs, targets },
    controllers: createControllers(config.controllers, { clusters: names, holds }, log),
  });
  log('info', 'STARTED', { controllers: config.controllers.join(' '), clusters: names.join(' ') });
  log('info', 'STOPPING', { signal: await stopped });
  await stop();
}

function targetsOf(config: RouterConfig, log: Log): Readonly<Record<string, readonly Target[]>> {
  const { controllers, stateDir, clusters } = config;
  return Object.fromEntries(
    Object.entries(clusters).map(([cluster, { haproxy, pgbouncer, hooks }]) => [
      cluster,
      [
        ...(haproxy === undefined ? [] : [createHaproxy(haproxy)]),
        ...(pgbouncer === undefined ? [] : [createPgbouncer(pgbouncer, now)]),
        ...hooks.map((hook) => createHook(hook, { cluster, controllers, stateDir, log })),
      ],
    ]),
  );
}

const now = (): MonotonicMs => asMonotonic(performance.now());
