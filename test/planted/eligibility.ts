/** Who may be appointed: wrong. */
import type { Mistake } from '#test/planted/mistake.js';

export const ELIGIBILITY_MISTAKES = {
  'V4-eligible-at-once': { rules: { V4: () => true } },
  'V5-eligible-without-a-seal': {
    rules: { V5: (before, _, leader) => before.filter((name) => name !== leader) },
  },
  'V6-nobody-needs-grants': { rules: { V6: () => true } },
  'V7-anybody-is-appointed': { rules: { V7: () => true } },
} as const satisfies Readonly<Record<string, Mistake>>;
