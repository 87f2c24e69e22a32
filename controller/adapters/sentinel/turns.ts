/**
 * One after the other, and never for long: the controller's own loop runs in the same thread, and comes between any two turns. Whoever has more to do than one turn
 * holds goes to the end of the line.
 */
import { after, asDuration, type DurationMs, type MonotonicMs } from '#core/brand.js';

export interface Worker {
  /** Works until `until`, and says whether it has more to do. */
  work(until: MonotonicMs): boolean;
}

const TURN: DurationMs = asDuration(2);
/** Of that one of them may take. */
const SHARE: DurationMs = asDuration(0.5);

export function createTurns(now: () => MonotonicMs): { add(worker: Worker): void; stop(): void } {
  const line = new Set<Worker>();
  let next: NodeJS.Immediate | undefined;

  function turn(): void {
    next = undefined;
    const until = after(now(), TURN);
    for (const worker of line) {
      line.delete(worker);
      if (worker.work(after(now(), SHARE))) line.add(worker);
      if (now() >= until) break;
    }
    arrange();
  }

  function arrange(): void {
    if (line.size > 0) next ??= setImmediate(turn);
  }

  return {
    add(worker) {
      line.add(worker);
      arrange();
    },
    stop() {
      clearImmediate(next);
      line.clear();
    },
  };
}
