/** The little of Tarantool's protocol that clients here speak: a greeting, a login, and calls. Values are MessagePack. */
import { createHash } from 'node:crypto';
import { connect as connectSocket, type Socket } from 'node:net';
import { decodeMulti, encode } from '@msgpack/msgpack';

export interface TarantoolDoor {
  readonly host: string;
  readonly port: number;
  readonly user: string;
  readonly password: string;
}

export interface TarantoolConnection {
  /** A stored function's results. Rejects with a TarantoolError where the server says why not, and with another where it says nothing. */
  call(name: string, ...args: readonly unknown[]): Promise<readonly unknown[]>;
  /** The same of a text in Lua; asks for the rights of an administrator. */
  run(lua: string, ...args: readonly unknown[]): Promise<readonly unknown[]>;
  onceEnded(listener: () => void): void;
  /** Whatever is waited for rejects. */
  end(): void;
}

export class TarantoolError extends Error {
  override readonly name = 'TarantoolError';
  readonly code: number;

  constructor(code: number, text: string) {
    super(text);
    this.code = code;
  }
}

const GREETING_BYTES = 128;
const SALT = { line: 64, length: 44 };
const SCRAMBLE_BYTES = 20;
const TYPE = { auth: 7, run: 8, call: 10 };
const KEY = {
  type: 0x00,
  sync: 0x01,
  tuple: 0x21,
  name: 0x22,
  user: 0x23,
  lua: 0x27,
  data: 0x30,
  error: 0x31,
};
const IS_ERROR = 0x8000;

interface Waiting {
  keep(data: readonly unknown[]): void;
  fail(error: Error): void;
}

type Numbered = Readonly<Record<number, unknown>>;

/** Rejects where nobody lets it in; whoever gets tired of waiting leaves it. */
export function connectTarantool(door: TarantoolDoor, tired: AbortSignal): Promise<TarantoolConnection> {
  const socket = connectSocket({ host: door.host, port: door.port, noDelay: true });
  const waiting = new Map<number, Waiting>();
  let asked = 0;
  let received = Buffer.alloc(0);
  let greeted: ((salt: Buffer) => void) | undefined;

  function ask(type: number, ...body: readonly (readonly [number, unknown])[]): Promise<readonly unknown[]> {
    asked += 1;
    const sync = asked;
    const header = mapOf([
      [KEY.type, type],
      [KEY.sync, sync],
    ]);
    const packet = Buffer.concat([header, mapOf(body)]);
    return new Promise((keep, fail) => {
      if (socket.destroyed) return fail(new Error('the connection has ended'));
      waiting.set(sync, { keep, fail });
      socket.write(Buffer.concat([encode(packet.length), packet]));
    });
  }

  function takeAnswers(): void {
    // The server always writes a length in five bytes.
    while (received.length >= 5 && received.length >= 5 + received.readUInt32BE(1)) {
      const end = 5 + received.readUInt32BE(1);
      const [header, body = {}] = [...decodeMulti(received.subarray(5, end))] as [Numbered, Numbered?];
      received = received.subarray(end);
      const one = waiting.get(header[KEY.sync] as number);
      waiting.delete(header[KEY.sync] as number);
      const status = header[KEY.type] as number;
      if (status === 0) one?.keep((body[KEY.data] ?? []) as readonly unknown[]);
      else one?.fail(new TarantoolError(status - IS_ERROR, String(body[KEY.error])));
    }
  }

  socket.on('data', (data) => {
    received = Buffer.concat([received, data]);
    if (greeted === undefined) return takeAnswers();
    if (received.length < GREETING_BYTES) return;
    const salt = received.subarray(SALT.line, SALT.line + SALT.length).toString('latin1');
    received = received.subarray(GREETING_BYTES);
    greeted(Buffer.from(salt, 'base64'));
    greeted = undefined;
  });
  const ended = onceEnded(socket, () => {
    for (const { fail } of waiting.values()) fail(new Error('the connection has ended'));
    waiting.clear();
  });
  tired.addEventListener('abort', () => socket.destroy());

  const salted = new Promise<Buffer>((resolve, reject) => {
    greeted = resolve;
    void ended.then(() => reject(new Error('nobody lets it in')));
  });
  return salted.then(async (salt) => {
    const proof = ['chap-sha1', scramble(door.password, salt)];
    await ask(TYPE.auth, [KEY.user, door.user], [KEY.tuple, proof]);
    return {
      call: (name, ...args) => ask(TYPE.call, [KEY.name, name], [KEY.tuple, args]),
      run: (lua, ...args) => ask(TYPE.run, [KEY.lua, lua], [KEY.tuple, args]),
      onceEnded: (listener) => void ended.then(listener),
      end: () => socket.destroy(),
    };
  });
}

function onceEnded(socket: Socket, first: () => void): Promise<void> {
  socket.on('error', () => undefined); // it closes, too
  return new Promise((resolve) => {
    socket.once('close', () => {
      first();
      resolve();
    });
  });
}

/** Up to 15 keys, which are small numbers. */
const mapOf = (entries: readonly (readonly [number, unknown])[]): Buffer =>
  Buffer.concat([
    Buffer.from([0x80 | entries.length]),
    ...entries.flatMap(([key, value]) => [Buffer.from([key]), encode(value)]),
  ]);

function scramble(password: string, salt: Buffer): Buffer {
  const sha1 = (...parts: readonly (string | Buffer)[]): Buffer =>
    parts.reduce((hash, part) => hash.update(part), createHash('sha1')).digest();
  const once = sha1(password);
  const salted = sha1(salt.subarray(0, SCRAMBLE_BYTES), sha1(once));
  return Buffer.from(once.map((byte, i) => byte ^ (salted[i] ?? 0)));
}
