/** Work that strangers ask for, in the order in which they ask, and never for long without letting everything else have its turn. */
const MOST_MS_PER_TURN = 1;

export interface Turns {
  take(work: () => void): void;
  /** Somebody new is there, and Node lets in one between two turns: the next one is as short as can be. */
  hurry(): void;
}

export function createTurns(): Turns {
  const waiting: (() => void)[] = [];
  let isComing = false;
  let isHurried = false;
  function comeBack(): void {
    if (isComing || waiting.length === 0) return;
    isComing = true;
    setImmediate(workOff);
  }
  function workOff(): void {
    isComing = false;
    const until = performance.now() + (isHurried ? 0 : MOST_MS_PER_TURN);
    isHurried = false;
    do waiting.shift()?.();
    while (waiting.length > 0 && performance.now() < until);
    comeBack();
  }
  return {
    take(work) {
      waiting.push(work);
      comeBack();
    },
    hurry() {
      isHurried = true;
    },
  };
}
