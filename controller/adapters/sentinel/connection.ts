/**
 * One connection: requests in, answers out in their order, and between them what it listens to. It reads on only when all that came is answered, answers on
 * only while what it said is taken, and works only while it is its turn: whatever a stranger sends, he is kept waiting himself.
 */
import type { Socket } from 'node:net';
import { after, type DurationMs, asDuration, type MonotonicMs } from '#core/brand.js';
import { answer } from '#controller/adapters/sentinel/commands.js';
import type { Message } from '#controller/adapters/sentinel/events.js';
import { type Reply, writeReply } from '#controller/adapters/sentinel/replies.js';
import {
  createRequestReader,
  LIMITS,
  LIMITS_OF_STRANGERS,
  type Request,
} from '#controller/adapters/sentinel/requests.js';
import { newSession, type Session, subscriptions } from '#controller/adapters/sentinel/session.js';
import type { View } from '#controller/adapters/sentinel/view.js';

export interface Connection {
  /** Answers until `until`, and says whether there is more to answer. */
  work(until: MonotonicMs): boolean;
  /** Passed on at its next turn, if it listens to any of them. */
  tell(messages: readonly Message[]): void;
  /** Ends it if what it should have said or taken by now is missing. */
  look(): void;
  /** How little it would be missed: 0 has said nothing yet, 1 waits for nothing, 2 listens. */
  rank(): 0 | 1 | 2;
  lastHeardAt(): MonotonicMs;
}

export interface ConnectionOptions {
  readonly id: number;
  readonly view: () => View;
  readonly now: () => MonotonicMs;
  /** It wants a turn. */
  readonly ready: () => void;
  readonly answered: () => void;
}

/** Whoever says nothing at first, or leaves off in the middle, or does not take what was said to him. */
const SAID_WITHIN: DurationMs = asDuration(5_000);
const TAKEN_WITHIN: DurationMs = asDuration(5_000);
/** What waits to be taken: above the first nothing more is answered, above the second it is ended. */
const MOST_UNTAKEN_BYTES = 64 * 1024;
const MOST_UNTAKEN_EVENT_BYTES = 256 * 1024;
/** A machine that is lost may take the leaders of hundreds of clusters with it. */
const MOST_MESSAGES = 5_000;

export function openConnection(socket: Socket, options: ConnectionOptions): Connection {
  const { view, now, ready, answered } = options;
  const reader = createRequestReader();
  let session: Session = newSession(options.id, !view().login.isNeeded);
  let messages: Message[] = [];
  let heardAt = now();
  let hasAsked = false;
  /** Since when it owes the rest of a request. */
  let halfSince: MonotonicMs | undefined = heardAt;
  let untakenSince: MonotonicMs | undefined;
  let hasEnded = false;

  socket.setNoDelay(true);
  socket.setKeepAlive(true, 60_000);
  socket.on('error', () => socket.destroy());
  socket.on('data', (piece: Buffer) => {
    socket.pause();
    reader.push(piece);
    ready();
  });
  socket.on('end', () => {
    hasEnded = true;
    ready();
  });
  socket.on('drain', () => {
    untakenSince = undefined;
    ready();
  });

  function say(text: string): void {
    if (text === '' || socket.destroyed) return;
    if (!socket.write(text, 'latin1')) untakenSince ??= now();
  }

  function close(lastWords: string): void {
    say(lastWords);
    halfSince ??= now();
    socket.destroySoon();
  }

  function tellMessages(): string {
    const waiting = messages;
    messages = [];
    const { channels, patterns, protocol } = session;
    let text = '';
    for (const { channel, text: said } of waiting) {
      if (channels.has(channel)) text += writeReply({ push: ['message', channel, said] }, protocol);
      for (const [pattern, matched] of patterns) {
        if (!matched.has(channel)) continue;
        text += writeReply({ push: ['pmessage', pattern, channel, said] }, protocol);
      }
    }
    return text;
  }

  function take(words: Request): { text: string; ends: boolean } {
    const outcome = answer(session, words, view());
    session = outcome.session;
    if (words.length > 0) answered();
    // An empty line, or a wrong password, is nothing that was said.
    hasAsked ||= session.isKnown && words.length > 0;
    if (hasAsked) halfSince = undefined;
    const write = (reply: Reply): string => writeReply(reply, session.protocol);
    return { text: outcome.replies.map(write).join(''), ends: outcome.ends };
  }

  return {
    work(until) {
      if (socket.destroyed || socket.writableEnded) return false;
      let text = tellMessages();
      while (true) {
        if (socket.writableLength + text.length > MOST_UNTAKEN_BYTES) {
          say(text);
          // Behind a drain, or at once where all of it could be handed on.
          return untakenSince === undefined;
        }
        const read = reader.next(session.isKnown ? LIMITS : LIMITS_OF_STRANGERS);
        if (read.kind === 'broken') {
          close(`${text}${writeReply({ error: read.text }, session.protocol)}`);
          return false;
        }
        if (read.kind === 'incomplete') break;
        heardAt = now();
        const { text: more, ends } = take(read.words);
        text += more;
        if (ends) {
          close(text);
          return false;
        }
        if (now() >= until) {
          say(text);
          return true;
        }
      }
      say(text);
      if (hasEnded) socket.end();
      else {
        if (reader.waiting() > 0) halfSince ??= now();
        socket.resume();
      }
      return false;
    },
    tell(told) {
      if (subscriptions(session) === 0) return;
      const isTooMuch = socket.writableLength > MOST_UNTAKEN_EVENT_BYTES;
      if (isTooMuch || messages.length + told.length > MOST_MESSAGES) return void socket.destroy();
      messages.push(...told);
      ready();
    },
    look() {
      const isLate = (from: MonotonicMs | undefined, within: DurationMs): boolean =>
        from !== undefined && now() >= after(from, within);
      if (isLate(halfSince, SAID_WITHIN) || isLate(untakenSince, TAKEN_WITHIN)) socket.destroy();
    },
    rank: () => (subscriptions(session) > 0 ? 2 : hasAsked ? 1 : 0),
    lastHeardAt: () => heardAt,
  };
}
