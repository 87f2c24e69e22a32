/** Composes an agent from its ports and runs it beside its database until it is told to stop. */
import { randomUUID } from 'node:crypto';
import pino from 'pino';
import { NO_EPOCH } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { isReleased } from '#core/plan.js';
import { timingsOf } from '#core/timings.js';
import { createClock } from '#agent/adapters/clock.js';
import { createControllers } from '#agent/adapters/grpc/controllers.js';
import { createPeerServer, createTailSource } from '#agent/adapters/grpc/peers.js';
import { openStateFile } from '#agent/adapters/state-file/state-file.js';
import type { AgentConfig } from '#agent/config.js';
import { createPostgresEngine } from '#agent/engines/postgres/engine.js';
import { type AgentLoop, createAgentLoop } from '#agent/loop.js';
import type { Engine, EngineIdentity, TailAnswer } from '#agent/ports/engine.js';
import type { Log } from '#agent/ports/log.js';
import { type Durable, StateCorrupt, type StateFile } from '#agent/ports/state-file.js';

/** Returns after a clean shutdown on SIGTERM or SIGINT; rejects with a TanistError when it cannot start or go on. */
export async function runAgent(config: AgentConfig): Promise<void> {
  const logger = pino({ level: config.logLevel, base: { cluster: config.cluster, member: config.member } });
  const log: Log = (level, code, fields) => {
    logger[level]({ code, ...fields });
  };
  const now = createClock();
  const stopped = nextSignal();
  const stateFile = await openStateFile(config.stateDir);
  try {
    const tailSource = createTailSource({
      cluster: config.cluster,
      member: config.member,
      epoch: () => loop.state().durable.sealedEpoch,
    });
    const engine = createPostgresEngine(config.engine, {
      member: config.member,
      stateDir: config.stateDir,
      tailSource,
      now,
      log,
    });
    const known = await readState(stateFile);
    const guard = createGuard(config, { now, log });
    const inherited = await guard.takeOver();
    const isGuarded = inherited !== undefined && inherited.until > now();
    const identity = await checkOrFence(engine, known, isGuarded);
    const durable = remember(known, config, identity);
    const incarnation = randomUUID();
    const controllers = createControllers(config.controllers, {
      hello: {
        cluster: config.cluster,
        member: config.member,
        incarnation,
        agentAddress: config.advertise.agent,
        databaseHost: config.advertise.database.host,
        databasePort: config.advertise.database.port,
        host: config.host,
      },
      now,
      log,
    });
    const loop: AgentLoop = createAgentLoop(durable, incarnation, inherited, {
      controllers,
      engine,
      stateFile,
      guard,
      probeAgent,
      log,
      now,
      random: randomUUID,
    });
    const peers = await createPeerServer({
      ...config.listen,
      handler: { readTail: (request) => answerTail(request, loop, engine) },
    });
    loop.start();
    log('info', 'STARTED', { incarnation, dataId: identity.dataId, epoch: Number(durable.highestEpoch) });
    try {
      log('info', 'STOPPING', { signal: await Promise.race([stopped, loop.ended]) });
    } finally {
      await loop.stop();
      await peers.stop();
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
  isGuarded: boolean,
): Promise<EngineIdentity> {
  try {
    return await engine.check();
  } catch (error) {
    const isOpen = known?.plan !== undefined && known.openedEpoch > known.fencedEpoch;
    if (isOpen && !isGuarded && !isReleased(known.plan)) {
      await engine.run({ kind: 'fence', withinMs: timingsOf(known.plan.policy.profile).fenceMs });
    }
    throw error;
  }
}

/** E5: what this member durably knows; nothing yet for a new one. Another member's memory is refused. */
function remember(known: Durable | undefined, config: AgentConfig, identity: EngineIdentity): Durable {
  const { cluster, member } = config;
  if (known === undefined) {
    return {
      cluster,
      member,
      dataId: identity.dataId,
      highestEpoch: NO_EPOCH,
      plan: undefined,
      sealedEpoch: NO_EPOCH,
      fencedEpoch: NO_EPOCH,
      openedEpoch: NO_EPOCH,
      releasedEpoch: NO_EPOCH,
    };
  }
  if (known.cluster !== cluster || known.member !== member) {
    throw new TanistError(
      'STATE_FOREIGN',
      `${config.stateDir} holds the state of ${known.cluster}/${known.member}, not of ${cluster}/${member}`,
      'give every agent a stateDir of its own',
    );
  }
  if (known.dataId !== identity.dataId) {
    throw new TanistError(
      'DATA_IDENTITY_MISMATCH',
      `${config.stateDir} belongs to data ${known.dataId}, the data directory holds ${identity.dataId}`,
      'if the data was replaced on purpose, move the state directory away: the member then joins as a new one',
    );
  }
  return known;
}

async function readState(stateFile: StateFile): Promise<Durable | undefined> {
  try {
    return await stateFile.read();
  } catch (error) {
    if (error instanceof StateCorrupt) throw new TanistError('STATE_CORRUPT', error.message);
    throw error;
  }
}

/** Only a log that cannot grow any more is handed out: this member must be fenced below the asker's epoch. */
function answerTail(
  request: {
    readonly cluster: string;
    readonly epoch: bigint;
    readonly from: Parameters<Engine['readTail']>[0]['from'];
  },
  loop: AgentLoop,
  engine: Engine,
): Promise<TailAnswer> {
  const { durable } = loop.state();
  const refuse = (text: string): Promise<TailAnswer> => Promise.resolve({ kind: 'refused', text });
  if (request.cluster !== durable.cluster) return refuse(`this is a member of ${durable.cluster}`);
  const closed =
    durable.plan !== undefined &&
    durable.fencedEpoch >= durable.openedEpoch &&
    request.epoch > durable.fencedEpoch;
  if (!closed)
    return refuse(
      `fenced at epoch ${durable.fencedEpoch}, opened at ${durable.openedEpoch}: its log may still grow`,
    );
  return engine.readTail({ from: request.from });
}

/** The first of SIGTERM and SIGINT; a second one ends the process as it always would. */
function nextSignal(): Promise<string> {
  return new Promise((resolve) => {
    for (const signal of ['SIGTERM', 'SIGINT'] as const) process.once(signal, () => resolve(signal));
  });
}
