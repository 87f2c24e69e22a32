/** Composes an agent from its ports and runs it beside its database until it is told to stop. */
import { randomUUID } from 'node:crypto';
import { setTimeout as sleep } from 'node:timers/promises';
import pino from 'pino';
import { NO_EPOCH } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { isReleased, type Plan } from '#core/plan.js';
import { timingsOf } from '#core/timings.js';
import { createClock, waitClock, wallNow } from '#agent/adapters/clock.js';
import { createControllers } from '#agent/adapters/grpc/controllers.js';
import { createSalvages } from '#agent/adapters/salvages.js';
import { createCopySource, createPeerServer, createTailSource } from '#agent/adapters/grpc/peers.js';
import { createVouches } from '#agent/adapters/grpc/vouches.js';
import { createHealthServer } from '#agent/adapters/http/health.js';
import { createGuard } from '#agent/adapters/guard/guard.js';
import { probeAgent } from '#agent/adapters/probe-agent.js';
import { type OpenStateFile, openStateFile } from '#agent/adapters/state-file/state-file.js';
import type { AgentConfig } from '#agent/config.js';
import { answerCopy } from '#agent/copy.js';
import { createEngine } from '#agent/engines/create.js';
import { WRITE_AGAIN_MS } from '#agent/decide/refused.js';
import { type AgentLoop, createAgentLoop } from '#agent/loop.js';
import { hasForgotten, memoryAtHand, recall } from '#agent/memory.js';
import type { Engine } from '#agent/ports/engine.js';
import type { Log } from '#core/log.js';
import type { Durable, Memory } from '#agent/ports/state-file.js';
import { answerTail } from '#agent/tail.js';
import { nextSignal } from '#common/next-signal.js';

/** Returns after a clean shutdown on SIGTERM or SIGINT; rejects with a TanistError when it cannot start or go on. */
export async function runAgent(config: AgentConfig): Promise<void> {
  const logger = pino({ level: config.logLevel, base: { cluster: config.cluster, member: config.member } });
  const log: Log = (level, code, fields) => {
    logger[level]({ code, ...fields });
  };
  const now = createClock();
  const stopped = nextSignal();
  let loop: AgentLoop | undefined;
  const stateFile = await openOnceWritable(config.stateDir, stopped, log);
  if (stateFile === undefined) return;
  try {
    const tailSource = createTailSource({
      cluster: config.cluster,
      member: config.member,
      epoch: () => loop?.durable().sealedEpoch ?? NO_EPOCH,
    });
    const copySource = createCopySource({
      cluster: config.cluster,
      member: config.member,
      epoch: () => loop?.durable().plan?.epoch ?? NO_EPOCH,
    });
    const engine = createEngine(config.engine, {
      member: config.member,
      stateDir: config.stateDir,
      tailSource,
      copySource,
      now,
      wallNow,
      log,
    });
    const found = await stateFile.read();
    const known = memoryAtHand(found, config);
    const plan = (): Plan | undefined => (loop?.durable() ?? known)?.plan;
    const guard = createGuard({
      stateDir: config.stateDir,
      engine: config.engine,
      fenceMs: () => timingsOf(plan()?.policy.profile ?? 'balanced').fenceMs,
      now,
      log,
    });
    const inherited = await guard.takeOver();
    const isGuarded = inherited !== undefined && inherited.until > now();
    const begin = async (): Promise<Memory> =>
      recall(stateFile, found, config, await engine.check(), randomUUID(), log);
    const memory = await beginOrFence(begin, engine, known, hasForgotten(found, known), isGuarded);
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
        engine: config.engine.kind,
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
      expectTail: (address) => tailSource.expect(address),
      log,
      now,
      waitNow: waitClock,
      random: randomUUID,
    });
    loop = started;
    const peers = await createPeerServer({
      ...config.listen,
      cluster: config.cluster,
      salvages: createSalvages(config.stateDir, (rows) => engine.compare(rows)),
      handler: {
        readTail: (request) => answerTail(request, started.durable(), engine),
        readCopy: (asker, over) => answerCopy(asker, started.durable(), engine, over),
        vouch: (question) => started.vouch(question),
      },
    });
    const health =
      config.health === undefined
        ? undefined
        : await createHealthServer(config.health, config.engine.kind, () => started.standing());
    started.start();
    log('info', 'STARTED', { incarnation, identity, dataId, epoch: Number(highestEpoch) });
    try {
      log('info', 'STOPPING', { signal: await Promise.race([stopped, started.ended]) });
    } finally {
      await Promise.all([started.stop(), peers.stop(), health?.stop()]);
      tailSource.stop();
    }
  } finally {
    await stateFile.close();
  }
}

/**
 * A disk that refuses at the start is waited for as it is later: an agent that ended would only be started again, and again. Its guard
 * holds what the one before was granted. Undefined: told to stop meanwhile.
 */
async function openOnceWritable(
  stateDir: string,
  stopped: Promise<string>,
  log: Log,
): Promise<OpenStateFile | undefined> {
  const told = new AbortController();
  void stopped.then(() => told.abort());
  for (let isSaid = false; !told.signal.aborted; isSaid = true) {
    try {
      return await openStateFile(stateDir);
    } catch (error) {
      if (!(error instanceof TanistError) || error.code !== 'STATE_UNWRITABLE') throw error;
      if (!isSaid) log('error', error.code, { because: error.detail });
      await Promise.race([stopped, sleep(WRITE_AGAIN_MS)]);
    }
  }
  return undefined;
}

/**
 * A database that was opened and never closed since must not stay open for good when its agent cannot come up beside it: the guard
 * closes it in time, or, where none stands, this does it now.
 */
async function beginOrFence(
  begin: () => Promise<Memory>,
  engine: Engine,
  known: Durable | undefined,
  forgotten: boolean,
  isGuarded: boolean,
): Promise<Memory> {
  try {
    return await begin();
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
