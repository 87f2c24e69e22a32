/** A controller's authority: wrong. */
import { NEVER } from '#core/brand.js';
import type { Mistake } from '#test/planted/mistake.js';

export const AUTHORITY_MISTAKES = {
  'A1-authority-without-end': { among: 'lapses', rules: { A1: () => NEVER } },
  'A2-forgets-its-predecessor': { rules: { A2: ({ receivedAt }) => receivedAt } },
  'A4-promises-no-more-for-a-hold': { among: 'lapses', rules: { A4: ({ promiseMs }) => promiseMs } },
  'A3-stays-with-the-leader': { rules: { A3: () => false } },
} as const satisfies Readonly<Record<string, Mistake>>;
