/**
 * PostgreSQL behind the port: observes the server and runs one step at a time. A fence waits for nothing: it ends the
 * step that is under way, and runs at once; a seal ends it too, and runs as soon as it has ended.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { assertNever } from '#core/assert.js';
import type { DurationMs } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
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
import { type Observer, createObserver } from '#agent/engines/postgres/observe.js';
import { open } from '#agent/engines/postgres/open.js';
import { readPosition } from '#agent/engines/postgres/position.js';
import { inOwnSession } from '#agent/engines/postgres/own-session.js';
import { probeDatabase } from '#agent/engines/postgres/probe.js';
import { readTail } from '#agent/engines/postgres/read-tail.js';
import { release } from '#agent/engines/postgres/release.js';
import { reclone } from '#agent/engines/postgres/reclone.js';
import { rewind } from '#agent/engines/postgres/rewind.js';
import { seal } from '#agent/engines/postgres/seal.js';
import { type Server, type ServerDeps, describeServer } from '#agent/engines/postgres/server.js';
import { keepSlots, makeSlots } from '#agent/engines/postgres/slots.js';
import { start } from '#agent/engines/postgres/start.js';
import { readStatus } from '#agent/engines/postgres/status.js';
import { takeTail } from '#agent/engines/postgres/take-tail.js';
import { tidy } from '#agent/engines/postgres/tidy.js';

/** For steps that come without a bound of their own. A start goes on by itself, and is asked for again. */
const WITHIN_MS = {
  start: 30_000,
  seal: 5_000,
  follow: 6_500,
  keepSlots: 5_000,
  makeSlots: 5_000,
  inspect: 7_000,
} as const;
const NEEDS_SESSION: ReadonlySet<EngineAction['kind']> = new Set([
  'seal',
  'takeTail',
  'open',
  'setDurability',
  'follow',
  'keepSlots',
  'release',
]);
const CONNECT_WITHIN_MS = 1_000;
const FIRST_CHECKPOINT_WITHIN_MS = 300_000;
const TIDY_EVERY_MS = 60_000;
/** The caller hears of a step before the next look begins, and so does not take the look for older than the step. */
const LOOK_AFTER_MS = 10;

export function createPostgresEngine(config: PostgresConfig, deps: ServerDeps): Engine {
  let observer: Observer | undefined;
  let timings: EngineTimings | undefined;
  let recloning = false;
  let tidying: NodeJS.Timeout | undefined;
  const connection = createConnection(config, () => observer?.sessionLost());
  const server = describeServer(config, deps, connection);
  let step = new AbortController();
  let turn: Promise<unknown> = Promise.resolve();

  async function attempt(
    action: EngineAction,
    withinMs: DurationMs | number,
    signal: AbortSignal,
  ): Promise<ActionResult> {
    try {
      if (NEEDS_SESSION.has(action.kind)) await requireSession(server);
      return await take(action, boundBy(server.now, withinMs, signal));
    } catch (error) {
      if (error instanceof TanistError) return { kind: 'failed', code: error.code, text: inWords(error) };
      const text = error instanceof Error ? error.message : String(error);
      return { kind: 'failed', code: 'ENGINE_FAILED', text };
    } finally {
      setTimeout(() => void observer?.refresh(), LOOK_AFTER_MS);
    }
  }

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
      return await inspect(server, peers, boundBy(server.now, WITHIN_MS.inspect, step.signal));
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
    const untilClosed = boundBy(server.now, FIRST_CHECKPOINT_WITHIN_MS, step.signal);
    const failed = (code: string) => (error: unknown) => {
      server.log('warn', code, { because: String(error) });
    };
    void inOwnSession(server, config.database, untilClosed, (session) =>
      makeSlots(session, replicas, WITHIN_MS.makeSlots),
    ).catch(failed('SLOTS_FAILED'));
    // By itself PostgreSQL takes minutes for it, and until then pg_rewind before 16 does not know this line of history, should it crash.
    void checkpoint(server, untilClosed).catch(failed('CHECKPOINT_FAILED'));
  }

  return {
    check: () => check(server),
    isLeftOpen: () => isBootClosed(server.dataDir) && !createFencer(server.dataDir, server).isClosed(),
    start(emit) {
      observer = createObserver(server, emit);
      if (timings !== undefined) observer.setTimings(timings);
      observer.start();
    },
    async stop() {
      step.abort();
      clearInterval(tidying);
      observer?.stop();
      observer = undefined;
      connection.close();
      await Promise.race([turn, sleep(1_000)]);
    },
    run(action) {
      if (action.kind === 'fence') {
        step.abort();
        step = new AbortController();
        return attempt(action, action.withinMs, new AbortController().signal);
      }
      // A copy that is being made takes long, and is of no use to whoever asks for something else.
      if (action.kind === 'seal' || recloning) {
        step.abort();
        step = new AbortController();
      }
      const { signal } = step;
      const withinMs = 'timeoutMs' in action ? action.timeoutMs : WITHIN_MS[action.kind];
      const mine = turn.then(() => attempt(action, withinMs, signal));
      turn = mine;
      return mine;
    },
    readTail: (request) =>
      readTail(server, request).catch((error: unknown) => ({ kind: 'refused', text: String(error) })),
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

async function requireSession({ connection }: Server): Promise<void> {
  const answer = await connection.connect(CONNECT_WITHIN_MS);
  if (answer.kind !== 'ready') throw new TanistError('DATABASE_UNREACHABLE', answer.text);
}

const inWords = ({ detail, next }: TanistError): string =>
  next === undefined ? detail : `${detail} (${next})`;
