/**
 * Sessions on the local server. One lives as long as the server does: it is there already when every further one is refused. A session that
 * does not answer in time is cut off, because nothing can be known about it any more.
 */
import { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { type Connection as Client, createConnection as dialServer, SqlError } from 'mariadb';
import type { Answer, Sessions } from '#agent/engines/session.js';

export interface Connection extends Sessions {
  /** One statement on the long-lived session; rejects at the deadline, and when there is no session. */
  query<Row>(sql: string, options?: QueryOptions): Promise<Row[]>;
}

export interface QueryOptions {
  readonly values?: readonly (string | number | bigint | null | readonly string[])[];
  readonly timeoutMs?: number;
}

export class NoSession extends Error {
  override readonly name = 'NoSession';
}

const QUERY_WITHIN_MS = 5_000;
/** The server is going down; nobody listens on the address, or on the socket. */
const SHUTTING_DOWN = [1053, 1077, 1079];
const NOBODY_LISTENS = ['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE'];

/** What the servers differ in. */
export interface Dialect {
  /** Run first on every session. */
  readonly session: readonly string[];
  readonly dial: Readonly<Record<string, unknown>>;
}

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly socket: string | undefined;
  readonly user: string;
  readonly password: string | undefined;
}

/** Ours, to be cut at once: the driver's own way asks the server first. What goes wrong with it after the driver has let it go is nobody's business. */
class OwnSocket extends Socket {
  override removeAllListeners(event?: string | symbol): this {
    super.removeAllListeners(event);
    return this.on('error', () => undefined);
  }
}

export interface OwnSession {
  readonly client: Client;
  /** At once, whatever it is about. */
  readonly cut: (because?: Error) => void;
  /** A command that the driver does not know, to a session that does nothing else and is cut after it. Ends with the first of the answer. */
  readonly command: (payload: Buffer) => Promise<void>;
}

/** One more session; rejects when there is none in time. */
export async function openSession(
  dialect: Dialect,
  address: Address,
  timeoutMs: number,
): Promise<OwnSession> {
  const { host, port, socket, user, password } = address;
  const stream = new OwnSocket().on('error', () => undefined);
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(timeoutMs)} ms`)), timeoutMs);
  });
  const dialled = dialServer({
    stream: (give) => {
      give(undefined, stream);
      if (socket === undefined) stream.connect(port, host);
      else stream.connect(socket);
    },
    ...{ user, ...(password !== undefined && { password }), connectTimeout: Math.ceil(timeoutMs) },
    ...{ insertIdAsNumber: true, bigIntAsNumber: false, keepAliveDelay: 0, trace: false },
    ...dialect.dial,
  });
  // One that comes too late is given up.
  dialled.then(
    (client) => client.on('error', () => undefined),
    () => undefined,
  );
  try {
    const client = await Promise.race([dialled, tooLate]);
    for (const statement of dialect.session) await Promise.race([client.query(statement), tooLate]);
    return {
      client,
      cut: (because) => void stream.destroy(because),
      command: async (payload) => {
        const head = Buffer.alloc(4); // three bytes of length, and the number of the packet: a command begins anew
        head.writeUIntLE(payload.length, 0, 3);
        const answered = new Promise<void>((resolve) => {
          for (const event of ['data', 'close'] as const) stream.prependOnceListener(event, () => resolve());
        });
        stream.write(Buffer.concat([head, payload]));
        await Promise.race([answered, after(timeoutMs)]);
      },
    };
  } catch (error) {
    stream.destroy();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

const after = (ms: number): Promise<void> => sleep(ms, undefined, { ref: false });

interface LongLived extends OwnSession {
  /** Statements go one after the other. */
  turn: Promise<unknown>;
  /** Those who wait for an answer. */
  readonly waiting: Set<(because: Error) => void>;
}

export function createConnection(dialect: Dialect, address: Address, onLost: () => void): Connection {
  let session: LongLived | undefined;
  let connecting: Promise<Answer> | undefined;

  async function connectNow(timeoutMs: number): Promise<Answer> {
    try {
      const own = await openSession(dialect, address, timeoutMs);
      const mine: LongLived = { ...own, turn: Promise.resolve(), waiting: new Set() };
      session = mine;
      for (const event of ['end', 'error'] as const) mine.client.on(event, () => cutOff(mine));
      return { kind: 'ready' };
    } catch (error) {
      return answerOf(error);
    }
  }

  /** The driver leaves whoever waits for an answer on a socket that we ended waiting for ever. */
  function end(mine: LongLived, because = new Error('the session has ended')): void {
    mine.cut(because);
    for (const giveUp of mine.waiting) giveUp(because);
  }

  function cutOff(mine: LongLived, because?: Error): void {
    end(mine, because);
    if (session !== mine) return;
    session = undefined;
    onLost();
  }

  return {
    isReady: () => session !== undefined,
    async connect(timeoutMs) {
      if (session !== undefined) return { kind: 'ready' };
      connecting ??= connectNow(timeoutMs).finally(() => (connecting = undefined));
      return connecting;
    },
    async tryLogin(timeoutMs) {
      try {
        const mine = await openSession(dialect, address, timeoutMs);
        mine.client.end().catch(() => mine.cut());
        return { kind: 'ready' };
      } catch (error) {
        return answerOf(error);
      }
    },
    async query<Row>(sql: string, { values = [], timeoutMs = QUERY_WITHIN_MS }: QueryOptions = {}) {
      const mine = session;
      if (mine === undefined) throw new NoSession('there is no session on the server');
      const answer = mine.turn.then(() => mine.client.query<Row[]>(sql, [...values]));
      mine.turn = answer.catch(() => undefined);
      let giveUp: (because: Error) => void = () => undefined;
      const over = new Promise<never>((_, reject) => (giveUp = reject));
      mine.waiting.add(giveUp);
      const timer = setTimeout(
        () => cutOff(mine, new Error(`no answer within ${Math.round(timeoutMs)} ms`)),
        timeoutMs,
      );
      try {
        return await Promise.race([answer, over]);
      } finally {
        clearTimeout(timer);
        mine.waiting.delete(giveUp);
      }
    },
    close() {
      const mine = session;
      session = undefined;
      if (mine !== undefined) end(mine);
    },
  };
}

/** Whether its session is still good for a question. */
export const answers = (connection: Connection): Promise<boolean> =>
  connection.query('select 1 as one').then(
    () => true,
    () => false,
  );

/** The server's own word, and not what the driver makes of an end or of its own limit. */
export const isAnswer = (error: unknown): error is SqlError =>
  error instanceof SqlError && !error.fatal && error.errno > 0 && error.errno < 40_000;

function answerOf(error: unknown): Answer {
  const text = error instanceof Error ? error.message : String(error);
  const cause = error instanceof Error && error.cause instanceof Error ? error.cause : error;
  const code = (cause as { code?: unknown }).code;
  if (error instanceof SqlError && error.errno > 0 && error.errno < 40_000)
    return { kind: SHUTTING_DOWN.includes(error.errno) ? 'absent' : 'refused', text };
  return { kind: NOBODY_LISTENS.includes(String(code)) ? 'absent' : 'silent', text };
}
