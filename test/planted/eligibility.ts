/** Who may be appointed: wrong. */
import { LONG_AGO, latest } from '#core/brand.js';
import type { Mistake } from '#test/planted/mistake.js';

export const ELIGIBILITY_MISTAKES = {
  'V1-one-vouch-is-enough': {
    rules: {
      V1: (required, answered) =>
        required
          .map((name) => answered[name])
          .reduce((newest, at) => latest(newest ?? LONG_AGO, at ?? LONG_AGO), undefined),
    },
  },
  'V2-vouches-though-sealed': { rules: { V2: () => 'promise' } },
  'V2-opens-before-its-promise-has-run-out': { among: 'lapses', rules: { V2_open: () => true } },
  'V3-a-start-forgets-its-promises': { among: 'lapses', rules: { V3: () => LONG_AGO } },
  'V4-eligible-at-once': { among: 'lapses', rules: { V4: () => true } },
  'V5-eligible-without-a-seal': {
    rules: { V5: (before, _, leader) => before.filter((name) => name !== leader) },
  },
  'V6-joining-members-do-not-count': { rules: { V6: (plan) => plan.eligible.length === 0 } },
  'V7-anybody-is-appointed': { rules: { V7: () => true } },
} as const satisfies Readonly<Record<string, Mistake>>;
