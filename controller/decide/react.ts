/** From a suspicion to an attempt: at once, after a wait that the policy, the lease or damping asks for, or not at all while paused. */
import { type DurationMs, since } from '#core/brand.js';
import type { Plan } from '#core/plan.js';
import { type Reason, type ReasonCode, reason } from '#core/reasons.js';
import { timingsOf } from '#core/timings.js';
import { held, reopened } from '#controller/decide/damping.js';
import { sealAll } from '#controller/decide/failover.js';
import { answers } from '#controller/decide/forecast.js';
import { couldBeLossless } from '#controller/decide/lossless.js';
import { say } from '#controller/decide/say.js';
import type { ClusterState, Context, Suspicion } from '#controller/decide/state.js';
import { isFenced } from '#controller/decide/suspect.js';

/** Nothing is heard of the leader itself, so its promise is waited out. */
const SILENT: readonly ReasonCode[] = ['AGENT_SILENT', 'MEMBER_LOST', 'MEMBER_REPLACED'];

/** Heartbeats: until a leader that is granted nothing asks to be vouched for, is answered, and the answer is reported. */
const VOUCHES_TOLD_WITHIN = 4;

export function react(
  cluster: ClusterState,
  plan: Plan,
  suspicion: Suspicion,
  context: Context,
): ClusterState {
  const { code, evidence } = suspicion.reason;
  // Open and well, by all that its replicas know; a seal would end that.
  if (code === 'LEADER_VOUCHED') return say(cluster, 'warn', suspicion.reason, context);
  if (plan.care === 'paused') {
    // Nobody else is appointed; the same leader, once it is back and closed, is opened again.
    return isBackClosed(cluster, plan, context)
      ? begin(cluster, suspicion, reopened(plan), context)
      : say(cluster, 'warn', reason('PAUSED', { because: code }), context);
  }
  const waited = since(suspicion.since, context.now);
  if (code === 'PLANNED_STOP' && waited < plan.policy.plannedStopWaitMs)
    return say(cluster, 'info', suspicion.reason, context);
  // A seal ends a replica's vouching, so it comes as late as possible: not before the promise to a silent leader has run out.
  const isSilent = SILENT.includes(code);
  if (isSilent && !isFenced(cluster.members[plan.leader], plan)) {
    // A4: away by intention, as far as anybody can tell.
    if (context.now < cluster.heldPromise)
      return say(cluster, 'warn', reason('HELD', { leader: plan.leader, because: code }), context);
    if (context.now < cluster.promise && !mayEndBySeals(cluster, plan, code, waited, context))
      return say(cluster, 'warn', reason('PROMISE_RUNS', { leader: plan.leader }), context);
    // V6: it runs without grants, so its silence ends nothing, and nobody could be appointed: a seal would only close it.
    if (context.rules.V6(plan))
      return say(cluster, 'error', reason('NO_CANDIDATE', { leader: plan.leader, eligible: '' }), context);
  }
  const isCrash = code === 'DATABASE_CRASHED' || code === 'LEADER_CLOSED';
  const isFirst = isCrash && plan.policy.onCrash === 'restart-first' && waited < plan.policy.restartTimeoutMs;
  const why = code === 'PLANNED_STOP' ? reason('DATABASE_STOPPED', evidence) : suspicion.reason;
  const heldBack = held(plan, why, context);
  if ((isFirst || heldBack !== undefined) && isBackClosed(cluster, plan, context))
    return begin(cluster, suspicion, reopened(plan), context, why);
  if (isFirst) return say(cluster, 'info', reason('RESTARTING_FIRST', { leader: plan.leader }), context);
  if (heldBack !== undefined) return say(cluster, 'warn', heldBack, context);
  return begin(cluster, suspicion, undefined, context, why);
}

/**
 * S5: sealed, so many of those that confirm writes end a silent leader at once. Not before its replicas would have told that they vouch
 * for it, unless its database answers nobody either.
 */
function mayEndBySeals(
  cluster: ClusterState,
  plan: Plan,
  code: ReasonCode,
  waited: DurationMs,
  context: Context,
): boolean {
  const { silenceMs, heartbeatMs } = timingsOf(plan.policy.profile);
  const isTold = code === 'MEMBER_LOST' || waited >= silenceMs + VOUCHES_TOLD_WITHIN * heartbeatMs;
  return isTold && couldBeLossless(cluster, plan, context);
}

function begin(
  cluster: ClusterState,
  suspicion: Suspicion,
  goBack: Reason | undefined,
  context: Context,
  why: Reason = suspicion.reason,
): ClusterState {
  context.emit({ kind: 'log', level: 'warn', cluster: cluster.name, reason: goBack ?? why });
  return sealAll(
    cluster,
    { reason: why, suspectedAt: suspicion.since, failed: [], wish: undefined, goBack },
    context,
  );
}

/** Its server runs again, closed for good at the plan's epoch: a higher one may open it. */
function isBackClosed(cluster: ClusterState, plan: Plan, context: Context): boolean {
  const leader = cluster.members[plan.leader];
  const database = leader?.report?.database;
  return (
    answers(leader, plan, context) &&
    isFenced(leader, plan) &&
    database?.state === 'running' &&
    database.role === 'replica'
  );
}
