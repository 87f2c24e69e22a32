/**
 * HTTP for strangers. Node's own server works off in one go whatever has arrived of a connection: 50 clients that send 64 KiB of questions each hold
 * the process up for more than a second (measured), as long as a lease lasts. So its parser is handed one request at a time of each connection,
 * and of all of them what a millisecond is enough for, before everything else has its turn. Whoever is silent or slow is ended, and so is the oldest
 * of too many; who has never asked takes no place from those who have.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer } from 'node:net';
import { asMonotonic } from '#core/brand.js';
import { Connection, connectionOf, MOST_HEADER_BYTES, refuse } from '#common/http/connection.js';
import { type ListenAddress, listenError } from '#common/listen.js';
import { createTurns } from '#common/turns.js';

export interface HttpServer {
  readonly port: number;
  /** Answers that have begun get a moment to end; then every connection is closed. */
  stop(): Promise<void>;
}

export interface HttpOptions {
  /** How long a client that was answered may be silent before it asks again; it is told so. */
  readonly idleMs: number;
  /** Answers at once, or takes the connection over (`keepOpen`). What comes with a request is never read. */
  readonly answer: (request: IncomingMessage, response: ServerResponse) => void;
}

const STOP_WITHIN_MS = 250;
const TURN_MS = 1;
/** Of those who have not asked yet, and of those who have. */
const MOST_CONNECTIONS = 250;

/** Rejects with ADDRESS_IN_USE when the address is taken. */
export async function createHttpServer(
  address: ListenAddress,
  { idleMs, answer }: HttpOptions,
): Promise<HttpServer> {
  const http = createServer({ maxHeaderSize: MOST_HEADER_BYTES, keepAliveTimeout: idleMs }, answerInTurn);
  http.on('clientError', (_, socket) => refuse(socket));
  const all = new Set<Connection>();
  const strangers = new Set<Connection>();
  const known = new Set<Connection>();
  const turns = createTurns(() => asMonotonic(performance.now()), { turnMs: TURN_MS, shareMs: TURN_MS });
  const tcp = createTcpServer({ allowHalfOpen: true, noDelay: true }, (socket) => {
    turns.hurry();
    const connection = new Connection(socket, turns);
    all.add(connection);
    connection.once('close', () => {
      for (const place of [all, strangers, known]) place.delete(connection);
    });
    takePlace(connection, strangers);
    http.emit('connection', connection);
  });

  function answerInTurn(request: IncomingMessage, response: ServerResponse): void {
    const connection = connectionOf(response);
    connection.isRead();
    strangers.delete(connection);
    takePlace(connection, known);
    response.once('close', () => connection.answered(idleMs));
    const { 'content-length': length = '0', 'transfer-encoding': coding } = request.headers;
    if (length !== '0' || coding !== undefined) response.setHeader('connection', 'close');
    answer(request, response);
    if (connection.isKept) known.delete(connection);
  }

  await listening(tcp, address);
  return {
    port: (tcp.address() as AddressInfo).port,
    async stop() {
      const closed = once(tcp, 'close');
      tcp.close();
      for (const connection of all) connection.leave();
      const late = setTimeout(() => {
        for (const connection of all) connection.destroy();
      }, STOP_WITHIN_MS);
      await closed;
      clearTimeout(late);
    },
  };
}

/** The last one to be answered is the first in its place again. */
function takePlace(connection: Connection, place: Set<Connection>): void {
  place.delete(connection);
  place.add(connection);
  const [oldest] = place;
  if (oldest === undefined || place.size <= MOST_CONNECTIONS) return;
  place.delete(oldest);
  oldest.destroy();
}

async function listening(server: ReturnType<typeof createTcpServer>, address: ListenAddress): Promise<void> {
  server.listen(address);
  try {
    await once(server, 'listening');
  } catch (error) {
    throw listenError(address, error);
  }
  server.on('error', () => undefined); // one connection that could not be accepted (too many open files); others follow
}
