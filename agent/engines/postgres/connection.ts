/**
 * Sessions on the local server. One lives as long as the server does: it is there already when every further one is
 * refused. A session that does not answer in time is cut off, because nothing can be known about it any more.
 */
import { Socket } from 'node:net';
import { Client, DatabaseError, type QueryResultRow } from 'pg';
import type { PostgresConfig } from '#agent/config.js';
import type { Answer, Sessions } from '#agent/engines/session.js';

/** SQLSTATE of a server that starts, stops, or recovers. */
const NOT_NOW = '57P03';

/** SQLSTATEs of a session that was ended before it was let in, by an administrator (a guard's fence is one) or by a crash: no word against its user. */
const ENDED = ['57P01', '57P02'];

/** What a query rejected with was the server's word on it, not the session's end. */
export const isAnswer = (error: unknown): boolean =>
  error instanceof DatabaseError && !ENDED.includes(error.code ?? '');

export interface Connection extends Sessions {
  /** One statement on the long-lived session; rejects at the deadline, and when there is no session. */
  query<Row extends QueryResultRow>(sql: string, options?: QueryOptions): Promise<Row[]>;
  /** Begins a commit that waits for whom the server's settings say, on a session of its own. */
  commitAside(timeoutMs: number): Promise<AsideCommit>;
}

export interface AsideCommit {
  readonly pid: number;
  /** Acknowledged, or ended in another way. */
  isOver(): boolean;
  /** Gives the connection up; the server's process may go on waiting. */
  close(): void;
}

export interface QueryOptions {
  readonly values?: readonly (string | number | boolean)[];
  readonly timeoutMs?: number;
  /** Prepared under this name. */
  readonly name?: string;
}

export class NoSession extends Error {
  override readonly name = 'NoSession';
}

const QUERY_WITHIN_MS = 5_000;

/** Tanist's own statements hang on no lock, and no setting of the database or the user gets in their way. */
export const SESSION_OPTIONS = [
  'lock_timeout=1000',
  'statement_timeout=0',
  'idle_session_timeout=0',
  'default_transaction_read_only=off',
  'default_transaction_isolation=read\\ committed',
  'search_path=pg_catalog',
  'jit=off',
]
  .map((setting) => `-c ${setting}`)
  .join(' ');

/** Its own writes wait for nobody (rule S3). Set, and no option, so that the server can still be asked what others have (lowered.ts). */
const WAIT_FOR_NOBODY = 'set synchronous_commit = local';

export function createConnection(config: PostgresConfig, onLost: () => void): Connection {
  let session: Session | undefined;
  let connecting: Promise<Answer> | undefined;

  async function connectNow(timeoutMs: number): Promise<Answer> {
    const dialled = await dial(config, timeoutMs);
    if (!('session' in dialled)) return dialled;
    const mine = dialled.session;
    session = mine;
    mine.client.once('end', () => {
      if (session !== mine) return;
      session = undefined;
      onLost();
    });
    return { kind: 'ready' };
  }

  return {
    isReady: () => session !== undefined,
    async connect(timeoutMs) {
      if (session !== undefined) return { kind: 'ready' };
      connecting ??= connectNow(timeoutMs).finally(() => (connecting = undefined));
      return connecting;
    },
    async tryLogin(timeoutMs) {
      const dialled = await dial(config, timeoutMs);
      if (!('session' in dialled)) return dialled;
      void dialled.session.client.end().catch(() => undefined);
      return { kind: 'ready' };
    },
    async query<Row extends QueryResultRow>(
      sql: string,
      { values = [], timeoutMs = QUERY_WITHIN_MS, name }: QueryOptions = {},
    ) {
      const mine = session;
      if (mine === undefined) throw new NoSession('there is no session on the server');
      const timer = setTimeout(
        () => mine.socket.destroy(new Error(`no answer within ${Math.round(timeoutMs)} ms`)),
        timeoutMs,
      );
      try {
        const query = { text: sql, values: [...values], ...(name !== undefined && { name }) };
        const answer = mine.turn.then(() => mine.client.query<Row>(query));
        mine.turn = answer.catch(() => undefined);
        return (await answer).rows;
      } finally {
        clearTimeout(timer);
      }
    },
    async commitAside(timeoutMs) {
      const dialled = await dial(config, timeoutMs);
      if (!('session' in dialled))
        throw new NoSession('kind' in dialled && dialled.kind !== 'ready' ? dialled.text : 'none');
      const { client, socket } = dialled.session;
      const timer = setTimeout(() => socket.destroy(new Error('no answer in time')), timeoutMs);
      try {
        await client.query('set synchronous_commit = on');
        const { rows } = await client.query<{ pid: number }>('select pg_backend_pid() as pid');
        let isOver = false;
        const end = (): void => {
          isOver = true;
        };
        client.query(`select pg_logical_emit_message(true, 'tanist', '')`).then(end, end);
        return { pid: rows[0]?.pid ?? 0, isOver: () => isOver, close: () => void socket.destroy() };
      } finally {
        clearTimeout(timer);
      }
    },
    close() {
      const mine = session;
      session = undefined;
      mine?.socket.destroy();
    },
  };
}

interface Session {
  readonly client: Client;
  /** Settles when the last statement that was asked for has ended: a client takes one at a time. */
  turn: Promise<unknown>;
  /** Ours, since a client's own end() waits for a server that may be stopped. */
  readonly socket: Socket;
}

export interface OwnSession {
  readonly client: Client;
  /** At once, whatever it is about. */
  close(): void;
}

/** One more session, in any database; rejects when there is none in time. */
export async function openSession(
  config: PostgresConfig,
  { database, settings, timeoutMs }: { database: string; settings: readonly string[]; timeoutMs: number },
): Promise<OwnSession> {
  const dialled = await dial({ ...config, database }, timeoutMs, settings);
  if ('session' in dialled) {
    const { client, socket } = dialled.session;
    return { client, close: () => void socket.destroy() };
  }
  throw new NoSession(`${database}: ${dialled.kind === 'ready' ? 'no session' : dialled.text}`);
}

async function dial(
  config: PostgresConfig,
  timeoutMs: number,
  settings: readonly string[] = [],
): Promise<Answer | { readonly session: Session }> {
  const socket = new Socket();
  const client = new Client({
    host: config.host,
    port: config.port,
    user: config.user,
    database: config.database,
    ...(config.password !== undefined && { password: config.password }),
    application_name: 'tanist',
    options: [SESSION_OPTIONS, ...settings].join(' '),
    keepAlive: false,
    stream: () => socket,
  });
  let lastWord: unknown;
  client.on('error', (error) => (lastWord = error)); // the session's end follows, and tells
  const timer = setTimeout(
    () => socket.destroy(new Error(`no answer within ${Math.round(timeoutMs)} ms`)),
    timeoutMs,
  );
  try {
    await client.connect();
    await client.query(WAIT_FOR_NOBODY);
    return { session: { client, socket, turn: Promise.resolve() } };
  } catch (error) {
    socket.destroy();
    // What the server said at the end goes before what that made of our statement.
    const word = lastWord ?? error;
    if (word instanceof DatabaseError && word.code !== undefined) {
      const isChanging = word.code === NOT_NOW || ENDED.includes(word.code);
      return { kind: isChanging ? 'changing' : 'refused', text: word.message };
    }
    return { kind: 'silent', text: word instanceof Error ? word.message : String(word) };
  } finally {
    clearTimeout(timer);
  }
}
