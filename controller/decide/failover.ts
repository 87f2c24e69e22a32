/**
 * One failover, step by step: seal, choose, tail, commit, open. Each step looks at what the agents report now and either
 * waits or takes the next; directives are repeated with every report until they are answered, so none is ever awaited
 * twice and none is lost.
 */
import { asDuration, type DurationMs, type Epoch, since } from '#core/brand.js';
import type { Phase, PhaseName } from '#core/ledger.js';
import type { Plan } from '#core/plan.js';
import { comparePositions } from '#core/position.js';
import { type Reason, reason } from '#core/reasons.js';
import { sealEpoch } from '#core/rules/sealing.js';
import { timingsOf } from '#core/timings.js';
import { appoint } from '#controller/decide/appoint.js';
import { choose, hasTail, sparesLeader } from '#controller/decide/choose.js';
import { speaksFor } from '#controller/decide/data.js';
import { keepsLeader, reopened } from '#controller/decide/damping.js';
import { answers } from '#controller/decide/forecast.js';
import { mayLackConfirmed } from '#controller/decide/lossless.js';
import { inWords, replyError } from '#controller/decide/reply.js';
import { say } from '#controller/decide/say.js';
import type { Attempt, Choice, ClusterState, Context } from '#controller/decide/state.js';
import { isFenced, isSilent } from '#controller/decide/suspect.js';
import { tell } from '#controller/decide/tell.js';
import { vouchedBy } from '#controller/decide/vouched.js';

/** How long the sealed are waited for before those that answered are chosen from. */
const SEAL_GRACE = asDuration(300);
/** Added to the policy's tail limit for the messages around it. */
const TAIL_MARGIN = asDuration(250);
const RESEND = asDuration(250);

/** Begins an attempt at a new epoch: above the plan's and above all that any agent durably knows. */
export function sealAll(
  cluster: ClusterState,
  about: Pick<Attempt, 'reason' | 'suspectedAt' | 'failed' | 'wish' | 'goBack'>,
  context: Context,
): ClusterState {
  const plan = cluster.stored?.plan;
  if (plan === undefined) return cluster;
  const { reason: why, suspectedAt, failed, wish, goBack } = about;
  const attempt: Attempt = {
    ...{ reason: why, suspectedAt, failed, wish, goBack },
    phases: withPhase({ suspectedAt, phases: [] }, 'suspected', context),
    epoch: sealEpoch(plan.epoch, heardEpochs(cluster, plan, context)),
    stage: 'sealing',
    stageAt: context.now,
    choice: undefined,
  };
  sealMembers(cluster, plan, attempt, context);
  return { ...cluster, attempt };
}

const heardEpochs = ({ members }: ClusterState, plan: Plan, context: Context): readonly Epoch[] =>
  Object.values(members).flatMap((picture) =>
    picture.report !== undefined && speaksFor(plan, picture, context) ? picture.report.highestEpoch : [],
  );

function sealMembers(cluster: ClusterState, plan: Plan, attempt: Attempt, context: Context): void {
  for (const { name } of plan.members) {
    if (name !== plan.leader || !sparesLeader(attempt)) sealOne(cluster, attempt, name, context);
  }
}

function sealOne(cluster: ClusterState, attempt: Attempt, member: string, context: Context): void {
  const picture = cluster.members[member];
  if (picture?.connected !== true) return;
  if (picture.report?.sealed?.epoch === attempt.epoch) return;
  tell(cluster, member, { kind: 'seal', epoch: attempt.epoch }, context);
}

export function continueAttempt(cluster: ClusterState, attempt: Attempt, context: Context): ClusterState {
  const plan = cluster.stored?.plan;
  if (plan === undefined) return cluster;
  switch (attempt.stage) {
    case 'sealing':
      return sealing(cluster, plan, attempt, context);
    case 'tail':
      return takingTail(cluster, plan, attempt, context);
    case 'committing':
      // The write ended without the plan: etcd has another, or none that can be read.
      return endWish(cluster, plan, attempt, reason('WRITE_REFUSED'), context);
    case 'opening':
      return opening(cluster, plan, attempt, context);
  }
}

function sealing(cluster: ClusterState, plan: Plan, attempt: Attempt, context: Context): ClusterState {
  // A member that durably knows a higher epoch can only refuse this one: an earlier controller got further than was known.
  if (heardEpochs(cluster, plan, context).some((epoch) => epoch > attempt.epoch))
    return sealAll(cluster, attempt, context);
  const waited = since(attempt.stageAt, context.now);
  if (attempt.tailFailedAt !== undefined && waited > plan.policy.waitForAheadMs)
    return sealAll(cluster, attempt, context);
  if (attempt.goBack !== undefined && waited > plan.policy.openTimeoutMs)
    return endGoBack(cluster, plan, attempt, attempt.goBack, context);
  const resent = resendSeals(cluster, plan, attempt, waited, context);
  const { waitForAheadMs, tailTimeoutMs } = plan.policy;
  const choice = choose(
    resent,
    plan,
    attempt,
    {
      // Given back, the old leader is wanted now; the others have had their time.
      forSeals: waited < SEAL_GRACE && (attempt.goBack === undefined || attempt.wish === undefined),
      forAhead: waited < waitForAheadMs,
      forTail: waited < tailTimeoutMs,
    },
    context,
  );
  if (choice.kind === 'wait') return say(resent, 'info', choice.reason, context);
  if (choice.kind === 'stuck') return stuck(resent, plan, attempt, waited, choice.reason, context);
  const sealed: Attempt = { ...attempt, phases: withPhase(attempt, 'sealed', context) };
  return chosen(resent, plan, sealed, choice.choice, context);
}

/** It takes the tail, where there is one to be had. */
function chosen(
  cluster: ClusterState,
  plan: Plan,
  attempt: Attempt,
  choice: Choice,
  context: Context,
): ClusterState {
  const { member } = choice;
  if (!hasTail(cluster, plan, member)) {
    return mustProveEqual(cluster, plan, attempt, context)
      ? giveUpWish(cluster, plan, attempt, reason('NOT_EQUAL', { member }), context)
      : appoint(cluster, { ...attempt, choice }, context);
  }
  const next: Attempt = { ...attempt, choice, stage: 'tail', stageAt: context.now, resentAt: context.now };
  askForTail(cluster, plan, next, context);
  return { ...cluster, attempt: next };
}

/** What an operator asked of a leader that answers loses nothing, unless he said that it may; without the leader's own log that cannot be proved. */
function mustProveEqual(cluster: ClusterState, plan: Plan, attempt: Attempt, context: Context): boolean {
  if (attempt.wish === undefined || attempt.goBack !== undefined || attempt.failed.length > 0) return false;
  if (attempt.wish.kind === 'switchover') return true;
  return !attempt.wish.acceptLoss && answers(cluster.members[plan.leader], plan, context);
}

function stuck(
  cluster: ClusterState,
  plan: Plan,
  attempt: Attempt,
  waited: DurationMs,
  why: Reason,
  context: Context,
): ClusterState {
  if (attempt.goBack !== undefined && plan.care === 'automatic')
    return endGoBack(cluster, plan, attempt, why, context);
  if (attempt.wish !== undefined && attempt.goBack === undefined)
    return giveUpWish(cluster, plan, attempt, why, context);
  const said = say(cluster, 'error', why, context);
  // Nobody who could be appointed answered in a whole round: those that failed before get another chance.
  const failed = waited > plan.policy.waitForAheadMs ? [] : attempt.failed;
  return said.attempt === undefined ? said : { ...said, attempt: { ...said.attempt, failed } };
}

/** What an operator asked for cannot be: the old leader is opened again (DESIGN 9); where it cannot be, whoever is fit leads. */
function giveUpWish(
  cluster: ClusterState,
  plan: Plan,
  attempt: Attempt,
  why: Reason,
  context: Context,
): ClusterState {
  context.emit({ kind: 'log', level: 'error', cluster: cluster.name, reason: why });
  if (attempt.failed.length > 0 || !answers(cluster.members[plan.leader], plan, context))
    return endWish(cluster, plan, attempt, why, context);
  const back: Attempt = {
    ...attempt,
    goBack: why,
    stage: 'sealing',
    stageAt: context.now,
    resentAt: context.now,
    choice: undefined,
  };
  sealMembers(cluster, plan, back, context);
  return { ...cluster, attempt: back };
}

/** The operator is answered. What he asked for goes on as an ordinary failover; paused, or held and asked for by nobody, nothing does. */
function endWish(
  cluster: ClusterState,
  plan: Plan,
  attempt: Attempt,
  why: Reason,
  context: Context,
): ClusterState {
  replyError(attempt.wish?.request, 'OPERATION_FAILED', inWords(why), context);
  const isOver = plan.care === 'paused' || (attempt.wish === undefined && keepsLeader(plan, context));
  const without = isOver ? undefined : { ...attempt, wish: undefined };
  return { ...cluster, attempt: without, said: undefined };
}

/** The old leader does not come back, or lacks what others have: whoever is fit leads; paused, or while that is held, `react` looks again. */
function endGoBack(
  cluster: ClusterState,
  plan: Plan,
  attempt: Attempt,
  why: Reason,
  context: Context,
): ClusterState {
  const ended = endWish(cluster, plan, { ...attempt, goBack: undefined }, why, context);
  return ended.attempt === undefined ? ended : sealAll(ended, ended.attempt, context);
}

/** A seal or its answer may be lost: asked again of everyone who has not answered, a few times a second. */
function resendSeals(
  cluster: ClusterState,
  plan: Plan,
  attempt: Attempt,
  waited: DurationMs,
  context: Context,
): ClusterState {
  const due = attempt.stageAt + RESEND * Math.floor(waited / RESEND);
  if (waited < RESEND || (attempt.resentAt ?? attempt.stageAt) >= due) return cluster;
  sealMembers(cluster, plan, attempt, context);
  return { ...cluster, attempt: { ...attempt, resentAt: context.now } };
}

function askForTail(cluster: ClusterState, plan: Plan, attempt: Attempt, context: Context): void {
  const from = cluster.members[plan.leader];
  if (from === undefined || attempt.choice === undefined) return;
  tell(
    cluster,
    attempt.choice.member,
    {
      kind: 'takeTail',
      epoch: attempt.epoch,
      from: plan.leader,
      agentAddress: from.member.agentAddress,
      timeoutMs: plan.policy.tailTimeoutMs,
    },
    context,
  );
}

function takingTail(cluster: ClusterState, plan: Plan, attempt: Attempt, context: Context): ClusterState {
  if (attempt.choice === undefined) return cluster;
  const { member, incarnation } = attempt.choice;
  // INV-3: the position that was chosen by is no longer what anybody there has read.
  const picture = cluster.members[member];
  if (picture?.incarnation !== incarnation) return sealAll(cluster, attempt, context);
  const { report } = picture;
  const result = report?.tail?.epoch === attempt.epoch ? report.tail.result : undefined;
  const from = plan.leader;
  const ended = { ...attempt, phases: withPhase(attempt, 'tail', context) };
  if (result?.kind === 'taken') {
    const taken = reason('TAIL_TAKEN', { from, bytes: result.bytes });
    context.emit({ kind: 'log', level: 'info', cluster: cluster.name, reason: taken });
    const choice = {
      ...attempt.choice,
      atLeast: result.atLeast,
      tail: { kind: 'taken', from, bytes: result.bytes } as const,
    };
    return appoint(cluster, { ...ended, choice }, context);
  }
  const late = since(attempt.stageAt, context.now) > plan.policy.tailTimeoutMs + TAIL_MARGIN;
  if (result === undefined && !late) return repeatTail(cluster, plan, attempt, context);
  const text = result?.text ?? 'no answer in time';
  const why = reason('TAIL_FAILED', { from, because: text });
  // Only with the tail is a wished-for member sure to have what others have.
  if (mustProveEqual(cluster, plan, attempt, context))
    return giveUpWish(cluster, plan, attempt, why, context);
  context.emit({ kind: 'log', level: 'error', cluster: cluster.name, reason: why });
  const better = moreAdvanced(cluster, plan, attempt, attempt.choice, context);
  if (better !== undefined) return chosen(cluster, plan, attempt, better, context);
  const isOldLeader = member === plan.leader;
  const { position } = attempt.choice;
  if (
    mayLackConfirmed(
      plan,
      attempt,
      { position, isOldLeader, isComplete: attempt.choice.isComplete, hasAll: false },
      context,
    )
  ) {
    const { now } = context;
    const again: Attempt = {
      ...attempt,
      stage: 'sealing',
      stageAt: now,
      tailFailedAt: now,
      choice: undefined,
    };
    return say({ ...cluster, attempt: again }, 'error', reason('MAY_LACK_CONFIRMED', { from }), context);
  }
  const choice = { ...attempt.choice, tail: { kind: 'failed', text } as const };
  return appoint(cluster, { ...ended, choice }, context);
}

/** Whoever was sealed too late to be chosen may hold more: without the tail that counts, and of the tail it needs less. */
function moreAdvanced(
  cluster: ClusterState,
  plan: Plan,
  attempt: Attempt,
  { position }: Choice,
  context: Context,
): Choice | undefined {
  if (attempt.wish !== undefined || attempt.goBack !== undefined || position === undefined) return undefined;
  const now = choose(cluster, plan, attempt, NO_PATIENCE, context);
  if (now.kind !== 'chosen' || now.choice.position === undefined) return undefined;
  return comparePositions(now.choice.position, position) === 'ahead' ? now.choice : undefined;
}

const NO_PATIENCE = { forSeals: false, forAhead: false, forTail: false } as const;

function repeatTail(cluster: ClusterState, plan: Plan, attempt: Attempt, context: Context): ClusterState {
  if (since(attempt.resentAt ?? attempt.stageAt, context.now) < RESEND) return cluster;
  askForTail(cluster, plan, attempt, context);
  return { ...cluster, attempt: { ...attempt, resentAt: context.now } };
}

/** The appointed member is given until its time limit; whatever ends its hope earlier ends the wait. */
function opening(cluster: ClusterState, plan: Plan, attempt: Attempt, context: Context): ClusterState {
  const picture = cluster.members[plan.leader];
  const late = since(attempt.stageAt, context.now) > plan.policy.openTimeoutMs;
  const dead = isFenced(picture, plan) || (picture?.report?.highestEpoch ?? plan.epoch) > plan.epoch;
  const silent =
    isSilent(picture, plan, context.now) &&
    vouchedBy(cluster, plan, context.now).length === 0 &&
    since(attempt.stageAt, context.now) > timingsOf(plan.policy.profile).silenceMs;
  if (!late && !dead && !silent) return cluster;
  // A silent one may have opened: its lease is waited out before anybody else is sealed.
  if (silent && !dead && context.now < cluster.promise) {
    return say(cluster, 'warn', reason('PROMISE_RUNS', { leader: plan.leader }), context);
  }
  const why = reason('OPENING_FAILED', {
    leader: plan.leader,
    because: dead ? 'closed again' : silent ? 'silent' : 'late',
  });
  context.emit({ kind: 'log', level: 'error', cluster: cluster.name, reason: why });
  const isKept = attempt.wish === undefined && keepsLeader(plan, context);
  return sealAll(
    cluster,
    {
      reason: why,
      suspectedAt: attempt.suspectedAt,
      failed: isKept ? [] : [...attempt.failed, plan.leader],
      wish: attempt.wish,
      goBack: isKept ? reopened(plan) : undefined,
    },
    context,
  );
}

export function withPhase(
  attempt: Pick<Attempt, 'phases' | 'suspectedAt'>,
  phase: PhaseName,
  context: Context,
): readonly Phase[] {
  return [...attempt.phases, { phase, ms: Math.round(since(attempt.suspectedAt, context.now)) }];
}
