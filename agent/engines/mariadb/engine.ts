/** MariaDB behind the port: which module takes which step. */
import { assertNever } from '#core/assert.js';
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import type { MariadbConfig } from '#agent/config.js';
import { type Bounds, boundBy } from '#agent/engines/bounds.js';
import { check } from '#agent/engines/mariadb/check.js';
import { compareRows } from '#agent/engines/mariadb/compare-rows.js';
import { createConnection } from '#agent/engines/mariadb/connection.js';
import { applyDurability } from '#agent/engines/mariadb/durability.js';
import { askOnSession, fence } from '#agent/engines/mysql-family/fence.js';
import { createFencer } from '#agent/engines/mysql-family/fencer.js';
import { follow } from '#agent/engines/mariadb/follow.js';
import { createCopyGiver } from '#agent/engines/mariadb/give-copy.js';
import { createEyes, observedServer } from '#agent/engines/mariadb/observe.js';
import { inspect } from '#agent/engines/mariadb/inspect.js';
import { open } from '#agent/engines/mariadb/open.js';
import { readPosition } from '#agent/engines/mariadb/position.js';
import { probeDatabase } from '#agent/engines/mysql-family/probe.js';
import { readTail } from '#agent/engines/mariadb/read-tail.js';
import { reclone } from '#agent/engines/mariadb/reclone.js';
import { release } from '#agent/engines/mariadb/release.js';
import { seal } from '#agent/engines/mariadb/seal.js';
import { describeServer, type Server } from '#agent/engines/mariadb/server.js';
import { start } from '#agent/engines/mariadb/start.js';
import { readStatus } from '#agent/engines/mariadb/status.js';
import { takeTail } from '#agent/engines/mariadb/take-tail.js';
import { createObserver, type Observer } from '#agent/engines/observer.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';
import { createSteps } from '#agent/engines/steps.js';
import { tidy } from '#agent/engines/tidy.js';
import type { ActionResult, Engine, EngineAction, EngineTimings } from '#agent/ports/engine.js';

/** A start goes on by itself, and is asked for again. */
const WITHIN_MS = { start: 30_000, seal: 5_000, follow: 6_500, keepSlots: 5_000 } as const;
const INSPECT_WITHIN_MS = 7_000;
const TIDY_EVERY_MS = 60_000;
const ASK_WITHIN_MS = 1_000;
const NEED_SESSION: ReadonlySet<EngineAction['kind']> = new Set([
  'seal',
  'takeTail',
  'open',
  'setDurability',
  'follow',
  'checkpoint',
  'release',
]);

export function createMariadbEngine(config: MariadbConfig, deps: ServerDeps): Engine {
  let observer: Observer | undefined;
  let timings: EngineTimings | undefined;
  let recloning = false;
  let tidying: NodeJS.Timeout | undefined;
  const connection = createConnection(config, () => observer?.sessionLost());
  const server = describeServer(config, deps, connection);
  const giveCopy = createCopyGiver(server);
  const steps = createSteps({
    ...{ now: deps.now, connection, withinMs: WITHIN_MS, needSession: NEED_SESSION, take },
    // A copy that is being made takes long.
    givesWay: () => recloning,
    afterwards: () => void observer?.refresh(),
  });

  async function take(action: EngineAction, bounds: Bounds): Promise<ActionResult> {
    switch (action.kind) {
      case 'fence':
        return fence(
          server,
          bounds,
          askOnSession(server, async (withinMs) => (await readStatus(server, withinMs)).closed),
        );
      case 'start':
        await start(server, bounds);
        return { kind: 'started' };
      case 'seal':
        return { kind: 'sealed', position: await seal(server, bounds) };
      case 'takeTail':
        return takeTail(server, action.agentAddress, bounds);
      case 'open':
        observer?.holdCanary();
        try {
          return await open(server, action, bounds, (markedAt) => observer?.letCanary(markedAt));
        } finally {
          observer?.letCanary();
        }
      case 'follow':
        await follow(server, action.leader, action.confirms, bounds);
        return { kind: 'following' };
      case 'checkpoint':
        await connection.query('flush engine logs', { timeoutMs: bounds.left() });
        return { kind: 'checkpointed' };
      // A binary log is kept by time, for all.
      case 'keepSlots':
        return { kind: 'slotsKept' };
      case 'rewind':
        throw new TanistError('REWIND_IMPOSSIBLE', 'MariaDB cannot take back what is in its log');
      case 'setDurability':
        await applyDurability(server, action.durability, bounds);
        return { kind: 'durabilitySet', holds: await readPosition(server, bounds.left()) };
      case 'reclone':
        recloning = true;
        try {
          return { kind: 'recloned', ...(await reclone(server, action, bounds)) };
        } finally {
          recloning = false;
        }
      case 'release':
        await release(server, action.peers, bounds);
        return { kind: 'released' };
      default:
        return assertNever(action);
    }
  }

  async function findings(peers: readonly PlanMember[]): Promise<readonly Finding[]> {
    try {
      return await inspect(server, peers, boundBy(server.now, INSPECT_WITHIN_MS, steps.signal()));
    } catch (error) {
      const remedy = "look at the agent's log, and ask again";
      return [{ severity: 'blocks', code: 'not-inspected', text: String(error), remedy }];
    }
  }

  return {
    check: () => check(server),
    isLeftOpen: () => !createFencer(server.dataDir, server).isClosed(),
    start(emit) {
      observer = createObserver(observedServer(server), createEyes(server), emit);
      if (timings !== undefined) observer.setTimings(timings);
      observer.start();
    },
    async stop() {
      clearInterval(tidying);
      observer?.stop();
      observer = undefined;
      connection.close();
      await steps.stop();
    },
    run: (action) => steps.run(action),
    readTail: (request) =>
      readTail(server, request).catch((error: unknown) => ({ kind: 'refused', text: String(error) })),
    giveCopy,
    probe: ({ databaseHost, databasePort }, timeoutMs) =>
      probeDatabase(databaseHost, databasePort, timeoutMs),
    compare: (rows) => compareRows(server, rows),
    inspect: findings,
    setRetention(retention) {
      clearInterval(tidying);
      const tidyUp = (): void => void tidy(server, () => works(server), retention);
      tidying = setInterval(tidyUp, TIDY_EVERY_MS).unref();
      tidyUp();
    },
    setTimings(changed) {
      timings = changed;
      observer?.setTimings(changed);
    },
  };
}

/** What took the place of old data: it accepts writes, or log arrives. */
async function works(server: Server): Promise<boolean> {
  if (!server.connection.isReady()) return false;
  const status = await readStatus(server, ASK_WITHIN_MS).catch(() => undefined);
  return status !== undefined && (!status.closed || status.source?.streaming === true);
}
