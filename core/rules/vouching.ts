/**
 * V1 to V3: how a leader goes on when no controller answers (DESIGN 5). Whoever could supersede it promises not to, for a time that
 * starts no earlier than the leader's own and lasts longer by the drift of both clocks: the lease's argument (L2, L3), with the replicas
 * as grantors. V4 keeps the set of those honest.
 */
import { after, type Epoch, earliest, LONG_AGO, type MonotonicMs, NEVER } from '#core/brand.js';
import type { OldLeader, Opening } from '#core/plan.js';
import { LONGEST_PROMISE } from '#core/timings.js';
import type { VouchQuestion } from '#core/vouch.js';

/**
 * V1: from when the leader may count D_H: the oldest among the newest sends that each member of `required` answered with a promise.
 * Undefined: somebody has not, or there is nobody to ask. One that is missing is one that may be appointed.
 */
export function V1_vouchedFrom(
  required: readonly string[],
  answeredSends: Readonly<Record<string, MonotonicMs>>,
): MonotonicMs | undefined {
  let oldest = NEVER;
  for (const member of required) {
    const sentAt = Object.hasOwn(answeredSends, member) ? answeredSends[member] : undefined;
    if (sentAt === undefined) return undefined;
    oldest = earliest(oldest, sentAt);
  }
  return oldest === NEVER ? undefined : oldest;
}

export type VouchVerdict =
  'promise' | 'other-member' | 'no-plan' | 'superseded' | 'not-the-leader' | 'too-long';

/**
 * V2: whom a replica vouches for: the leader of the newest epoch that it durably knows, by a plan or by a seal, or of a higher one. A
 * seal for a higher epoch ends it: from then on the old leader gets no more time than was promised before.
 */
export function V2_mayPromise(
  known: {
    readonly cluster: string;
    readonly member: string;
    readonly highestEpoch: Epoch;
    readonly plan: { readonly epoch: Epoch; readonly leader: string } | undefined;
  },
  asked: VouchQuestion,
): VouchVerdict {
  if (asked.cluster !== known.cluster || asked.to !== known.member) return 'other-member';
  // V3 rests on it: an agent that starts without a plan never vouched.
  if (known.plan === undefined) return 'no-plan';
  if (asked.epoch < known.highestEpoch) return 'superseded';
  if (asked.epoch === known.plan.epoch && asked.from !== known.plan.leader) return 'not-the-leader';
  // V3 assumes the longest that anybody may have been asked for.
  return asked.promiseMs > LONGEST_PROMISE ? 'too-long' : 'promise';
}

/** `none` and `adopted` are about this very member; after the others the old leader can do no harm, whatever was promised to it. */
const ENDS_PROMISES: Readonly<Record<OldLeader, boolean>> = {
  fenced: true,
  lossless: true,
  stated: true,
  none: true,
  adopted: true,
  lapsed: false,
};

/** V2, second half: a member does not open before its own promise has run out, unless the committed plan says why it need not wait. */
export function V2_mayOpen(
  promise: { readonly until: MonotonicMs; readonly now: MonotonicMs },
  opening: Opening,
): boolean {
  if (promise.now >= promise.until) return true;
  return opening.state === 'pending' && ENDS_PROMISES[opening.oldLeader];
}

/**
 * V3: a promise is kept in memory only; so an agent that starts assumes that it gave one at that instant, the longest there is. Not for an
 * epoch that it durably knows to have opened itself; and not when it starts without a plan, for without one it never vouches (V2).
 */
export function V3_assumedUntil(start: {
  readonly at: MonotonicMs;
  readonly knewPlan: boolean;
  readonly openedItself: boolean;
}): MonotonicMs {
  return start.knewPlan && !start.openedItself ? after(start.at, LONGEST_PROMISE) : LONG_AGO;
}
