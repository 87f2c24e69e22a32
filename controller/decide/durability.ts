/**
 * S6: the set of replicas that confirm writes, changed one step at a time. A step that weakens is in etcd before the leader hears of it: the
 * plan brings it. A step that strengthens is wished for in the plan (`atLeader`), and counted on only when the leader's report says that it is
 * in force and enough members hold what was written before. All of it stands in plan and reports, so a successor goes on where this one ended.
 */
import { type DurationMs, earliest, latest, LONG_AGO, nextVersion, since } from '#core/brand.js';
import {
  type Durability,
  formatDurability,
  type PlannedDurability,
  sameDurability,
} from '#core/durability.js';
import { isProved, memberOf, type Plan } from '#core/plan.js';
import { NEAR, POSITION_IS_APPLIED } from '#core/position.js';
import { type ReasonCode, reason } from '#core/reasons.js';
import { timingsOf } from '#core/timings.js';
import { behind, excluded, followsLeader, holds } from '#controller/decide/candidates.js';
import type { ClusterState, Context } from '#controller/decide/state.js';
import { submit } from '#controller/decide/writes.js';

/** Undefined: nothing is to be written now. */
export function tendDurability(
  cluster: ClusterState,
  plan: Plan,
  context: Context,
): ClusterState | undefined {
  if (!isProved(plan)) return undefined;
  return count(cluster, plan, context) ?? disown(cluster, plan, context) ?? begin(cluster, plan, context);
}

/** The end of a strengthening. */
function count(cluster: ClusterState, plan: Plan, context: Context): ClusterState | undefined {
  const { durability } = plan;
  const report = cluster.members[plan.leader]?.report;
  const applied = report?.durability;
  // Under the newest plan: what an earlier one had put in force may have been weaker in between.
  if (applied?.epoch !== plan.epoch || report?.planVersion !== plan.version) return undefined;
  if (!sameDurability(applied, durability.atLeader)) return undefined;
  const to = stepsToward(durability).find((step) => {
    const holders = step.synchronous.filter((name) => holds(cluster, plan, name, applied.holds));
    return context.rules.S6_count(step, applied, holders.length);
  });
  return to === undefined
    ? undefined
    : commit(cluster, plan, { ...to, atLeader: durability.atLeader }, 'SYNCHRONOUS_SET', context);
}

/** Each single change that brings what is counted on nearer to what the leader has in force. */
function stepsToward({ synchronous, acknowledgements, atLeader }: PlannedDurability): readonly Durability[] {
  const steps: Durability[] = [];
  for (const name of synchronous)
    if (!atLeader.synchronous.includes(name))
      steps.push({ synchronous: without(synchronous, name), acknowledgements });
  for (const name of atLeader.synchronous)
    if (!synchronous.includes(name))
      steps.push({ synchronous: [...synchronous, name].sort(), acknowledgements });
  const direction = Math.sign(atLeader.acknowledgements - acknowledgements);
  if (direction !== 0) steps.push({ synchronous, acknowledgements: acknowledgements + direction });
  return steps;
}

/**
 * A member that lost its memory may have lost what it confirmed. It is counted on no longer, though the leader waits for as many as before;
 * once it is out of the set it is taken in as a new one (E5).
 */
function disown(cluster: ClusterState, plan: Plan, context: Context): ClusterState | undefined {
  const { durability } = plan;
  const lost = durability.synchronous.filter((name) => cluster.replaced[name] !== undefined);
  const left = durability.synchronous.length - lost.length;
  if (lost.length === 0 || durability.acknowledgements <= left) return undefined;
  const next = { ...durability, acknowledgements: durability.acknowledgements - 1 };
  return commit(cluster, plan, next, 'SYNCHRONOUS_SET', context);
}

function begin(cluster: ClusterState, plan: Plan, context: Context): ClusterState | undefined {
  const change = nextChange(cluster, plan, context);
  if (change === undefined) return undefined;
  const { to, code } = change;
  const { durability } = plan;
  switch (context.rules.S6(durability.atLeader, to)) {
    case 'store-first':
      return commit(cluster, plan, { ...weakened(durability, to), atLeader: to }, code, context);
    case 'leader-first':
      return commit(cluster, plan, { ...durability, atLeader: to }, code, context);
    case 'refuse':
      return undefined;
  }
}

/** What is counted on when the leader may be at `to` from here on. */
function weakened(counted: Durability, to: Durability): Durability {
  const added = to.synchronous.filter((name) => !counted.synchronous.includes(name));
  return {
    synchronous: [...counted.synchronous, ...added].sort(),
    acknowledgements: Math.min(counted.acknowledgements, to.acknowledgements),
  };
}

/** The next step of what the leader has in force. Members are let go before their absence costs a seal, and taken in before k is raised. */
function nextChange(
  cluster: ClusterState,
  plan: Plan,
  context: Context,
): { readonly to: Durability; readonly code: ReasonCode } | undefined {
  const { durability, policy } = plan;
  const { synchronous, acknowledgements } = durability.atLeader;
  const wanted = wantedAcknowledgements(cluster, plan, context);
  if (wanted < acknowledgements) {
    const code = policy.durability.mode === 'available' ? 'SHORT_OF_REPLICAS' : 'SYNCHRONOUS_SET';
    return { to: { synchronous, acknowledgements: acknowledgements - 1 }, code };
  }
  const leaving = durability.synchronous.some((name) => !synchronous.includes(name))
    ? undefined
    : synchronous.find((name) => mustLeave(cluster, plan, name, acknowledgements, context));
  if (leaving !== undefined)
    return { to: { synchronous: without(synchronous, leaving), acknowledgements }, code: 'SYNCHRONOUS_SET' };
  const joining = plan.eligible.find((name) => mayJoin(cluster, plan, name, context));
  if (joining !== undefined)
    return {
      to: { synchronous: [...synchronous, joining].sort(), acknowledgements },
      code: 'SYNCHRONOUS_SET',
    };
  const isNext = wanted > acknowledgements && acknowledgements === durability.acknowledgements;
  if (isNext && (synchronous.length > acknowledgements || hasHadTime(cluster, plan, context)))
    return { to: { synchronous, acknowledgements: acknowledgements + 1 }, code: 'SYNCHRONOUS_SET' };
  return undefined;
}

function wantedAcknowledgements(cluster: ClusterState, plan: Plan, context: Context): number {
  const { mode, acknowledgements } = plan.policy.durability;
  if (mode !== 'available') return acknowledgements;
  const { silenceMs } = timingsOf(plan.policy.profile);
  const well = plan.durability.atLeader.synchronous.filter(
    (name) => unseenMs(cluster, name, context) < silenceMs,
  );
  return Math.min(acknowledgements, well.length);
}

/** `strict` waits for more than there are, but not before those that follow have had the time to be heard of. */
function hasHadTime({ wellSince }: ClusterState, plan: Plan, { now }: Context): boolean {
  return wellSince !== undefined && since(wellSince, now) >= timingsOf(plan.policy.profile).silenceMs;
}

/** Who cannot confirm any more leaves, as long as as many stay as are waited for: it would only be one more to seal. */
function mustLeave(
  cluster: ClusterState,
  plan: Plan,
  name: string,
  acknowledgements: number,
  context: Context,
): boolean {
  if (cluster.replaced[name] !== undefined || plan.policy.durability.mode === 'async') return true;
  if (plan.durability.atLeader.synchronous.length <= acknowledgements) return false;
  const { absenceMs } = timingsOf(plan.policy.profile);
  return (
    memberOf(plan, name) === undefined ||
    excluded(plan, name) !== undefined ||
    plan.upstreams[name] !== undefined ||
    context.rules.V4_leave(unseenMs(cluster, name, context), absenceMs)
  );
}

/** It may be appointed, receives log from the leader itself, and is near: its being waited for holds up nobody. */
function mayJoin(cluster: ClusterState, plan: Plan, name: string, context: Context): boolean {
  const { mode } = plan.policy.durability;
  const { synchronous, atLeader } = plan.durability;
  if (mode === 'async' || synchronous.includes(name) || atLeader.synchronous.includes(name)) return false;
  const { silenceMs } = timingsOf(plan.policy.profile);
  const followedAt = cluster.members[name]?.followedAt ?? LONG_AGO;
  if (since(followedAt, context.now) >= silenceMs || !followsLeader(cluster, plan, name)) return false;
  return isNearByReceived(cluster, plan, name);
}

/** What it has received it can confirm: where it applies more slowly than its leader writes, it is as near as one that keeps up. */
function isNearByReceived(cluster: ClusterState, plan: Plan, name: string): boolean {
  const lacks = behind(cluster, plan, name);
  const backlog = cluster.members[name]?.report?.database.backlog ?? 0;
  const unapplied = POSITION_IS_APPLIED[plan.engine] ? BigInt(backlog) : 0n;
  return lacks !== undefined && lacks - unapplied < NEAR[plan.engine];
}

/**
 * For how long the leader has not been heard to send it log, or it was not heard itself with a guard. Measured, as absence is, only while the
 * leader is well.
 */
function unseenMs(cluster: ClusterState, name: string, context: Context): DurationMs {
  const picture = cluster.members[name];
  const seenAt = earliest(picture?.guardedAt ?? LONG_AGO, picture?.followedAt ?? LONG_AGO);
  return since(latest(seenAt, cluster.wellSince ?? context.now), context.now);
}

function commit(
  cluster: ClusterState,
  plan: Plan,
  durability: PlannedDurability,
  code: ReasonCode,
  context: Context,
): ClusterState {
  const why = reason(code, {
    counted: formatDurability(durability),
    atLeader: formatDurability(durability.atLeader),
  });
  const level = code === 'SHORT_OF_REPLICAS' ? 'warn' : 'info';
  context.emit({ kind: 'log', level, cluster: cluster.name, reason: why });
  return submit(cluster, { ...plan, version: nextVersion(plan.version), durability }, context);
}

const without = (names: readonly string[], name: string): readonly string[] =>
  names.filter((one) => one !== name);
