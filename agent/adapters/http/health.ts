/**
 * Tells load balancers, by HTTP, what this member's database may be used for. Whoever asks is a stranger: a client that is slow, silent or one of
 * thousands takes no place from the others, and costs the agent next to nothing (common/http/).
 */
import { ERRORS } from '#core/errors.js';
import { type EngineName, LOG_UNIT } from '#core/position.js';
import { check } from '#agent/adapters/http/checks.js';
import type { Standing } from '#core/standing.js';
import { answerWith, ASKS } from '#common/http/answer.js';
import { createHttpServer, type HttpServer } from '#common/http/server.js';
import type { ListenAddress } from '#common/listen.js';

/** Rejects with ADDRESS_IN_USE when the address is taken. */
export const createHealthServer = (
  address: ListenAddress,
  engine: EngineName,
  standing: () => Standing,
): Promise<HttpServer> =>
  createHttpServer(address, {
    idleMs: 0,
    answer({ method = '', url = '' }, response) {
      if (!ASKS.includes(method))
        return answerWith(response, 405, REFUSED, { ...CLOSE, allow: ASKS.join(', ') });
      const now = standing();
      answerWith(response, check(url, now), describe(now, engine), CLOSE);
    },
  });

/** One answer to each connection, as a check needs. */
const CLOSE = { connection: 'close' };
const REFUSED = { code: 'METHOD_UNKNOWN', text: ERRORS.METHOD_UNKNOWN };

function describe({ leader, silentMs: _, ...known }: Standing, engine: EngineName): object {
  const { name, databaseHost: host, databasePort: port } = leader ?? {};
  return {
    ...known,
    epoch: Number(known.epoch),
    backlogUnit: LOG_UNIT[engine],
    leader: leader === undefined ? null : { name, host, port },
    patroni: { scope: known.cluster, name: known.member },
  };
}
