/** Who may write what: wrong. */
import { ANY_PLAN, ANY_TERM } from '#test/simulation/models/etcd.js';
import type { Mistake } from '#test/planted/mistake.js';

export const EPOCH_MISTAKES = {
  'E1-writes-without-the-election': {
    rules: { E1: (_, planRevision) => ({ term: ANY_TERM, planRevision }) },
  },
  'E1-writes-over-any-plan': {
    rules: { E1: (term) => ({ term, planRevision: ANY_PLAN }) },
  },
  'E2-unknown-is-taken-for-failed': { rules: { E2: () => false } },
  'E3-grants-during-an-appointment': { among: 'openings', rules: { E3: () => true } },
  'E4-decides-on-an-old-plan': { rules: { E4: (readIn) => readIn !== undefined } },
  'E5-takes-up-an-older-plan': { rules: { E5: () => 'accept' } },
  'E5-takes-up-another-members-plan': { among: 'general', rules: { E5_member: () => true } },
  'E6-trusts-a-restored-etcd': { among: 'general', rules: { E6: () => false, E6_before: () => false } },
} as const satisfies Readonly<Record<string, Mistake>>;
