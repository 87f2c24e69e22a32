/**
 * A client's connection, as the HTTP parser sees it: one request, and the next when that one is answered. What comes beyond that waits in the kernel, where it
 * costs nobody anything; who does not ask, read or go in time is ended.
 */
import type { ServerResponse } from 'node:http';
import type { Socket } from 'node:net';
import { Duplex } from 'node:stream';
import { ERRORS } from '#core/errors.js';
import type { Turns } from '#common/turns.js';

/** A request is one short line and some headers. */
const ASKED_WITHIN_MS = 2_000;
const READ_WITHIN_MS = 5_000;
export const MOST_HEADER_BYTES = 8 * 1024;

export class Connection extends Duplex {
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
    this.#turns.add(() => {
      const request = this.#held.subarray(0, end);
      this.#held = this.#held.subarray(end);
      if (this.destroyed) return false;
      this.push(request);
      // Neither a request nor a mistake: the parser waits for more of what is nothing for us.
      if (this.#state === 'waits') refuse(this);
      return false;
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

export function connectionOf({ socket }: ServerResponse): Connection {
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

export function refuse(connection: Duplex): void {
  if (connection.writable) connection.end(REFUSAL);
  else if (!connection.writableEnded) connection.destroy();
}

/** The connection stays open for as long as whoever answers likes, who sees to it that there are not too many. A client that says more is ended. */
export function keepOpen(response: ServerResponse): void {
  connectionOf(response).keep();
}
