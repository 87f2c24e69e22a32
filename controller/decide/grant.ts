/** L2 and A4: what a leader's heartbeat is granted, and what is promised with it. */
import { asDuration, asMonotonic, type DurationMs, since } from '#core/brand.js';
import type { Plan } from '#core/plan.js';
import type { Report } from '#core/report.js';
import { type Timings, timingsOf } from '#core/timings.js';
import type { ClusterState, Context } from '#controller/decide/state.js';
import { tell } from '#controller/decide/tell.js';

export function mayGrant(
  cluster: ClusterState,
  plan: Plan,
  member: string,
  report: Report,
  context: Context,
): boolean {
  const { rules, role } = context;
  return (
    report.wantsLease &&
    member === plan.leader &&
    isNamed(cluster, plan, member, context) &&
    report.planEpoch === plan.epoch &&
    role.kind === 'active' &&
    rules.E4(cluster.stored?.readIn, role.term) &&
    rules.E3({ writing: cluster.write?.write.plan.epoch, attempting: cluster.attempt?.epoch }, plan.epoch) &&
    rules.F1({ fencedEpoch: report.fencedEpoch, highestEpoch: report.highestEpoch }, plan.epoch) &&
    // Told to close, it is not to be kept open.
    cluster.order?.stage !== 'stepping-down'
  );
}

/** E5: it is whom the plan names, by identity. */
function isNamed({ members }: ClusterState, plan: Plan, name: string, { rules }: Context): boolean {
  const picture = members[name];
  return picture !== undefined && rules.E5_member(plan, picture.member);
}

export function grant(
  cluster: ClusterState,
  plan: Plan,
  member: string,
  report: Report,
  context: Context,
): ClusterState {
  if (context.role.kind !== 'active') return cluster;
  const timings = timingsOf(plan.policy.profile);
  const holdMs = leaseFor(cluster, plan, timings, context);
  // L2: first the promise, then the grant. A4: the longer the grant, the longer the promise.
  const promiseMs = context.rules.A4(timings, holdMs);
  const promise = context.rules.L2(cluster.promise, context.now, promiseMs);
  const heldPromise =
    holdMs > timings.holdMs
      ? context.rules.L2(cluster.heldPromise, context.now, promiseMs)
      : cluster.heldPromise;
  tell(
    cluster,
    member,
    {
      kind: 'grant',
      incarnation: report.incarnation,
      nonce: report.nonce,
      epoch: plan.epoch,
      holdMs,
    },
    context,
  );
  return { ...cluster, promise: asMonotonic(promise), heldPromise };
}

/** What the heartbeat of a leader is granted: D_H, or up to the end of a hold, and never more than the plan in etcd carries. */
function leaseFor(cluster: ClusterState, plan: Plan, timings: Timings, context: Context): DurationMs {
  const { hold } = cluster;
  const isHeld = hold?.stage === 'reaching' || hold?.stage === 'holding';
  const wished = isHeld ? Math.max(timings.holdMs, since(context.now, hold.until)) : timings.holdMs;
  return context.rules.A4_lease(timings, plan, asDuration(wished));
}
