/**
 * Every step has a deadline, and a fence may end it at any moment. Steps look here before each thing they do and wait
 * only through here, so that nothing outlasts either.
 */
import { setTimeout as sleep } from 'node:timers/promises';
import { type DurationMs, type MonotonicMs, after, asDuration, earliest, since } from '#core/brand.js';
import { TanistError } from '#core/errors.js';

export interface Bounds {
  /** What is left of the time, at least 0. */
  left(): DurationMs;
  /** Throws when a fence has ended the step. */
  check(): void;
  /** Asks again and again until the answer is yes (true) or time is up (false). */
  until(condition: () => boolean | Promise<boolean>, everyMs: number): Promise<boolean>;
  /** The same, with an earlier end. */
  within(ms: number): Bounds;
}

/** A fence took over; what the step was about to do must not happen any more. */
export class Interrupted extends Error {
  override readonly name = 'Interrupted';
}

const LOOK_EVERY_MS = 5;

/** The outcome of work that knows no bounds of its own. What it still does when they are over is the caller's to end. */
export async function awaitWithin<T>(bounds: Bounds, work: Promise<T>): Promise<T> {
  let isOver = false;
  const end = (): void => {
    isOver = true;
  };
  work.then(end, end);
  if (await bounds.until(() => isOver, LOOK_EVERY_MS)) return work;
  throw new TanistError('ENGINE_FAILED', 'it took longer than it may');
}

export function boundBy(now: () => MonotonicMs, ms: number, signal: AbortSignal): Bounds {
  return boundAt(now, after(now(), asDuration(ms)), signal);
}

function boundAt(now: () => MonotonicMs, end: MonotonicMs, signal: AbortSignal): Bounds {
  const left = (): DurationMs => asDuration(Math.max(0, since(now(), end)));
  const check = (): void => {
    if (signal.aborted) throw new Interrupted('ended by a fence');
  };
  return {
    left,
    check,
    async until(condition, everyMs) {
      for (;;) {
        check();
        if (await condition()) return true;
        if (left() === 0) return false;
        await sleep(Math.min(everyMs, left()));
      }
    },
    within: (ms) => boundAt(now, earliest(end, after(now(), asDuration(ms))), signal),
  };
}
