/** PostgreSQL behind the port: which module takes which step. */
import { assertNever } from '#core/assert.js';
import { asDuration } from '#core/brand.js';
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import type { PostgresConfig } from '#agent/config.js';
import type { ActionResult, Engine, EngineAction, EngineTimings } from '#agent/ports/engine.js';
import { type Bounds, boundBy } from '#agent/engines/bounds.js';
import { isBootClosed } from '#agent/engines/postgres/boot-closed.js';
import { check } from '#agent/engines/postgres/check.js';
import { checkpoint } from '#agent/engines/postgres/checkpoint.js';
import { compareRows } from '#agent/engines/postgres/compare-rows.js';
import { createConnection } from '#agent/engines/postgres/connection.js';
import { askOnSession, fence } from '#agent/engines/postgres/fence.js';
import { applyDurability } from '#agent/engines/postgres/durability.js';
import { createFencer } from '#agent/engines/postgres/fencer.js';
import { follow } from '#agent/engines/postgres/follow.js';
import { inspect } from '#agent/engines/postgres/inspect.js';
import { createEyes, observedServer } from '#agent/engines/postgres/observe.js';
import { open } from '#agent/engines/postgres/open.js';
import { readPosition } from '#agent/engines/postgres/position.js';
import { inOwnSession } from '#agent/engines/postgres/own-session.js';
import { probeDatabase } from '#agent/engines/postgres/probe.js';
import { readTail } from '#agent/engines/postgres/read-tail.js';
import { release } from '#agent/engines/postgres/release.js';
import { reclone } from '#agent/engines/postgres/reclone.js';
import { rewind } from '#agent/engines/postgres/rewind.js';
import { seal } from '#agent/engines/postgres/seal.js';
import { describeServer } from '#agent/engines/postgres/server.js';
import { keepSlots, makeSlots } from '#agent/engines/postgres/slots.js';
import { start } from '#agent/engines/postgres/start.js';
import { readStatus } from '#agent/engines/postgres/status.js';
import { takeTail } from '#agent/engines/postgres/take-tail.js';
import { tidy } from '#agent/engines/postgres/tidy.js';
import { refuseCopy } from '#agent/engines/no-copy.js';
import { createObserver, type Observer } from '#agent/engines/observer.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';
import { createSteps } from '#agent/engines/steps.js';

/** A start goes on by itself, and is asked for again. */
const WITHIN_MS = { start: 30_000, seal: 5_000, follow: 6_500, keepSlots: 5_000 } as const;
const MAKE_SLOTS_WITHIN_MS = 5_000;
const INSPECT_WITHIN_MS = 7_000;
const NEED_SESSION: ReadonlySet<EngineAction['kind']> = new Set([
  'seal',
  'takeTail',
  'open',
  'setDurability',
  'follow',
  'keepSlots',
  'release',
]);
const FIRST_CHECKPOINT_WITHIN_MS = 300_000;
const TIDY_EVERY_MS = 60_000;

export function createPostgresEngine(config: PostgresConfig, deps: ServerDeps): Engine {
  let observer: Observer | undefined;
  let timings: EngineTimings = { heartbeatMs: asDuration(250), canaryTimeoutMs: asDuration(1000) };
  let recloning = false;
  let tidying: NodeJS.Timeout | undefined;
  const connection = createConnection(config, () => observer?.sessionLost());
  const server = describeServer(config, deps, connection);
  const steps = createSteps({
    ...{ now: deps.now, connection, withinMs: WITHIN_MS, needSession: NEED_SESSION, take },
    givesWay: () => recloning,
    afterwards: () => void observer?.refresh(),
  });

  async function take(action: EngineAction, bounds: Bounds): Promise<ActionResult> {
    switch (action.kind) {
      case 'fence':
        return fence(server, bounds, askOnSession(server));
      case 'start':
        await start(server, bounds);
        return { kind: 'started' };
      case 'seal':
        return { kind: 'sealed', position: await seal(server, bounds) };
      case 'takeTail':
        return takeTail(server, action.agentAddress, bounds);
      case 'open': {
        const opened = await openBeforeCanary(action, bounds);
        equip(action.replicas);
        return opened;
      }
      case 'setDurability': {
        await applyDurability(server, action.durability, bounds);
        const status = await readStatus(server, false, bounds.left());
        return { kind: 'durabilitySet', holds: await readPosition(server, status, bounds.left()) };
      }
      case 'follow':
        await follow(server, action.leader, action.slot, bounds);
        return { kind: 'following' };
      case 'checkpoint':
        await checkpoint(server, bounds);
        return { kind: 'checkpointed' };
      case 'reclone':
        recloning = true;
        try {
          return { kind: 'recloned', ...(await reclone(server, action, bounds)) };
        } finally {
          recloning = false;
        }
      case 'rewind':
        await rewindAndStart(action, bounds);
        return { kind: 'rewound' };
      case 'release':
        await release(server, action.peers, bounds);
        return { kind: 'released' };
      case 'keepSlots':
        await keepSlots(server, action.replicas, action.retentionBytes, bounds.left());
        return { kind: 'slotsKept' };
      default:
        return assertNever(action);
    }
  }

  /** Whatever became of it, the server is started closed again if it can be: it is a replica, and people read from it. */
  async function rewindAndStart(
    action: EngineAction & { readonly kind: 'rewind' },
    bounds: Bounds,
  ): Promise<void> {
    const startAgain = (): Promise<void> => start(server, bounds.within(WITHIN_MS.start));
    try {
      await rewind(server, action.leader, action.openings, bounds);
    } catch (error) {
      await startAgain().catch((cause: unknown) => {
        server.log('warn', 'START_FAILED', { because: String(cause) });
      });
      throw error;
    }
    await startAgain();
  }

  async function findings(peers: readonly PlanMember[]): Promise<readonly Finding[]> {
    try {
      return await inspect(server, peers, boundBy(server.now, INSPECT_WITHIN_MS, steps.signal()));
    } catch (error) {
      const remedy = "look at the agent's log, and ask again";
      return [{ severity: 'blocks', code: 'not-inspected', text: String(error), remedy }];
    }
  }

  /** The canary must not be the first write of an opening; but it must not be waited for either, while identifiers jump. */
  async function openBeforeCanary(
    action: EngineAction & { readonly kind: 'open' },
    bounds: Bounds,
  ): Promise<ActionResult> {
    observer?.holdCanary();
    try {
      return await open(server, action, bounds, (markedAt) => observer?.letCanary(markedAt));
    } finally {
      observer?.letCanary();
    }
  }

  /** What a new leader needs soon; neither the proof nor the canary must wait for it. */
  function equip(replicas: readonly string[]): void {
    const untilClosed = boundBy(server.now, FIRST_CHECKPOINT_WITHIN_MS, steps.signal());
    const failed = (code: string) => (error: unknown) => {
      server.log('warn', code, { because: String(error) });
    };
    void inOwnSession(server, config.database, untilClosed, (session) =>
      makeSlots(session, replicas, MAKE_SLOTS_WITHIN_MS),
    ).catch(failed('SLOTS_FAILED'));
    // By itself PostgreSQL takes minutes for it, and until then pg_rewind before 16 does not know this line of history, should it crash.
    void checkpoint(server, untilClosed).catch(failed('CHECKPOINT_FAILED'));
  }

  return {
    check: () => check(server),
    isLeftOpen: () => isBootClosed(server.dataDir) && !createFencer(server.dataDir, server).isClosed(),
    start(emit) {
      const eyes = createEyes(server, () => timings);
      observer = createObserver(observedServer(server), eyes, emit);
      observer.setTimings(timings);
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
    giveCopy: refuseCopy('PostgreSQL'),
    probe: ({ databaseHost, databasePort }, timeoutMs) =>
      probeDatabase(databaseHost, databasePort, timeoutMs),
    compare: (rows) => compareRows(server, rows),
    inspect: findings,
    setRetention(retention) {
      clearInterval(tidying);
      const tidyUp = (): void => void tidy(server, retention);
      tidying = setInterval(tidyUp, TIDY_EVERY_MS).unref();
      tidyUp();
    },
    setTimings(changed) {
      timings = changed;
      observer?.setTimings(changed);
    },
  };
}
