/** The lease: wrong. */
import { after, asDuration, latest } from '#core/brand.js';
import type { Mistake } from '#test/planted/mistake.js';

export const LEASE_MISTAKES = {
  'L1-a-hung-database-keeps-its-lease': { rules: { L1: () => true } },
  'L2-the-grant-before-the-promise': { rules: { L2: (promise) => promise } },
  'L3-counts-from-the-receipt': {
    among: 'lapses',
    rules: { L3: (expiry, { answeredAt }, holdMs) => latest(expiry, after(answeredAt, holdMs)) },
  },
  'L4-writes-past-the-expiry': { rules: { L4: (now, expiry) => now < expiry + 4000 } },
  'L4-forgets-the-drift': {
    rules: { L2: (promise, now, promiseMs) => latest(promise, after(now, asDuration(promiseMs / 1.8))) },
  },
  'L5-appoints-at-once': { rules: { L5: () => 'lapsed' } },
} as const satisfies Readonly<Record<string, Mistake>>;
