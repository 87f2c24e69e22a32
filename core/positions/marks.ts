/** What positions of all engines have in common: the marks of openings, and how two logs can stand to each other. */
import type { Epoch } from '#core/brand.js';

/** The random mark that an opening wrote as its first write (rule S2). */
export interface Mark {
  readonly epoch: Epoch;
  readonly mark: string;
}

export type Comparison = 'ahead' | 'equal' | 'behind' | 'diverged';

/**
 * Marks are compared where both lists reach: a member that has not applied the newest yet has a shorter list, and old
 * openings are forgotten in time, on either side.
 */
export function marksAgree(a: readonly Mark[], b: readonly Mark[]): boolean {
  const first = Math.max(Number(a[0]?.epoch ?? 0n), Number(b[0]?.epoch ?? 0n));
  const last = Math.min(Number(a.at(-1)?.epoch ?? 0n), Number(b.at(-1)?.epoch ?? 0n));
  const within = (marks: readonly Mark[]): string =>
    marks
      .filter((m) => Number(m.epoch) >= first && Number(m.epoch) <= last)
      .map((m) => `${m.epoch}:${m.mark}`)
      .join();
  return within(a) === within(b);
}
