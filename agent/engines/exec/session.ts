/**
 * An agent has no session on a server behind a script: each status is a process of its own, that logs in anew. So what stands for the session is
 * the newest status that came back from a server that serves, and a further login is proved by the next one.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { TanistError } from '#core/errors.js';
import type { Answer, Sessions } from '#agent/engines/session.js';
import type { Status } from '#agent/engines/exec/protocol.js';

export interface Looks extends Sessions {
  /** A status that the observer asks for: it proves logins, too. */
  look(mayWrite: boolean): Promise<Status>;
}

export function createLooks(ask: (mayWrite: boolean) => Promise<Status>): Looks {
  let isReady = false;
  /** Those that wait for a status that is begun after them. */
  let waiting: ((answer: Answer) => void)[] = [];

  async function look(mayWrite: boolean): Promise<Status> {
    const proved = waiting;
    waiting = [];
    try {
      const status = await ask(mayWrite);
      for (const tell of proved) tell(answerOf(status));
      return status;
    } catch (error) {
      for (const tell of proved) tell(answerTo(error));
      throw error;
    }
  }

  return {
    look,
    isReady: () => isReady,
    async connect(timeoutMs) {
      const answer = await Promise.race([
        look(false).then(answerOf, answerTo),
        sleep(timeoutMs, SILENT, { ref: false }),
      ]);
      if (answer.kind === 'ready') isReady = true;
      return answer;
    },
    tryLogin: (timeoutMs) =>
      Promise.race([
        new Promise<Answer>((resolve) => waiting.push(resolve)),
        sleep(timeoutMs, SILENT, { ref: false }),
      ]),
    close: () => (isReady = false),
  };
}

const SILENT: Answer = { kind: 'silent', text: 'no status came back' };

function answerOf({ state }: Status): Answer {
  if (state === 'running') return { kind: 'ready' };
  return { kind: state === 'changing' ? 'changing' : 'absent', text: `the server is ${state}` };
}

/** A script that says why not has been answered itself; one that says nothing proves nothing. */
function answerTo(error: unknown): Answer {
  const text = error instanceof Error ? error.message : String(error);
  const isRefusal = error instanceof TanistError && error.code === 'DATABASE_REFUSED';
  return { kind: isRefusal ? 'refused' : 'silent', text };
}
