/** MySQL behind the port: which module takes which step. */
import { assertNever } from '#core/assert.js';
import { TanistError } from '#core/errors.js';
import type { MysqlConfig } from '#agent/config.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { check } from '#agent/engines/mysql/check.js';
import { createConnection } from '#agent/engines/mysql/connection.js';
import { askOnSession, fence } from '#agent/engines/mysql-family/fence.js';
import { createFencer } from '#agent/engines/mysql-family/fencer.js';
import { follow } from '#agent/engines/mysql/follow.js';
import { createEyes, observedServer } from '#agent/engines/mysql/observe.js';
import { open, refuseConfirmations } from '#agent/engines/mysql/open.js';
import { readPosition } from '#agent/engines/mysql/position.js';
import { probeDatabase } from '#agent/engines/mysql-family/probe.js';
import { readTail } from '#agent/engines/mysql/read-tail.js';
import { seal } from '#agent/engines/mysql/seal.js';
import { describeServer } from '#agent/engines/mysql/server.js';
import { start } from '#agent/engines/mysql/start.js';
import { readStatus } from '#agent/engines/mysql/status.js';
import { takeTail } from '#agent/engines/mysql/take-tail.js';
import { refuseCopy } from '#agent/engines/no-copy.js';
import { createObserver, type Observer } from '#agent/engines/observer.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';
import { createSteps } from '#agent/engines/steps.js';
import type { ActionResult, Engine, EngineAction, EngineTimings } from '#agent/ports/engine.js';

/** A start goes on by itself, and is asked for again. */
const WITHIN_MS = { start: 30_000, seal: 5_000, follow: 6_500, keepSlots: 5_000 } as const;
const NEED_SESSION: ReadonlySet<EngineAction['kind']> = new Set([
  'seal',
  'takeTail',
  'open',
  'setDurability',
  'follow',
  'checkpoint',
]);

export function createMysqlEngine(config: MysqlConfig, deps: ServerDeps): Engine {
  let observer: Observer | undefined;
  let timings: EngineTimings | undefined;
  const connection = createConnection(config, () => observer?.sessionLost());
  const server = describeServer(config, deps, connection);
  const steps = createSteps({
    ...{ now: deps.now, connection, withinMs: WITHIN_MS, needSession: NEED_SESSION, take },
    givesWay: () => false,
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
        await follow(server, action.leader, bounds);
        return { kind: 'following' };
      case 'checkpoint':
        await connection.query('flush engine logs', { timeoutMs: bounds.left() });
        return { kind: 'checkpointed' };
      // A binary log is kept by time, for all.
      case 'keepSlots':
        return { kind: 'slotsKept' };
      case 'rewind':
        throw new TanistError('REWIND_IMPOSSIBLE', 'MySQL cannot take back what is in its log');
      case 'setDurability':
        refuseConfirmations(action.durability.acknowledgements);
        return { kind: 'durabilitySet', holds: await readPosition(server, bounds.left()) };
      case 'reclone':
      case 'release':
        throw new TanistError('ENGINE_FAILED', `this engine does not know the step ${action.kind} yet`);
      default:
        return assertNever(action);
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
      observer?.stop();
      observer = undefined;
      connection.close();
      await steps.stop();
    },
    run: (action) => steps.run(action),
    readTail: (request) =>
      readTail(server, request).catch((error: unknown) => ({ kind: 'refused', text: String(error) })),
    giveCopy: refuseCopy('MySQL'),
    probe: ({ databaseHost, databasePort }, timeoutMs) =>
      probeDatabase(databaseHost, databasePort, timeoutMs),
    // Nothing is salvaged yet, so there is nothing to compare.
    async *compare() {
      // no rows
    },
    inspect: () => Promise.resolve([]),
    setRetention: () => undefined,
    setTimings(changed) {
      timings = changed;
      observer?.setTimings(changed);
    },
  };
}
