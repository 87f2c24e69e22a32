/** Composes a controller from its ports and runs it until it is told to stop. */
import pino from 'pino';
import { TanistError } from '#core/errors.js';
import type { OperatorCommand } from '#core/operator.js';
import { createEtcd, checkEtcd } from '#controller/adapters/etcd/index.js';
import { createAuthorityClock, waitingNow, wallNow } from '#controller/adapters/clock.js';
import { createAgents, type OperatorHandlers } from '#controller/adapters/grpc/agents.js';
import { createApi } from '#controller/adapters/http/server.js';
import { createSentinelServer } from '#controller/adapters/sentinel/server.js';
import type { ControllerConfig } from '#controller/config.js';
import { failoverEvents } from '#controller/failover-events.js';
import { type ControllerLoop, createControllerLoop } from '#controller/loop.js';
import type { Log } from '#core/log.js';
import { type PlanStore, StoreCorrupt } from '#controller/ports/plan-store.js';
import { ledgerEntryToJson } from '#proto/codec/json.js';
import { answerToJson, commandFromJson } from '#proto/codec/operator.js';
import { nextSignal } from '#common/next-signal.js';

/** Returns after a clean shutdown on SIGTERM or SIGINT; rejects with a TanistError when it cannot start. */
export async function runController(config: ControllerConfig): Promise<void> {
  const logger = pino({ level: config.logLevel, base: { controller: config.name } });
  const log: Log = (level, code, fields) => {
    logger[level]({ code, ...fields });
  };
  const authorityNow = createAuthorityClock();
  await checkEtcd(config.etcd);
  const address = `${config.listen.host}:${config.listen.port}`;
  const etcd = createEtcd(config.etcd, {
    controller: { name: config.name, host: config.host, address },
    now: authorityNow,
    log,
  });
  const agents = createAgents(config.listen, {
    controller: config.name,
    now: waitingNow,
    log,
    operator: operatorHandlers(() => loop, etcd.planStore),
    topologies: () => loop,
  });
  const loop: ControllerLoop = createControllerLoop(config.name, config.host, {
    election: etcd.election,
    planStore: etcd.planStore,
    agents,
    standbys: async () => (await etcd.standbys()).map(({ host }) => host),
    log,
    now: waitingNow,
    authorityNow,
    wall: wallNow,
  });
  const stopped = nextSignal();
  // Before the loop, which would have to resign if an address were taken.
  const api = config.api && (await createApi(config.api, loop));
  const sentinel =
    config.sentinel && (await createSentinelServer(config.sentinel, { topologies: loop, now: waitingNow }));
  const port = await loop.start();
  log('info', 'LISTENING', {
    address: `${config.listen.host}:${port}`,
    ...(config.api && api && { api: `${config.api.host}:${api.port}` }),
    ...(config.sentinel && sentinel && { sentinel: `${config.sentinel.listen.host}:${sentinel.port}` }),
  });
  log('info', 'STOPPING', { signal: await stopped });
  await Promise.all([loop.stop(), api?.stop(), sentinel?.stop()]);
  await etcd.close();
}

function operatorHandlers(loop: () => ControllerLoop, store: PlanStore): OperatorHandlers {
  return {
    async operate(cluster, commandJson) {
      const answer = await loop().operate(cluster, readCommand(commandJson));
      if (answer.kind === 'error') throw new TanistError(answer.code, answer.text);
      return answerToJson(answer.answer);
    },
    status(cluster) {
      return Promise.resolve(JSON.stringify(loop().status(cluster)));
    },
    async history(cluster, limit) {
      return (await readLedger(store, cluster, limit)).map(ledgerEntryToJson);
    },
    async *watchFailovers(cluster, fromEpoch, over) {
      const ledger = (name: string, limit: number) => readLedger(store, name, limit);
      for await (const entry of failoverEvents(cluster, fromEpoch, loop(), ledger, over))
        yield entry === undefined ? '' : ledgerEntryToJson(entry);
    },
  };
}

async function readLedger(store: PlanStore, cluster: string, limit: number): ReturnType<PlanStore['ledger']> {
  try {
    const entries = await store.ledger(cluster, limit);
    if (entries.length === 0) throw new TanistError('NOT_ADOPTED', `no ledger of cluster ${cluster} in etcd`);
    return entries;
  } catch (error) {
    if (error instanceof TanistError) throw error;
    const text = error instanceof Error ? error.message : String(error);
    throw new TanistError(error instanceof StoreCorrupt ? 'STORE_CORRUPT' : 'ETCD_UNREACHABLE', text);
  }
}

function readCommand(json: string): OperatorCommand {
  try {
    return commandFromJson(json);
  } catch (error) {
    throw new TanistError('CONFIG_INVALID', error instanceof Error ? error.message : String(error));
  }
}
