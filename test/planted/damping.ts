/** Damping: wrong. */
import { asDuration } from '#core/brand.js';
import type { Mistake } from '#test/planted/mistake.js';

export const DAMPING_MISTAKES = {
  'damping-forgets-the-last-failover': { among: 'plain', rules: { damping: () => asDuration(0) } },
} as const satisfies Readonly<Record<string, Mistake>>;
