/**
 * The HTTP API of a controller, active or standby: whom the clients of a cluster are to be sent to, for whatever can ask by HTTP. docs/clients.md
 * describes it; it tells and never changes anything.
 */
import type { ServerResponse } from 'node:http';
import { createListeners, EVENTS_TYPE } from '#controller/adapters/http/events.js';
import { type Answer, route, tooManyListen } from '#controller/adapters/http/routes.js';
import type { Topologies } from '#controller/ports/topologies.js';
import { answerWith } from '#common/http/answer.js';
import { createHttpServer, type HttpServer } from '#common/http/server.js';
import type { ListenAddress } from '#common/listen.js';

const IDLE_MS = 30_000;

/** Rejects with ADDRESS_IN_USE when the address is taken. */
export async function createApi(address: ListenAddress, topologies: Topologies): Promise<HttpServer> {
  const listeners = createListeners(topologies);

  function answer(answered: Answer, response: ServerResponse): void {
    if (answered.kind === 'json') answerWith(response, answered.code, answered.body, answered.headers);
    else if (response.req.method !== 'GET') response.writeHead(200, EVENTS_TYPE).end();
    else if (!listeners.admit(answered.clusters, response)) answer(tooManyListen(), response);
  }

  const server = await createHttpServer(address, {
    idleMs: IDLE_MS,
    answer: ({ method = '', url = '' }, response) => answer(route(method, url, topologies), response),
  });
  return {
    port: server.port,
    async stop() {
      listeners.end();
      await server.stop();
    },
  };
}
