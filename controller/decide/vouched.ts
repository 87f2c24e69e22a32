/**
 * What replicas' reports tell of vouching (DESIGN 5): that a leader whom this controller does not hear is open and well, and how long a
 * member will yet keep what it promised. Safety does not rest on either: a seal ends vouching, and agents keep their promises by themselves.
 */
import { after, asDuration, type DurationMs, LONG_AGO, type MonotonicMs, since } from '#core/brand.js';
import type { Plan } from '#core/plan.js';
import { timingsOf } from '#core/timings.js';
import type { ClusterState, MemberPicture } from '#controller/decide/state.js';

/** Who vouched for the plan's leader so lately that the leader, were it heard, would not be called silent. */
export function vouchedBy({ members }: ClusterState, plan: Plan, now: MonotonicMs): readonly string[] {
  const { silenceMs } = timingsOf(plan.policy.profile);
  return [...plan.eligible, ...plan.joining].filter((name) => {
    const picture = members[name];
    const vouched = picture?.report?.vouched;
    if (picture === undefined || vouched?.epoch !== plan.epoch) return false;
    return vouched.ageMs + since(picture.receivedAt, now) < silenceMs;
  });
}

/** How long this member would wait before it opens after a leader that merely lapsed (V2). */
export function promiseLeft(picture: MemberPicture | undefined, now: MonotonicMs): DurationMs {
  const leftMs = picture?.report?.vouched?.leftMs ?? 0;
  return asDuration(picture === undefined ? 0 : Math.max(0, leftMs - since(picture.receivedAt, now)));
}

/**
 * L5: committed after a leader that merely lapsed, a plan says nothing of until when that one is vouched for: its replicas were sealed before, so
 * no longer than D_G from here. Proved, the new leader has waited that out itself.
 */
export function vouchedUntil(plan: Plan, known: MonotonicMs, now: MonotonicMs): MonotonicMs {
  if (plan.opening.state === 'proved') return LONG_AGO;
  return plan.opening.oldLeader === 'lapsed' ? after(now, timingsOf(plan.policy.profile).promiseMs) : known;
}
