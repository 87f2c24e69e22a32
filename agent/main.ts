/** Composes an agent from its ports and runs it beside its database until it is told to stop. */
import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { NO_EPOCH } from '#core/brand.js';
import { isReleased, type Plan } from '#core/plan.js';
import { timingsOf } from '#core/timings.js';
import { createClock, waitClock } from '#agent/adapters/clock.js';
import { createControllers } from '#agent/adapters/grpc/controllers.js';
import { createPeerServer, createTailSource } from '#agent/adapters/grpc/peers.js';
import { createVouches } from '#agent/adapters/grpc/vouches.js';
import { createGuard } from '#agent/adapters/guard/guard.js';
import { probeAgent } from '#agent/adapters/probe-agent.js';
import { openStateFile } from '#agent/adapters/state-file/state-file.js';
import type { AgentConfig } from '#agent/config.js';
import { createPostgresEngine } from '#agent/engines/postgres/engine.js';
import { type AgentLoop, createAgentLoop } from '#agent/loop.js';
import { hasForgotten, memoryAtHand, recall } from '#agent/memory.js';
import type { Engine, EngineIdentity } from '#agent/ports/engine.js';
import type { Log } from '#agent/ports/log.js';
import type { Durable } from '#agent/ports/state-file.js';
import { answerTail } from '#agent/tail.js';

/** Returns after a clean shutdown on SIGTERM or SIGINT; rejects with a TanistError when it cannot start or go on. */
export async function runAgent(config: AgentConfig): Promise<void> {
  const logger = pino({ level: config.logLevel, base: { cluster: config.cluster, member: config.member } });
  const log: Log = (level, code, fields) => {
    logger[level]({ code, ...fields });
  };
  const now = createClock();
  const stopped = nextSignal();
  let loop: AgentLoop | undefined;
  const stateFile = await openStateFile(config.stateDir);
  try {
    const tailSource = createTailSource({
      cluster: config.cluster,
      member: config.member,
      epoch: () => loop?.state().durable.sealedEpoch ?? NO_EPOCH,
    });
    const engine = createPostgresEngine(config.engine, {
      member: config.member,
      stateDir: config.stateDir,
      tailSource,
      now,
      log,
    });
    const found = await stateFile.read();
    const known = memoryAtHand(found, config);
    const plan = (): Plan | undefined => (loop?.state().durable ?? known)?.plan;
    const guard = createGuard({
      stateDir: config.stateDir,
      engine: config.engine,
      fenceMs: () => timingsOf(plan()?.policy.profile ?? 'balanced').fenceMs,
      now,
      log,
    });
    const inherited = await guard.takeOver();
    const isGuarded = inherited !== undefined && inherited.until > now();
    const data = await checkOrFence(engine, known, hasForgotten(found, known), isGuarded);
    const memory = await recall(stateFile, found, config, data, randomUUID(), log);
    const { identity, dataId, highestEpoch } = memory.durable;
    const incarnation = randomUUID();
    const controllers = createControllers(config.controllers, {
      hello: {
        cluster: config.cluster,
        member: config.member,
        incarnation,
        identity,
        agentAddress: config.advertise.agent,
        databaseHost: config.advertise.database.host,
        databasePort: config.advertise.database.port,
        host: config.host,
      },
      now,
      log,
    });
    const started = createAgentLoop(memory, incarnation, inherited, {
      controllers,
      engine,
      stateFile,
      guard,
      vouches: createVouches(),
      probeAgent,
      log,
      now,
      waitNow: waitClock,
      random: randomUUID,
    });
    loop = started;
    const peers = await createPeerServer({
      ...config.listen,
      handler: {
        readTail: (request) => answerTail(request, started.state().durable, engine),
        vouch: (question) => started.vouch(question),
      },
    });
    started.start();
    log('info', 'STARTED', { incarnation, identity, dataId, epoch: Number(highestEpoch) });
    try {
      log('info', 'STOPPING', { signal: await Promise.race([stopped, started.ended]) });
    } finally {
      await Promise.all([started.stop(), peers.stop()]);
    }
  } finally {
    await stateFile.close();
  }
}

/**
 * A database that was opened and never closed since must not stay open for good when its agent cannot come up beside it: the guard
 * closes it in time, or, where none stands, this does it now.
 */
async function checkOrFence(
  engine: Engine,
  known: Durable | undefined,
  forgotten: boolean,
  isGuarded: boolean,
): Promise<EngineIdentity> {
  try {
    return await engine.check();
  } catch (error) {
    const plan = known?.plan;
    const isOpen =
      plan === undefined
        ? forgotten && engine.isLeftOpen()
        : known !== undefined && known.openedEpoch > known.fencedEpoch && !isReleased(plan);
    if (isOpen && !isGuarded) {
      await engine.run({ kind: 'fence', withinMs: timingsOf(plan?.policy.profile ?? 'balanced').fenceMs });
    }
    throw error;
  }
}

/** The first of SIGTERM and SIGINT; a second one ends the process as it always would. */
function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}
