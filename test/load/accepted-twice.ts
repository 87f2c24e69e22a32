/** Two members that accept writes at once: what an old leader still acknowledged when a new one had acknowledged already. */

interface Accepted {
  readonly server: string;
  /** The line of history that it was written on. */
  readonly line: number;
}

/**
 * In the order in which they came. The one that was opened later has the higher line; two that share one must not both accept
 * writes, so there the first counts. `isLateAnswer`, given the new one's first as well: to what the new one has, and so accepted nothing.
 */
export function acceptedTwice<T extends Accepted>(
  acknowledged: readonly T[],
  isLateAnswer: (one: T, first: T) => boolean = () => false,
): readonly T[] {
  let [newest] = acknowledged;
  return acknowledged.filter((one) => {
    if (newest === undefined || one.line > newest.line) newest = one;
    return one.server !== newest.server && !isLateAnswer(one, newest);
  });
}
