/**
 * An agent's connection to one guard. Its end is how the death of a guard is known, at once. A guard that is stopped keeps its
 * connections, so one that leaves a message unanswered is taken for dead, and ended: woken later, it would act on old orders.
 */
import { statSync } from 'node:fs';
import type { Socket } from 'node:net';
import { setTimeout as sleep } from 'node:timers/promises';
import { onLines } from '#agent/adapters/guard/lines.js';
import {
  type FromAgent,
  type Hello,
  type Holds,
  type SentOrder,
  decodeFromGuard,
  encode,
} from '#agent/adapters/guard/messages.js';

export interface Link {
  hello(): Hello | undefined;
  /** What the guard said last that it holds. */
  order(): SentOrder | undefined;
  isStanding(): boolean;
  send(message: FromAgent): void;
  /** True once the guard has answered as wanted, false when it did not in time or the connection has ended. */
  until(isWanted: () => boolean, withinMs: number): Promise<boolean>;
  /** Resolves with the reason when the connection has ended. */
  readonly closed: Promise<string>;
  /** Ends the connection: what was sent has arrived. */
  leave(): Promise<void>;
  /** Resolves when the guard is gone, by SIGKILL if need be. */
  dismiss(): Promise<void>;
}

const ANSWER_WITHIN_MS = 2_000;
const LEAVE_WITHIN_MS = 500;

/** `onAnswer` is told whatever the guard says. */
export function createLink(socket: Socket, stateDir: string, onAnswer: (link: Link) => void): Link {
  let hello: Hello | undefined;
  let holds: Holds | undefined;
  let because = 'it ended';
  /** Answers that are still to come: one for the connection itself, then one for each message. */
  let owed = 1;
  let patience: NodeJS.Timeout | undefined;
  const waiting = new Set<() => void>();

  const closed = new Promise<string>((resolve) => {
    socket.once('close', () => {
      clearTimeout(patience);
      for (const look of waiting) look();
      resolve(because);
    });
  });
  socket.on('error', (error) => (because = error.message));
  socket.once('end', () => socket.destroy());

  onLines(socket, (line) => {
    const message = decodeFromGuard(line);
    if (message === undefined) return void socket.destroy(new Error('it says what is not understood'));
    if (message.kind === 'hello') hello = message;
    else {
      holds = message;
      owed -= 1;
      expectAnswer();
    }
    for (const look of waiting) look();
    onAnswer(link);
  });

  function expectAnswer(): void {
    clearTimeout(patience);
    if (owed <= 0) return;
    // Looked at after whatever has arrived was read: an agent that was itself stopped finds the answer there.
    const mine = setTimeout(
      () => setImmediate(() => patience === mine && owed > 0 && giveUp()),
      ANSWER_WITHIN_MS,
    );
    patience = mine;
  }

  function giveUp(): void {
    kill();
    socket.destroy(new Error(`it gave no answer within ${ANSWER_WITHIN_MS} ms`));
  }

  /** A pid means little by itself; our guard is a process that runs in this folder. */
  function kill(): void {
    if (hello === undefined) return;
    try {
      const [cwd, folder] = [statSync(`/proc/${hello.pid}/cwd`), statSync(stateDir)];
      if (cwd.ino === folder.ino && cwd.dev === folder.dev) process.kill(hello.pid, 'SIGKILL');
    } catch {
      // gone already
    }
  }

  const endsInTime = (): Promise<boolean> =>
    Promise.race([closed.then(() => true), sleep(LEAVE_WITHIN_MS, false, { ref: false })]);

  const link: Link = {
    hello: () => hello,
    order: () => holds?.order,
    isStanding: () => holds?.standing === true,
    send(message) {
      if (socket.destroyed || socket.writableEnded) return;
      socket.write(encode(message));
      owed += 1;
      if (owed === 1) expectAnswer();
    },
    until(isWanted, withinMs) {
      return new Promise((resolve) => {
        const settle = (answer: boolean): void => {
          waiting.delete(look);
          clearTimeout(timer);
          resolve(answer);
        };
        const look = (): void => {
          if (isWanted()) settle(true);
          else if (socket.destroyed) settle(false);
        };
        const timer = setTimeout(() => settle(false), withinMs);
        waiting.add(look);
        look();
      });
    },
    closed,
    async leave() {
      socket.end();
      await endsInTime();
      socket.destroy();
    },
    async dismiss() {
      link.send({ kind: 'dismiss' });
      if (!(await endsInTime())) kill();
      await endsInTime();
      socket.destroy();
    },
  };
  return link;
}
