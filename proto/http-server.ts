/**
 * HTTP for strangers. Node's own server works off in one go whatever has arrived of a connection: 50 clients that send 64 KiB of questions each hold
 * the process up for more than a second (measured), as long as a lease lasts. So its parser is handed one request at a time of each connection,
 * and of all of them what a millisecond is enough for, before everything else has its turn. Whoever is silent or slow is ended, and so is the oldest
 * of too many; who has never asked takes no place from those who have.
 */
import { once } from 'node:events';
import { createServer, type IncomingMessage, type ServerResponse } from 'node:http';
import { type AddressInfo, createServer as createTcpServer, type Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { ERRORS } from '#core/errors.js';
import { type ListenAddress, listenError } from '#proto/listen.js';

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

/** Methods that are answered: by the last two only with the code and headers. */
export const ASKS: readonly string[] = ['GET', 'HEAD', 'OPTIONS'];

/** A request is one short line and some headers. */
const ASKED_WITHIN_MS = 2_000;
const READ_WITHIN_MS = 5_000;
const STOP_WITHIN_MS = 250;
const MOST_HEADER_BYTES = 8 * 1024;
/** Of those who have not asked yet, and of those who have. */
const MOST_CONNECTIONS = 250;
const MOST_MS_PER_TURN = 1;

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
  const turns = createTurns();
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

/** The connection stays open for as long as whoever answers likes, who sees to it that there are not too many. A client that says more is ended. */
export function keepOpen(response: ServerResponse): void {
  connectionOf(response).keep();
}

/** The body goes only to those who ask by GET. */
export function answerWith(
  response: ServerResponse,
  code: number,
  body: object,
  headers: Readonly<Record<string, string>> = {},
): void {
  const text = response.req.method === 'OPTIONS' ? '' : `${JSON.stringify(body)}\n`;
  response.writeHead(code, {
    ...(response.req.method === 'OPTIONS' && { allow: ASKS.join(', ') }),
    'content-type': 'application/json',
    'content-length': Buffer.byteLength(text),
    'cache-control': 'no-store',
    ...headers,
  });
  response.end(text);
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

/** Of one client: its socket, of which the parser sees one request, and the next when that one is answered. */
class Connection extends Duplex {
  readonly #socket: Socket;
  readonly #turns: Turns;
  /** What came, and was not handed on yet. */
  #held: Buffer = Buffer.alloc(0);
  #state: 'asks' | 'waits' | 'is-answered' | 'kept' = 'asks';
  #isIdle = false;
  #hasEnded = false;
  #isLeaving = false;
  #deadline: NodeJS.Timeout | undefined;

  constructor(socket: Socket, turns: Turns) {
    super({ decodeStrings: false });
    this.#socket = socket;
    this.#turns = turns;
    this.#within(ASKED_WITHIN_MS);
    socket.on('data', (chunk: Buffer) => this.#take(chunk));
    socket.on('end', () => this.#end());
    socket.on('close', () => this.destroy());
    socket.on('error', () => undefined); // its end follows
  }

  get isKept(): boolean {
    return this.#state === 'kept';
  }

  /** The parser has found a request in what it was handed. */
  isRead(): void {
    this.#state = 'is-answered';
  }

  answered(idleMs: number): void {
    if (this.destroyed || this.writableEnded) return;
    this.#state = 'asks';
    if (this.#isLeaving) return this.#socket.destroySoon();
    this.#isIdle = true;
    this.#within(idleMs);
    if (this.#held.length > 0) this.#begin();
    this.#look();
  }

  keep(): void {
    this.#state = 'kept';
    clearTimeout(this.#deadline);
    if (this.#held.length > 0 || this.#hasEnded) this.destroy();
    else this.#socket.resume();
  }

  /** As soon as nothing is owed to it any more. */
  leave(): void {
    this.#isLeaving = true;
    if (this.#state === 'asks') this.destroy();
  }

  #take(chunk: Buffer): void {
    if (this.#state === 'kept') return void this.destroy();
    this.#held = this.#held.length === 0 ? chunk : Buffer.concat([this.#held, chunk]);
    if (this.#isIdle) this.#begin();
    this.#look();
  }

  /** Of a request that follows another one. */
  #begin(): void {
    this.#isIdle = false;
    this.#within(ASKED_WITHIN_MS);
  }

  #end(): void {
    this.#hasEnded = true;
    if (this.#state === 'kept') this.destroy();
    else this.#look();
  }

  #look(): void {
    if (this.#state !== 'asks') return void this.#socket.pause();
    const end = endOfRequest(this.#held);
    const isTooLong = (end ?? this.#held.length) > MOST_HEADER_BYTES;
    if (end === undefined && !isTooLong)
      return this.#hasEnded ? this.#socket.destroySoon() : void this.#socket.resume();
    this.#state = 'waits';
    this.#socket.pause();
    this.#within(READ_WITHIN_MS);
    if (isTooLong) return refuse(this);
    this.#turns.take(() => {
      const request = this.#held.subarray(0, end);
      this.#held = this.#held.subarray(end);
      if (this.destroyed) return;
      this.push(request);
      // Neither a request nor a mistake: the parser waits for more of what is nothing for us.
      if (this.#state === 'waits') refuse(this);
    });
  }

  #within(ms: number): void {
    clearTimeout(this.#deadline);
    this.#deadline = setTimeout(() => this.destroy(), ms);
  }

  /** What there is is handed on by `#look`. */
  override _read(): void {
    return;
  }

  override _write(
    chunk: string | Buffer,
    encoding: BufferEncoding,
    done: (error?: Error | null) => void,
  ): void {
    if (typeof chunk === 'string') this.#socket.write(chunk, encoding, done);
    else this.#socket.write(chunk, done);
  }

  override _writev(
    chunks: readonly { readonly chunk: string | Buffer; readonly encoding: BufferEncoding }[],
    done: (error?: Error | null) => void,
  ): void {
    this.#socket.cork();
    for (const [i, { chunk, encoding }] of chunks.entries())
      this._write(chunk, encoding, i === chunks.length - 1 ? done : () => undefined);
    this.#socket.uncork();
  }

  override _final(done: () => void): void {
    this.#socket.destroySoon();
    done();
  }

  override _destroy(_: Error | null, done: (error?: Error | null) => void): void {
    clearTimeout(this.#deadline);
    this.#socket.destroy();
    done();
  }
}

function connectionOf({ socket }: ServerResponse): Connection {
  const connection: unknown = socket;
  if (!(connection instanceof Connection)) throw new Error('a response without its connection');
  return connection;
}

/** Behind the first empty line; a body is in the way of the request that follows, which is none of ours then. */
function endOfRequest(bytes: Buffer): number | undefined {
  const most = bytes.subarray(0, MOST_HEADER_BYTES + 1);
  const usual = most.indexOf('\n\r\n');
  const short = most.subarray(0, usual < 0 ? most.length : usual + 1).indexOf('\n\n');
  if (short >= 0) return short + 2;
  return usual < 0 ? undefined : usual + 3;
}

const MALFORMED = JSON.stringify({ code: 'REQUEST_MALFORMED', text: ERRORS.REQUEST_MALFORMED });
const REFUSAL = [
  ...['HTTP/1.1 400 Bad Request', 'connection: close', 'content-type: application/json'],
  ...[`content-length: ${MALFORMED.length}`, '', MALFORMED],
].join('\r\n');

function refuse(connection: Duplex): void {
  if (connection.writable) connection.end(REFUSAL);
  else if (!connection.writableEnded) connection.destroy();
}

interface Turns {
  take(work: () => void): void;
  /** Somebody new is there, and Node lets in one between two turns: the next one is as short as can be. */
  hurry(): void;
}

/** Works one off after the other, and lets others go first when that has taken a while. */
function createTurns(): Turns {
  const waiting: (() => void)[] = [];
  let isComing = false;
  let isHurried = false;
  function comeBack(): void {
    if (isComing || waiting.length === 0) return;
    isComing = true;
    setImmediate(workOff);
  }
  function workOff(): void {
    isComing = false;
    const until = performance.now() + (isHurried ? 0 : MOST_MS_PER_TURN);
    isHurried = false;
    do waiting.shift()?.();
    while (waiting.length > 0 && performance.now() < until);
    comeBack();
  }
  return {
    take(work) {
      waiting.push(work);
      comeBack();
    },
    hurry() {
      isHurried = true;
    },
  };
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
