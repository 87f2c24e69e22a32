/**
 * Work for strangers in the thread that also does our own: one after the other, and never for long, so that everything else comes between any two turns.
 * Who has more to do than his share of a turn goes to the end of the line.
 */
import { after, asDuration, type MonotonicMs } from '#core/brand.js';

/** Goes on until `until`, and says whether it has more to do. */
export type Work = (until: MonotonicMs) => boolean;

export interface Turns {
  /** At the end of the line, unless it stands there. */
  add(work: Work): void;
  /** Somebody new is there, and Node lets in one between two turns: the next one is as short as can be. */
  hurry(): void;
  stop(): void;
}

/** `turnMs`: of everybody together; `shareMs`: of one of them. */
export function createTurns(
  now: () => MonotonicMs,
  { turnMs, shareMs }: { readonly turnMs: number; readonly shareMs: number },
): Turns {
  const line = new Set<Work>();
  let next: NodeJS.Immediate | undefined;
  let isHurried = false;

  function turn(): void {
    next = undefined;
    const until = isHurried ? now() : after(now(), asDuration(turnMs));
    isHurried = false;
    for (const work of line) {
      line.delete(work);
      if (work(after(now(), asDuration(shareMs)))) line.add(work);
      if (now() >= until) break;
    }
    arrange();
  }

  function arrange(): void {
    if (line.size > 0) next ??= setImmediate(turn);
  }

  return {
    add(work) {
      line.add(work);
      arrange();
    },
    hurry() {
      isHurried = true;
    },
    stop() {
      clearImmediate(next);
      line.clear();
    },
  };
}
