/** Closed is closed: wrong. */
import type { Mistake } from '#test/planted/mistake.js';

export const FENCING_MISTAKES = {
  'F1-opens-again-at-a-closed-epoch': { rules: { F1: () => true } },
  'F2-says-fenced-with-sessions-left': { among: 'general', rules: { F2: () => true } },
} as const satisfies Readonly<Record<string, Mistake>>;
