/**
 * Tells load balancers, by HTTP, what this member's database may be used for. Whoever asks is a stranger: a client that is slow, silent or one of
 * thousands takes no place from the others, and costs the agent next to nothing.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import type { AddressInfo, Socket } from 'node:net';
import { type EngineName, LOG_UNIT } from '#core/position.js';
import { check } from '#agent/adapters/http/checks.js';
import type { Standing } from '#core/standing.js';
import { type ListenAddress, listenError } from '#proto/listen.js';

export interface HealthServer {
  readonly port: number;
  stop(): Promise<void>;
}

/** A request is one short line and some headers: whoever takes longer is no load balancer. */
const ASKED_WITHIN_MS = 2_000;
const LOOK_EVERY_MS = 500;
const MOST_HEADER_BYTES = 8 * 1024;
/** One more ends the oldest: who asks and goes is never among those. */
const MOST_CONNECTIONS = 250;

/** Rejects with ADDRESS_IN_USE when the address is taken. */
export async function createHealthServer(
  address: ListenAddress,
  engine: EngineName,
  standing: () => Standing,
): Promise<HealthServer> {
  const answered = new WeakSet<Socket>();
  const server = createServer(
    {
      maxHeaderSize: MOST_HEADER_BYTES,
      headersTimeout: ASKED_WITHIN_MS,
      requestTimeout: ASKED_WITHIN_MS,
      connectionsCheckingInterval: LOOK_EVERY_MS,
    },
    (request, response) => {
      // One answer to each, as a check needs: thousands of questions sent in one go would hold up the agent itself.
      if (answered.has(request.socket)) return void request.socket.destroy();
      answered.add(request.socket);
      answer(request, response, engine, standing());
    },
  );
  const sockets = new Set<Socket>();
  server.on('connection', (socket: Socket) => {
    sockets.add(socket);
    socket.once('close', () => sockets.delete(socket));
    // One that says nothing at all has no request whose time could be up.
    socket.setTimeout(ASKED_WITHIN_MS, () => socket.destroy());
    const [oldest] = sockets;
    if (sockets.size > MOST_CONNECTIONS) oldest?.destroy();
  });
  server.on('clientError', (_, socket) => socket.destroy());
  server.listen(address);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw listenError(address, error);
  }
  server.on('error', () => undefined); // one connection that could not be accepted (too many open files); others follow
  return {
    port: (server.address() as AddressInfo).port,
    async stop() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections();
      await closed;
    },
  };
}

const CLOSE = { connection: 'close' };
const ASKS = ['GET', 'HEAD', 'OPTIONS'];

function answer(
  { method = '', url = '' }: IncomingMessage,
  response: ServerResponse,
  engine: EngineName,
  standing: Standing,
): void {
  // What comes with a request is never read.
  if (!ASKS.includes(method)) {
    response.writeHead(405, { ...CLOSE, allow: ASKS.join(', ') }).end();
    return;
  }
  const body = method === 'GET' ? `${JSON.stringify(describe(standing, engine))}\n` : '';
  response.writeHead(check(url, standing), {
    ...CLOSE,
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(body),
    'cache-control': 'no-store',
  });
  response.end(body);
}

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
