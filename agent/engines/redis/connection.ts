/**
 * Sessions on the local server. One lives as long as the server does: it is there already when every further one is refused. A session that
 * does not answer in time is cut off, because nothing can be known about it any more; none is ever made again behind our back.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { createClient, ErrorReply } from '@redis/client';
import type { RedisConfig } from '#agent/config.js';
import { type Tls, tlsOptions } from '#agent/engines/redis/dial.js';
import type { Answer, Sessions } from '#agent/engines/session.js';

/** As the server says it, in the older protocol: texts, numbers and lists. */
export type Reply = string | number | null | readonly Reply[];
export type Command = readonly [string, ...(readonly string[])];

export interface Connection extends Sessions {
  /** One command on the long-lived session; rejects at the deadline, and when there is no session. */
  send(command: Command, timeoutMs?: number): Promise<Reply>;
  /** All of them, with nobody else's between them. Rejects when one of them failed; the others may have been done. */
  transact(commands: readonly Command[], timeoutMs?: number, lead?: Lead): Promise<readonly Reply[]>;
}

/** What goes in front of a transaction: others may come between, and nothing of this session's. Whether the server does it, nobody asks. */
export interface Lead {
  readonly command: Command;
  /** How long after its answer the transaction follows. */
  readonly passMs: number;
}

export class NoSession extends Error {
  override readonly name = 'NoSession';
}

const ANSWER_WITHIN_MS = 5_000;
/** Nobody listens on the address; or who did is just going. */
const NOBODY_LISTENS = ['ECONNREFUSED', 'ENOENT', 'ECONNRESET', 'EPIPE'];

/** The driver makes a class for each client that is made from nothing, which takes a millisecond; this one is never connected. */
const TEMPLATE = createClient({ RESP: 2, disableOfflineQueue: true, disableClientInfo: true });

export interface Address {
  readonly host: string;
  readonly port: number;
  readonly tls: Tls;
  readonly user: string | undefined;
  readonly password: string | undefined;
}

export interface OwnSession {
  send(command: Command): Promise<Reply>;
  /** At once, whatever it is about. */
  cut(): void;
}

/** One more session, which the server has let in; rejects when there is none in time. `lost`: it has ended. */
export async function openSession(
  { host, port, tls, user, password }: Address,
  timeoutMs: number,
  lost: () => void = () => undefined,
): Promise<OwnSession> {
  const secured = tlsOptions(tls);
  const client = TEMPLATE.duplicate({
    socket: {
      ...{ host, port, connectTimeout: Math.ceil(timeoutMs), reconnectStrategy: false, noDelay: true },
      ...(secured !== undefined && { ...secured, tls: true }),
    },
    ...(user !== undefined && { username: user }),
    ...(password !== undefined && { password }),
  });
  client.on('error', lost);
  client.on('end', lost);
  const cut = (): void => {
    if (client.isOpen) client.destroy();
  };
  const send = (command: Command): Promise<Reply> => client.sendCommand<Reply>([...command]);
  let timer: NodeJS.Timeout | undefined;
  const tooLate = new Promise<never>((_, reject) => {
    timer = setTimeout(() => reject(new Error(`no answer within ${Math.round(timeoutMs)} ms`)), timeoutMs);
  });
  const greeted = client.connect().then(() => send(['PING']));
  greeted.catch(() => undefined);
  try {
    await Promise.race([greeted, tooLate]);
    return { send, cut };
  } catch (error) {
    cut();
    throw error;
  } finally {
    clearTimeout(timer);
  }
}

export function createConnection(config: RedisConfig, onLost: () => void): Connection {
  let session: OwnSession | undefined;
  let connecting: Promise<Answer> | undefined;
  /** Whoever comes meanwhile waits until it is over. */
  let leading: Promise<void> | undefined;

  async function connectNow(timeoutMs: number): Promise<Answer> {
    try {
      // It may end before it is ours.
      const state: { isOver: boolean; mine: OwnSession | undefined } = { isOver: false, mine: undefined };
      const mine = await openSession(config, timeoutMs, () => {
        state.isOver = true;
        cutOff(state.mine);
      });
      state.mine = mine;
      if (state.isOver) return { kind: 'silent', text: 'the session ended at once' };
      session = mine;
      return { kind: 'ready' };
    } catch (error) {
      return answerOf(error);
    }
  }

  function cutOff(mine: OwnSession | undefined): void {
    mine?.cut();
    if (mine === undefined || session !== mine) return;
    session = undefined;
    onLost();
  }

  async function inTime<T>(timeoutMs: number, ask: (mine: OwnSession) => Promise<T>): Promise<T> {
    const mine = session;
    if (mine === undefined) throw new NoSession('there is no session on the server');
    let timer: NodeJS.Timeout | undefined;
    const tooLate = new Promise<never>((_, reject) => {
      timer = setTimeout(() => {
        cutOff(mine);
        reject(new Error(`no answer within ${Math.round(timeoutMs)} ms`));
      }, timeoutMs);
    });
    try {
      const answer = leading === undefined ? ask(mine) : leading.then(() => ask(mine));
      answer.catch(() => undefined); // whoever is too late for it has been told so
      return await Promise.race([answer, tooLate]);
    } finally {
      clearTimeout(timer);
    }
  }

  /** Resolves when it is time for what follows, with what lets everybody else go on. */
  async function goAhead(mine: OwnSession, { command, passMs }: Lead): Promise<() => void> {
    let follow: () => void = () => undefined;
    leading = new Promise((resolve) => {
      follow = () => {
        leading = undefined;
        resolve();
      };
    });
    await mine.send(command).catch(() => undefined);
    await sleep(passMs);
    return follow;
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
        (await openSession(config, timeoutMs)).cut();
        return { kind: 'ready' };
      } catch (error) {
        return answerOf(error);
      }
    },
    send: (command, timeoutMs = ANSWER_WITHIN_MS) => inTime(timeoutMs, (mine) => mine.send(command)),
    transact: (commands, timeoutMs = ANSWER_WITHIN_MS, lead) =>
      inTime(timeoutMs, async (mine) => {
        const follow = lead === undefined ? undefined : await goAhead(mine, lead);
        // Handed over in one go: nothing of ours comes between them either.
        const said = [['MULTI'] as const, ...commands, ['EXEC'] as const].map((command) =>
          mine.send(command),
        );
        follow?.();
        const settled = await Promise.allSettled(said);
        const refused = settled.find(({ status }) => status === 'rejected');
        if (refused?.status === 'rejected') throw refused.reason as Error;
        const last = settled.at(-1);
        const replies = last?.status === 'fulfilled' && Array.isArray(last.value) ? last.value : [];
        const failed: unknown = replies.find((reply: unknown) => reply instanceof Error);
        if (failed instanceof Error) throw failed;
        return replies as readonly Reply[];
      }),
    close() {
      const mine = session;
      session = undefined;
      mine?.cut();
    },
  };
}

/** The word by which the server's own answers begin: READONLY, MISCONF, LOADING; undefined: it is none of its answers. */
export function errorWord(error: unknown): string | undefined {
  return error instanceof ErrorReply ? /^[A-Z]+/.exec(error.message)?.[0] : undefined;
}

function answerOf(error: unknown): Answer {
  const text = error instanceof Error ? error.message : String(error);
  const word = errorWord(error);
  // Busy with a script: whether it ever serves anybody again, that does not tell.
  if (word === 'BUSY') return { kind: 'silent', text };
  if (word !== undefined) return { kind: word === 'LOADING' ? 'changing' : 'refused', text };
  const code = (error as { code?: unknown }).code;
  return { kind: NOBODY_LISTENS.includes(String(code)) ? 'absent' : 'silent', text };
}
