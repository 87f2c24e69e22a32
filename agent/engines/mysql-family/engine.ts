/** MySQL or MariaDB behind the port: what is the same in both, and in which order. What a step does its own way, the engine brings. */
import { assertNever } from '#core/assert.js';
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import type { MariadbConfig, MysqlConfig } from '#agent/config.js';
import { type Bounds, boundBy } from '#agent/engines/bounds.js';
import { check } from '#agent/engines/mysql-family/check.js';
import { createConnection } from '#agent/engines/mysql-family/connection.js';
import { applyDurability } from '#agent/engines/mysql-family/durability.js';
import { askOnSession, fence, settleOnSession } from '#agent/engines/mysql-family/fence.js';
import { createFencer } from '#agent/engines/mysql-family/fencer.js';
import { follow, type Following } from '#agent/engines/mysql-family/follow.js';
import { createEyes, observedServer } from '#agent/engines/mysql-family/observe.js';
import { open, type Opening } from '#agent/engines/mysql-family/open.js';
import { probeDatabase } from '#agent/engines/mysql-family/probe.js';
import { describeServer, type Kind, type Server } from '#agent/engines/mysql-family/server.js';
import { start } from '#agent/engines/mysql-family/start.js';
import { createObserver, type Observer } from '#agent/engines/observer.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';
import { createSteps } from '#agent/engines/steps.js';
import { tidy } from '#agent/engines/tidy.js';
import type { ActionResult, Engine, EngineAction, EngineTimings } from '#agent/ports/engine.js';
import type { Position } from '#core/position.js';

/** Each as the port says it. */
export interface Steps extends Opening {
  readonly kind: Kind;
  /** Throws where a server that runs could not be cared for. */
  readonly checkSettings: (server: Server) => Promise<void>;
  seal(server: Server, bounds: Bounds): Promise<Position>;
  takeTail(server: Server, agentAddress: string, bounds: Bounds): Promise<ActionResult>;
  readonly following: Following;
  reclone(
    server: Server,
    action: EngineAction & { readonly kind: 'reclone' },
    bounds: Bounds,
  ): Promise<{ readonly copyId: string | undefined }>;
  release(server: Server, peers: readonly PlanMember[], bounds: Bounds): Promise<void>;
  readTail(server: Server, ...request: Parameters<Engine['readTail']>): ReturnType<Engine['readTail']>;
  /** `blockMs`: how long it may stop writes. */
  createCopyGiver(server: Server, blockMs: () => number): Engine['giveCopy'];
  compare(server: Server, ...rows: Parameters<Engine['compare']>): ReturnType<Engine['compare']>;
  inspect(server: Server, peers: readonly PlanMember[], bounds: Bounds): Promise<readonly Finding[]>;
}

/** A start goes on by itself, and is asked for again. */
const WITHIN_MS = { start: 30_000, seal: 5_000, follow: 6_500, keepSlots: 5_000 } as const;
const INSPECT_WITHIN_MS = 7_000;
const TIDY_EVERY_MS = 60_000;
const ASK_WITHIN_MS = 1_000;
/** The share of what a canary may take for which the end of a copy may stop writes; and that time, as long as nobody has told it. */
const COPY_MAY_BLOCK = 0.7;
const CANARY_WITHIN_MS = 1_000;
const NEED_SESSION: ReadonlySet<EngineAction['kind']> = new Set([
  'seal',
  'takeTail',
  'open',
  'setDurability',
  'follow',
  'checkpoint',
  'release',
]);

export function createEngine(how: Steps, config: MariadbConfig | MysqlConfig, deps: ServerDeps): Engine {
  const { kind } = how;
  let observer: Observer | undefined;
  let timings: EngineTimings | undefined;
  let recloning = false;
  let tidying: NodeJS.Timeout | undefined;
  const connection = createConnection(kind.dialect, config, () => observer?.sessionLost());
  const server = describeServer(kind, config, deps, connection);
  const giveCopy = how.createCopyGiver(
    server,
    () => (timings?.canaryTimeoutMs ?? CANARY_WITHIN_MS) * COPY_MAY_BLOCK,
  );
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
          askOnSession(server, async (withinMs) => (await kind.readStatus(server, withinMs)).closed),
          settleOnSession(server),
        );
      case 'start':
        await start(server, bounds);
        return { kind: 'started' };
      case 'seal':
        return { kind: 'sealed', position: await how.seal(server, bounds) };
      case 'takeTail':
        return how.takeTail(server, action.agentAddress, bounds);
      case 'open':
        observer?.holdCanary();
        try {
          return await open(how, server, action, bounds, (markedAt) => observer?.letCanary(markedAt));
        } finally {
          observer?.letCanary();
        }
      case 'follow':
        await follow(how.following, server, action.leader, action.confirms, bounds);
        return { kind: 'following' };
      case 'checkpoint':
        await connection.query('flush engine logs', { timeoutMs: bounds.left() });
        return { kind: 'checkpointed' };
      // A binary log is kept by time, for all.
      case 'keepSlots':
        return { kind: 'slotsKept' };
      case 'rewind':
        throw new TanistError('REWIND_IMPOSSIBLE', `${kind.called} cannot take back what is in its log`);
      case 'setDurability':
        await applyDurability(server, action.durability, bounds);
        return { kind: 'durabilitySet', holds: await kind.readLogEnd(server, bounds.left()) };
      case 'reclone':
        recloning = true;
        try {
          return { kind: 'recloned', ...(await how.reclone(server, action, bounds)) };
        } finally {
          recloning = false;
        }
      case 'release':
        await how.release(server, action.peers, bounds);
        return { kind: 'released' };
      default:
        return assertNever(action);
    }
  }

  async function findings(peers: readonly PlanMember[]): Promise<readonly Finding[]> {
    try {
      return await how.inspect(server, peers, boundBy(server.now, INSPECT_WITHIN_MS, steps.signal()));
    } catch (error) {
      const remedy = "look at the agent's log, and ask again";
      return [{ severity: 'blocks', code: 'not-inspected', text: String(error), remedy }];
    }
  }

  return {
    check: () => check(server, how.checkSettings),
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
      how.readTail(server, request).catch((error: unknown) => ({ kind: 'refused', text: String(error) })),
    giveCopy,
    probe: ({ databaseHost, databasePort }, timeoutMs) =>
      probeDatabase(databaseHost, databasePort, timeoutMs),
    compare: (rows) => how.compare(server, rows),
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
  const status = await server.kind.readStatus(server, ASK_WITHIN_MS).catch(() => undefined);
  return status !== undefined && (!status.closed || status.source?.streaming === true);
}
