/**
 * MariaDB behind the port: observes the server and runs one step at a time. A fence waits for nothing: it ends the step that is under way, and
 * runs at once; a seal ends it too, and runs as soon as it has ended.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { assertNever } from '#core/assert.js';
import type { DurationMs } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import type { MariadbConfig } from '#agent/config.js';
import { type Bounds, boundBy } from '#agent/engines/bounds.js';
import { check } from '#agent/engines/mariadb/check.js';
import { createConnection } from '#agent/engines/mariadb/connection.js';
import { askOnSession, fence } from '#agent/engines/mariadb/fence.js';
import { createFencer } from '#agent/engines/mariadb/fencer.js';
import { follow } from '#agent/engines/mariadb/follow.js';
import { createObserver, type Observer } from '#agent/engines/mariadb/observe.js';
import { open } from '#agent/engines/mariadb/open.js';
import { probeDatabase } from '#agent/engines/mariadb/probe.js';
import { readTail } from '#agent/engines/mariadb/read-tail.js';
import { seal } from '#agent/engines/mariadb/seal.js';
import { describeServer, type Server, type ServerDeps } from '#agent/engines/mariadb/server.js';
import { start } from '#agent/engines/mariadb/start.js';
import { takeTail } from '#agent/engines/mariadb/take-tail.js';
import type { ActionResult, Engine, EngineAction, EngineTimings } from '#agent/ports/engine.js';

/** For steps that come without a bound of their own. A start goes on by itself, and is asked for again. */
const WITHIN_MS = { start: 30_000, seal: 5_000, follow: 6_500, keepSlots: 5_000 } as const;
const NEEDS_SESSION: ReadonlySet<EngineAction['kind']> = new Set([
  'seal',
  'takeTail',
  'open',
  'follow',
  'checkpoint',
]);
const CONNECT_WITHIN_MS = 1_000;
/** The caller hears of a step before the next look begins, and so does not take the look for older than the step. */
const LOOK_AFTER_MS = 10;

export function createMariadbEngine(config: MariadbConfig, deps: ServerDeps): Engine {
  let observer: Observer | undefined;
  let timings: EngineTimings | undefined;
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
      case 'open':
        await observer?.holdCanary();
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
        throw new TanistError('REWIND_IMPOSSIBLE', 'MariaDB cannot take back what is in its log');
      case 'setDurability':
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
      observer = createObserver(server, emit);
      if (timings !== undefined) observer.setTimings(timings);
      observer.start();
    },
    async stop() {
      step.abort();
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
      if (action.kind === 'seal') {
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

async function requireSession({ connection }: Server): Promise<void> {
  const answer = await connection.connect(CONNECT_WITHIN_MS);
  if (answer.kind !== 'ready') throw new TanistError('DATABASE_UNREACHABLE', answer.text);
}

const inWords = ({ detail, next }: TanistError): string =>
  next === undefined ? detail : `${detail} (${next})`;
