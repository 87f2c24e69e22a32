/** Two members that accept writes at once: what an old leader still acknowledged when a new one had acknowledged already. */
import type { Acknowledged } from '#test/load/write.js';

/**
 * In the order in which they came. The one that was opened later has the higher timeline; two that share one must not both accept
 * writes, so there the first counts.
 */
export function acceptedTwice(acknowledged: readonly Acknowledged[]): readonly Acknowledged[] {
  let [newest] = acknowledged;
  return acknowledged.filter((one) => {
    if (newest === undefined || one.timeline > newest.timeline) newest = one;
    return one.server !== newest.server;
  });
}
