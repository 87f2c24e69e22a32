/**
 * What an operator changes about the care itself: paused or automatic, who is worked on, the policy. Each is a version of the plan, and so
 * outlives every controller.
 */
import { nextVersion } from '#core/brand.js';
import { ENFORCES, isEnforceable } from '#core/durability.js';
import type { OperatorCommand } from '#core/operator.js';
import { isProved, memberOf, type Plan, type RecloneWish } from '#core/plan.js';
import { memberPolicy, type Policy } from '#core/policy.js';
import type { EngineName } from '#core/position.js';
import { type Reason, reason } from '#core/reasons.js';
import { isOpenToWishes } from '#controller/decide/forecast.js';
import { inWords, replyDone, replyError } from '#controller/decide/reply.js';
import type { ClusterState, Context } from '#controller/decide/state.js';
import { submit } from '#controller/decide/writes.js';

/** V6: paused, nobody is eligible, so that the leader runs on even without controllers. Resumed, V4 lets them in again one by one. */
export function setCare(
  cluster: ClusterState,
  plan: Plan,
  { kind, by }: OperatorCommand & { kind: 'pause' | 'resume' },
  request: number,
  context: Context,
): ClusterState {
  const care = kind === 'pause' ? 'paused' : 'automatic';
  if (plan.care === care) return asIs(cluster, plan, request, context);
  const why = reason(kind === 'pause' ? 'PAUSED' : 'RESUMED', { by });
  const sets = care === 'paused' ? { eligible: [], joining: [] } : {};
  return change(cluster, plan, { care, ...sets }, why, request, context);
}

export function setMaintenance(
  cluster: ClusterState,
  plan: Plan,
  { member, on, by }: OperatorCommand & { kind: 'maintenance' },
  request: number,
  context: Context,
): ClusterState {
  if (memberOf(plan, member) === undefined) {
    replyError(request, 'MEMBER_UNKNOWN', `${member} is no member of ${cluster.name}`, context);
    return cluster;
  }
  if (plan.maintenance.includes(member) === on) return asIs(cluster, plan, request, context);
  if (on && member === plan.leader)
    return refuse(cluster, reason('MAINTENANCE_OF_LEADER', { member }), request, context);
  const why = reason('IN_MAINTENANCE', { member, on, by });
  const without = (names: readonly string[]): readonly string[] => names.filter((name) => name !== member);
  const maintenance = on ? [...plan.maintenance, member].sort() : without(plan.maintenance);
  // Its removal is committed before it is away, so that its absence never costs the leader anything.
  const sets = { eligible: without(plan.eligible), joining: without(plan.joining) };
  return change(cluster, plan, { maintenance, ...sets }, why, request, context);
}

/** The wish stays in the plan, where it outlives controllers and agents; the member's agent remembers which one it has fulfilled. */
export function reinit(
  cluster: ClusterState,
  plan: Plan,
  { member, from, waiveSalvage, by }: OperatorCommand & { kind: 'reinit' },
  request: number,
  context: Context,
): ClusterState {
  const named = memberOf(plan, member);
  const unknown =
    named === undefined ? member : from !== undefined && memberOf(plan, from) === undefined && from;
  if (named === undefined || typeof unknown === 'string') {
    replyError(request, 'MEMBER_UNKNOWN', `${String(unknown)} is no member of ${cluster.name}`, context);
    return cluster;
  }
  if (member === plan.leader)
    return refuse(cluster, reason('REINIT_OF_LEADER', { member }), request, context);
  if (from === member) return refuse(cluster, reason('REINIT_FROM_ITSELF', { member }), request, context);
  const wish: RecloneWish = {
    wish: `${plan.epoch}.${nextVersion(plan.version)}`,
    identity: named.identity,
    from: from === plan.leader ? undefined : from,
    salvageWaived: waiveSalvage,
  };
  const evidence = { member, from: from ?? plan.leader, by, ...(waiveSalvage ? { salvage: 'waived' } : {}) };
  const reclones = { ...plan.reclones, [member]: wish };
  return change(cluster, plan, { reclones }, reason('REINIT', evidence), request, context);
}

export function cancelReinit(
  cluster: ClusterState,
  plan: Plan,
  { member, by }: OperatorCommand & { kind: 'cancelReinit' },
  request: number,
  context: Context,
): ClusterState {
  if (!Object.hasOwn(plan.reclones, member)) return asIs(cluster, plan, request, context);
  const why = reason('REINIT_CANCELLED', { member, by });
  const reclones = Object.fromEntries(Object.entries(plan.reclones).filter(([name]) => name !== member));
  return change(cluster, plan, { reclones }, why, request, context);
}

export function changePolicy(
  cluster: ClusterState,
  plan: Plan,
  { policy, by }: OperatorCommand & { kind: 'setPolicy' },
  request: number,
  context: Context,
): ClusterState {
  // A successor computes what its predecessor may have granted from the profile that it reads (A2): it must not shrink meanwhile.
  if (policy.profile !== plan.policy.profile) {
    const evidence = { present: plan.policy.profile, asked: policy.profile };
    return refuse(cluster, reason('PROFILE_FIXED', evidence), request, context);
  }
  const unenforceable = tooMany(plan.engine, policy);
  if (unenforceable !== undefined) return refuse(cluster, unenforceable, request, context);
  const mayStay = (name: string): boolean => memberPolicy(policy, name).appoint === 'yes';
  const sets = { eligible: plan.eligible.filter(mayStay), joining: plan.joining.filter(mayStay) };
  return change(cluster, plan, { policy, ...sets }, reason('POLICY_CHANGED', { by }), request, context);
}

/** Each engine states what it can enforce. Undefined: all that is asked for. */
export function tooMany(engine: EngineName, { durability }: Policy): Reason | undefined {
  if (isEnforceable(engine, durability)) return undefined;
  const { acknowledgements: asked } = durability;
  return reason('DURABILITY_UNENFORCEABLE', { engine, asked, most: ENFORCES[engine].mostAcknowledgements });
}

function change(
  cluster: ClusterState,
  plan: Plan,
  changed: Partial<Pick<Plan, 'care' | 'maintenance' | 'eligible' | 'joining' | 'policy' | 'reclones'>>,
  why: Reason,
  request: number,
  context: Context,
): ClusterState {
  // A failover that found nobody may be ended: its seals are outlived by the next epoch.
  const attempt = isOpenToWishes(cluster) ? undefined : cluster.attempt;
  const isBusy = cluster.write !== undefined || attempt !== undefined || cluster.order !== undefined;
  if (isBusy || !isProved(plan))
    return refuse(
      cluster,
      reason('BUSY', { doing: cluster.order?.wish.kind ?? 'failover' }),
      request,
      context,
    );
  context.emit({ kind: 'log', level: 'warn', cluster: cluster.name, reason: why });
  const next: Plan = { ...plan, ...changed, version: nextVersion(plan.version) };
  const { policy } = changed;
  const ended = { ...cluster, attempt, joiningAcknowledgedAt: undefined, said: undefined };
  return submit(ended, next, context, {
    request,
    ...(policy === undefined ? {} : { policy }),
  });
}

function asIs(cluster: ClusterState, plan: Plan, request: number, context: Context): ClusterState {
  replyDone(request, { kind: 'plan', plan }, context);
  return cluster;
}

function refuse(cluster: ClusterState, why: Reason, request: number, context: Context): ClusterState {
  replyError(request, 'OPERATION_REFUSED', inWords(why), context);
  return cluster;
}
