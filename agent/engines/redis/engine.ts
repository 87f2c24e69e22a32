/** Redis and Valkey behind the port: which module takes which step. */
import { assertNever } from '#core/assert.js';
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import { STANDS } from '#core/salvage.js';
import type { RedisConfig } from '#agent/config.js';
import { type Bounds, boundBy } from '#agent/engines/bounds.js';
import { refuseCopy } from '#agent/engines/no-copy.js';
import { createObserver, type Observer } from '#agent/engines/observer.js';
import { check } from '#agent/engines/redis/check.js';
import { createConnection } from '#agent/engines/redis/connection.js';
import { closeOnSession, fence } from '#agent/engines/redis/fence.js';
import { createFencer } from '#agent/engines/redis/fencer.js';
import { follow } from '#agent/engines/redis/follow.js';
import { createEyes, observedServer } from '#agent/engines/redis/observe.js';
import { inspect } from '#agent/engines/redis/inspect.js';
import { open, refuseConfirmations } from '#agent/engines/redis/open.js';
import { readPosition } from '#agent/engines/redis/position.js';
import { probeDatabase } from '#agent/engines/redis/probe.js';
import { readTail } from '#agent/engines/redis/read-tail.js';
import { replaceData } from '#agent/engines/redis/rewind.js';
import { release } from '#agent/engines/redis/release.js';
import { seal } from '#agent/engines/redis/seal.js';
import { describeServer } from '#agent/engines/redis/server.js';
import { letReplicasIn } from '#agent/engines/redis/tend.js';
import { start } from '#agent/engines/redis/start.js';
import { takeTail } from '#agent/engines/redis/take-tail.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';
import { createSteps } from '#agent/engines/steps.js';
import { dropSalvages } from '#agent/engines/tidy.js';
import type { ActionResult, Engine, EngineAction, EngineTimings } from '#agent/ports/engine.js';

const INSPECT_WITHIN_MS = 5_000;
const TIDY_EVERY_MS = 3_600_000;
/** A start goes on by itself, and is asked for again. */
const WITHIN_MS = { start: 30_000, seal: 5_000, follow: 6_500, keepSlots: 5_000 } as const;
const NEED_SESSION: ReadonlySet<EngineAction['kind']> = new Set([
  ...(['seal', 'takeTail', 'open', 'follow', 'rewind', 'setDurability', 'keepSlots'] as const),
]);

export function createRedisEngine(config: RedisConfig, deps: ServerDeps): Engine {
  let observer: Observer | undefined;
  let timings: EngineTimings | undefined;
  let tidying: NodeJS.Timeout | undefined;
  const connection = createConnection(config, () => observer?.sessionLost());
  const server = describeServer(config, deps, connection);
  const steps = createSteps({
    ...{ now: deps.now, connection, withinMs: WITHIN_MS, needSession: NEED_SESSION },
    // A fence waits for nobody; nothing else changes whom the server follows while a tail is read.
    take: (action, bounds) =>
      action.kind === 'fence' ? take(action, bounds) : server.alone(() => take(action, bounds)),
    givesWay: () => false,
    afterwards: () => void observer?.refresh(),
  });

  async function take(action: EngineAction, bounds: Bounds): Promise<ActionResult> {
    switch (action.kind) {
      case 'fence':
        return fence(server, bounds, closeOnSession(server));
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
      case 'setDurability':
        refuseConfirmations(action.durability.acknowledgements);
        return { kind: 'durabilitySet', holds: await readPosition(server, bounds.left()) };
      case 'follow':
        await follow(server, action.leader, action.openings, bounds);
        return { kind: 'following' };
      // Its stop is short: nothing is written then that the fence leaves to be written.
      case 'checkpoint':
        return { kind: 'checkpointed' };
      // A backlog has one size, for all; but an administrator may have put back the list of users.
      case 'keepSlots':
        await letReplicasIn(server, bounds.left());
        return { kind: 'slotsKept' };
      case 'rewind':
        await replaceData(server, { ...action, source: action.leader, salvageWaived: false }, bounds);
        return { kind: 'rewound' };
      case 'reclone':
        await replaceData(server, action, bounds);
        return { kind: 'recloned', copyId: undefined };
      case 'release':
        await release(server, bounds);
        return { kind: 'released' };
      default:
        return assertNever(action);
    }
  }

  async function findings(peers: readonly PlanMember[]): Promise<readonly Finding[]> {
    try {
      return await inspect(server, peers, boundBy(server.now, INSPECT_WITHIN_MS, steps.signal()));
    } catch (error) {
      const remedy = 'look into the log of the server and of the agent, then run adopt --dry-run again';
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
    giveCopy: refuseCopy('Redis'),
    probe: ({ databaseHost, databasePort }, timeoutMs) =>
      probeDatabase(databaseHost, databasePort, config.tls, timeoutMs),
    // A command tells what was done, not what there was to be seen: how that stands now nobody can say.
    async *compare(rows) {
      for await (const row of rows) yield { ...row, stands: STANDS[3], now: null };
    },
    inspect: findings,
    setRetention({ salvageMs }) {
      clearInterval(tidying);
      const tidyUp = (): void =>
        void dropSalvages(server, salvageMs).catch((error: unknown) => {
          server.log('warn', 'TIDY_FAILED', { because: String(error) });
        });
      tidyUp();
      tidying = setInterval(tidyUp, TIDY_EVERY_MS).unref();
    },
    setMembers: (members) => server.members.set(members),
    setTimings(changed) {
      timings = changed;
      observer?.setTimings(changed);
    },
  };
}
