/** For drivers whose own timeouts end sessions that have nothing to do, or ask the server to keep the time. */
import { setTimeout as sleep } from 'node:timers/promises';

/** Rejects where there is no answer by then; what is asked goes on. */
export async function inTime<T>(answer: Promise<T>, withinMs: number): Promise<T> {
  const abandon = new AbortController();
  const tooLate = sleep(withinMs, undefined, { signal: abandon.signal }).then(() => {
    throw new Error(`no answer within ${withinMs} ms`);
  });
  try {
    return await Promise.race([answer, tooLate]);
  } finally {
    abandon.abort();
    // Whichever comes second is nobody's any more.
    tooLate.catch(() => undefined);
    answer.catch(() => undefined);
  }
}
