/**
 * A4: a leader's agent that is to be away for longer than its lease. The plan says so first; then, and only by the controller that was
 * asked, leases are given that reach to the end of the hold, and when the leader's guard has acknowledged that, the operator may stop
 * the agent. Afterwards the leader gives up what is left; the plan goes back to no hold once nothing that was granted under it can
 * be outstanding, for a successor would otherwise wait too short (A2).
 */
import { after, asDuration, type DurationMs, LONG_AGO, nextVersion, since } from '#core/brand.js';
import type { Held, OperatorCommand } from '#core/operator.js';
import { isProved, type Plan } from '#core/plan.js';
import { type Reason, reason } from '#core/reasons.js';
import { LONGEST_HOLD, timingsOf } from '#core/timings.js';
import { answers } from '#controller/decide/forecast.js';
import { nextQuestion } from '#controller/decide/questions.js';
import { askerOf, inWords, replyDone, replyError } from '#controller/decide/reply.js';
import type { ClusterState, Context, Hold } from '#controller/decide/state.js';
import { tell } from '#controller/decide/tell.js';
import { submit } from '#controller/decide/writes.js';

/** Several heartbeats of every profile: whoever stops the agent is not to wait for long, and not in vain. */
const REACHED_WITHIN = asDuration(5000);
const TELL_AGAIN = asDuration(1000);

export function beginHold(
  cluster: ClusterState,
  plan: Plan,
  { forMs, by }: OperatorCommand & { kind: 'hold' },
  request: number,
  context: Context,
): ClusterState {
  const refused = cannotHold(cluster, plan, forMs, context);
  if (refused !== undefined) {
    replyError(request, 'OPERATION_REFUSED', inWords(refused), context);
    return cluster;
  }
  const why = reason('HELD', { leader: plan.leader, by, forMs });
  context.emit({ kind: 'log', level: 'warn', cluster: cluster.name, reason: why });
  const asked = { ...cluster, hold: { stage: 'committing', forMs, request } as const };
  // What a longer one has granted may be outstanding still.
  if (plan.holdMs >= forMs) return asked;
  return submit(asked, { ...plan, version: nextVersion(plan.version), holdMs: forMs }, context);
}

export function endHold(
  cluster: ClusterState,
  plan: Plan,
  by: string,
  request: number,
  context: Context,
): ClusterState {
  if (cluster.hold?.stage === 'committing') {
    replyError(request, 'OPERATION_REFUSED', inWords(reason('BUSY', { doing: 'hold' })), context);
    return cluster;
  }
  answerAsker(cluster, reason('HOLD_ENDED', { by }), context);
  if (plan.holdMs > 0) return ending(cluster, request, context);
  replyDone(request, { kind: 'held', held: heldOf(cluster, plan, context) }, context);
  return cluster;
}

function cannotHold(
  cluster: ClusterState,
  plan: Plan,
  forMs: DurationMs,
  context: Context,
): Reason | undefined {
  const { holdMs } = timingsOf(plan.policy.profile);
  if (forMs <= holdMs || forMs > LONGEST_HOLD)
    return reason('HOLD_BOUNDS', { forMs, aboveMs: holdMs, atMostMs: LONGEST_HOLD });
  const { attempt, hold, order, write } = cluster;
  if (hold !== undefined && hold.stage !== 'holding') return reason('BUSY', { doing: 'hold' });
  if (write !== undefined || attempt !== undefined || order !== undefined || !isProved(plan))
    return reason('BUSY', { doing: order?.wish.kind ?? 'failover' });
  const leader = cluster.members[plan.leader];
  const database = leader?.report?.database;
  const isOpen = database?.state === 'running' && database.role === 'writable';
  if (isOpen && answers(leader, plan, context) && cluster.suspicion === undefined) return undefined;
  return reason('LEADER_NOT_WELL', { leader: plan.leader, state: database?.state ?? 'unknown' });
}

/** The next step of a hold that is under way. Asked whenever no write is. */
export function tendHold(cluster: ClusterState, plan: Plan, context: Context): ClusterState {
  const { hold } = cluster;
  if (hold === undefined) return cluster;
  switch (hold.stage) {
    case 'committing': {
      if (plan.holdMs < hold.forMs) return failed(cluster, reason('WRITE_REFUSED'), context);
      // Only now: from here every successor honours it.
      const until = after(context.now, hold.forMs);
      return reaching({ ...cluster, hold: { ...hold, stage: 'reaching', until } }, plan, context);
    }
    case 'reaching':
      return isOvertaken(plan) ? overtaken(cluster, plan, context) : reaching(cluster, plan, context);
    case 'holding':
      if (isOvertaken(plan)) return overtaken(cluster, plan, context);
      return context.now < hold.until ? cluster : ending(cluster, undefined, context);
    case 'ending':
      return isOvertaken(plan) ? overtaken(cluster, plan, context) : givingUp(cluster, plan, hold, context);
  }
}

/** Another epoch was opened meanwhile, or the cluster was let go: both plans carry no hold. */
const isOvertaken = (plan: Plan): boolean => plan.holdMs === 0;

function overtaken(cluster: ClusterState, plan: Plan, context: Context): ClusterState {
  const because = `${plan.leader} at epoch ${plan.epoch}`;
  return failed(cluster, reason('HOLD_ENDED', { because }), context);
}

function reaching(cluster: ClusterState, plan: Plan, context: Context): ClusterState {
  const { hold } = cluster;
  if (hold?.stage !== 'reaching') return cluster;
  if (hasReached(cluster, plan, hold, context)) {
    replyDone(hold.request, { kind: 'held', held: heldOf(cluster, plan, context) }, context);
    const { forMs, until } = hold;
    return { ...cluster, hold: { stage: 'holding', forMs, until } };
  }
  const waited = hold.forMs - since(context.now, hold.until);
  if (waited < REACHED_WITHIN) return cluster;
  const why = reason('HOLD_NOT_REACHED', { leader: plan.leader });
  context.emit({ kind: 'log', level: 'error', cluster: cluster.name, reason: why });
  answerAsker(cluster, why, context);
  return ending(cluster, undefined, context);
}

/** By the guard's own word; but for a heartbeat's way, which the lease is shorter. */
function hasReached(
  cluster: ClusterState,
  plan: Plan,
  { until }: Hold & { stage: 'reaching' },
  context: Context,
): boolean {
  const leader = cluster.members[plan.leader];
  if (leader?.report?.planEpoch !== plan.epoch || !answers(leader, plan, context)) return false;
  const { heartbeatMs } = timingsOf(plan.policy.profile);
  return leader.report.guardedForMs >= since(leader.receivedAt, until) - heartbeatMs;
}

function ending(cluster: ClusterState, request: number | undefined, context: Context): ClusterState {
  const question = nextQuestion(cluster, context);
  const asked = { ...cluster, questions: cluster.questions + 1 };
  return {
    ...asked,
    hold: { stage: 'ending', question, request, since: context.now, toldAt: LONG_AGO },
  };
}

/** Told again until it says that nothing is left, or until nothing can be left. */
function givingUp(
  cluster: ClusterState,
  plan: Plan,
  hold: Hold & { stage: 'ending' },
  context: Context,
): ClusterState {
  const leader = cluster.members[plan.leader];
  const isGivenUp = leader?.report?.planEpoch === plan.epoch && leader.report.heldBack === hold.question;
  if (isGivenUp || context.now >= cluster.heldPromise) {
    const freed = isGivenUp ? shortened(cluster, plan, context) : cluster;
    const ended = { ...freed, hold: undefined };
    const why = reason('HOLD_ENDED', { leader: plan.leader });
    context.emit({ kind: 'log', level: 'info', cluster: cluster.name, reason: why });
    replyDone(hold.request, { kind: 'held', held: heldOf(ended, plan, context) }, context);
    return ended;
  }
  const told = askToEnd(cluster, plan, hold, context);
  if (hold.request === undefined || since(hold.since, context.now) < REACHED_WITHIN) return told;
  replyDone(hold.request, { kind: 'held', held: heldOf(cluster, plan, context) }, context);
  return { ...told, hold: { ...hold, request: undefined } };
}

/**
 * The holder counts D_H at the most from before its report was received, the guard too, and no grant on its way gives more: as if
 * this report had just been granted (L2). So what a predecessor granted is over as well.
 */
function shortened(cluster: ClusterState, plan: Plan, context: Context): ClusterState {
  const { promiseMs } = timingsOf(plan.policy.profile);
  return { ...cluster, promise: context.rules.L2(LONG_AGO, context.now, promiseMs), heldPromise: LONG_AGO };
}

function askToEnd(
  cluster: ClusterState,
  { leader, epoch }: Plan,
  hold: Hold & { stage: 'ending' },
  context: Context,
): ClusterState {
  const { role } = context;
  const isDue = since(hold.toldAt, context.now) >= TELL_AGAIN;
  if (role.kind !== 'active' || !isDue || cluster.members[leader]?.connected !== true) return cluster;
  tell(cluster, leader, { kind: 'endHold', epoch, request: hold.question }, context);
  return { ...cluster, hold: { ...hold, toldAt: context.now } };
}

function failed(cluster: ClusterState, why: Reason, context: Context): ClusterState {
  context.emit({ kind: 'log', level: 'warn', cluster: cluster.name, reason: why });
  answerAsker(cluster, why, context);
  return { ...cluster, hold: undefined };
}

const answerAsker = ({ hold }: ClusterState, why: Reason, context: Context): void =>
  replyError(askerOf(hold), 'OPERATION_FAILED', inWords(why), context);

/** Back to no hold, once nothing that any controller granted under it can be outstanding. */
export function clearHold(cluster: ClusterState, plan: Plan, context: Context): ClusterState | undefined {
  if (plan.holdMs === 0 || cluster.hold !== undefined || context.now < cluster.heldPromise) return undefined;
  if (!isProved(plan)) return undefined;
  return submit(cluster, { ...plan, version: nextVersion(plan.version), holdMs: asDuration(0) }, context);
}

/** What the guard holds beyond the end of this hold, from a longer one before it, is taken back at that end. */
function heldOf(cluster: ClusterState, plan: Plan, context: Context): Held {
  const { hold, members, promise } = cluster;
  const { report, receivedAt } = members[plan.leader] ?? {};
  const guardedMs = (report?.guardedForMs ?? 0) - since(receivedAt ?? context.now, context.now);
  const leftMs = hold?.stage === 'reaching' ? since(context.now, hold.until) : guardedMs;
  return {
    leader: plan.leader,
    awayMs: guardedMs === Infinity ? undefined : Math.max(0, Math.floor(Math.min(guardedMs, leftMs))),
    promiseMs: Math.max(0, Math.ceil(since(context.now, promise))),
  };
}
