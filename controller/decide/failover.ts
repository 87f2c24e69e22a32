/**
 * One failover, step by step: seal, choose, tail, commit, open. Each step looks at what the agents report now and either
 * waits or takes the next; directives are repeated with every report until they are answered, so none is ever awaited
 * twice and none is lost.
 */
import { asDuration, type DurationMs, type Epoch, since } from '#core/brand.js';
import type { Phase, PhaseName } from '#core/ledger.js';
import { reason } from '#core/reasons.js';
import { sealEpoch } from '#core/rules/sealing.js';
import { timingsOf } from '#core/timings.js';
import { appoint } from '#controller/decide/appoint.js';
import { choose } from '#controller/decide/choose.js';
import { say } from '#controller/decide/say.js';
import type { Attempt, ClusterState, Context, MemberPicture, Suspicion } from '#controller/decide/state.js';
import { isFenced, isSilent } from '#controller/decide/suspect.js';

/** How long the sealed are waited for before those that answered are chosen from. */
const SEAL_GRACE = asDuration(300);
/** Added to the policy's tail limit for the messages around it. */
const TAIL_MARGIN = asDuration(250);

export function startAttempt(cluster: ClusterState, suspicion: Suspicion, context: Context): ClusterState {
  const plan = cluster.stored?.plan;
  if (plan === undefined) return cluster;
  const { code } = suspicion.reason;
  if (code === 'PLANNED_STOP') {
    const waited = since(suspicion.since, context.now);
    if (waited < plan.policy.plannedStopWaitMs) return say(cluster, 'info', suspicion.reason, context);
  }
  // A seal ends a replica's vouching, so it comes as late as possible: not before the promise to a silent leader has run out.
  if (code === 'AGENT_SILENT' && context.now < cluster.promise) {
    return say(cluster, 'warn', reason('PROMISE_RUNS', suspicion.reason.evidence), context);
  }
  const why =
    code === 'PLANNED_STOP' ? reason('DATABASE_STOPPED', suspicion.reason.evidence) : suspicion.reason;
  context.emit({ kind: 'log', level: 'warn', cluster: cluster.name, reason: why });
  return sealAll(cluster, { reason: why, suspectedAt: suspicion.since, failed: [] }, context);
}

/** Begins an attempt at a new epoch: above the plan's and above all that any agent durably knows. */
function sealAll(
  cluster: ClusterState,
  about: Pick<Attempt, 'reason' | 'suspectedAt' | 'failed'>,
  context: Context,
): ClusterState {
  const plan = cluster.stored?.plan;
  if (plan === undefined) return cluster;
  const { reason: why, suspectedAt, failed } = about;
  const attempt: Attempt = {
    ...{ reason: why, suspectedAt, failed },
    phases: withPhase({ suspectedAt, phases: [] }, 'suspected', context),
    epoch: sealEpoch(plan.epoch, heardEpochs(cluster)),
    stage: 'sealing',
    stageAt: context.now,
    choice: undefined,
  };
  for (const member of plan.members) sealOne(cluster, attempt, member.name, context);
  return { ...cluster, attempt };
}

const heardEpochs = (cluster: ClusterState): readonly Epoch[] =>
  Object.values(cluster.members).flatMap(({ report }) => report?.highestEpoch ?? []);

function sealOne(cluster: ClusterState, attempt: Attempt, member: string, context: Context): void {
  const picture = cluster.members[member];
  if (context.role.kind !== 'active' || picture?.connected !== true) return;
  if (picture.report?.sealed?.epoch === attempt.epoch) return;
  context.emit({
    kind: 'send',
    cluster: cluster.name,
    member,
    directive: { kind: 'seal', term: context.role.term, epoch: attempt.epoch },
  });
}

export function continueAttempt(cluster: ClusterState, attempt: Attempt, context: Context): ClusterState {
  switch (attempt.stage) {
    case 'sealing':
      return sealing(cluster, attempt, context);
    case 'tail':
      return takingTail(cluster, attempt, context);
    case 'committing':
      // The write ended without the plan: etcd has another, which `reread` took up with this attempt dropped.
      return { ...cluster, attempt: undefined };
    case 'opening':
      return opening(cluster, attempt, context);
  }
}

const RESEND = asDuration(250);

function sealing(cluster: ClusterState, attempt: Attempt, context: Context): ClusterState {
  const plan = cluster.stored?.plan;
  if (plan === undefined) return cluster;
  // A member that durably knows a higher epoch can only refuse this one: an earlier controller got further than was known.
  if (heardEpochs(cluster).some((epoch) => epoch > attempt.epoch)) return sealAll(cluster, attempt, context);
  const waited = since(attempt.stageAt, context.now);
  const resent = resendSeals(cluster, attempt, waited, context);
  const { waitForAheadMs, tailTimeoutMs } = plan.policy;
  const choice = choose(
    resent,
    plan,
    attempt,
    waited < SEAL_GRACE,
    waited < waitForAheadMs,
    waited < tailTimeoutMs,
    context,
  );
  if (choice.kind === 'wait') return say(resent, 'info', choice.reason, context);
  if (choice.kind === 'stuck') {
    // Nobody who could be appointed answered in a whole round: those that failed before get another chance.
    const failed = waited > plan.policy.waitForAheadMs ? [] : attempt.failed;
    const said = say(resent, 'error', choice.reason, context);
    return said.attempt === undefined ? said : { ...said, attempt: { ...said.attempt, failed } };
  }
  const chosen: Attempt = {
    ...attempt,
    choice: choice.choice,
    phases: withPhase(attempt, 'sealed', context),
  };
  if (
    !hasTail(
      resent.members[plan.leader],
      plan.leader,
      choice.choice.member,
      isFenced(resent.members[plan.leader], plan),
    )
  ) {
    return appoint(resent, chosen, context);
  }
  const next: Attempt = { ...chosen, stage: 'tail', stageAt: context.now };
  askForTail(resent, next, context);
  return { ...resent, attempt: next };
}

/** A seal or its answer may be lost: asked again of everyone who has not answered, a few times a second. */
function resendSeals(
  cluster: ClusterState,
  attempt: Attempt,
  waited: DurationMs,
  context: Context,
): ClusterState {
  const plan = cluster.stored?.plan;
  const due = attempt.stageAt + RESEND * Math.floor(waited / RESEND);
  if (plan === undefined || waited < RESEND || (attempt.resentAt ?? attempt.stageAt) >= due) return cluster;
  for (const member of plan.members) sealOne(cluster, attempt, member.name, context);
  return { ...cluster, attempt: { ...attempt, resentAt: context.now } };
}

/** DESIGN 6.4: the old leader's agent answers, it has confirmed fenced, and its disk can be read. */
function hasTail(
  old: MemberPicture | undefined,
  oldLeader: string,
  chosen: string,
  fenced: boolean,
): boolean {
  return (
    oldLeader !== chosen && fenced && old?.connected === true && old.report?.database.tailReadable === true
  );
}

function askForTail(cluster: ClusterState, attempt: Attempt, context: Context): void {
  const plan = cluster.stored?.plan;
  const from = plan === undefined ? undefined : cluster.members[plan.leader];
  if (plan === undefined || from === undefined || attempt.choice === undefined) return;
  if (context.role.kind !== 'active') return;
  context.emit({
    kind: 'send',
    cluster: cluster.name,
    member: attempt.choice.member,
    directive: {
      kind: 'takeTail',
      term: context.role.term,
      epoch: attempt.epoch,
      from: plan.leader,
      agentAddress: from.member.agentAddress,
      timeoutMs: plan.policy.tailTimeoutMs,
    },
  });
}

function takingTail(cluster: ClusterState, attempt: Attempt, context: Context): ClusterState {
  const plan = cluster.stored?.plan;
  if (plan === undefined || attempt.choice === undefined) return cluster;
  const report = cluster.members[attempt.choice.member]?.report;
  const result = report?.tail?.epoch === attempt.epoch ? report.tail.result : undefined;
  const from = plan.leader;
  if (result?.kind === 'taken') {
    context.emit({
      kind: 'log',
      level: 'info',
      cluster: cluster.name,
      reason: reason('TAIL_TAKEN', { from, bytes: result.bytes }),
    });
    const choice = {
      ...attempt.choice,
      atLeast: result.atLeast,
      tail: { kind: 'taken', from, bytes: result.bytes } as const,
    };
    return appoint(cluster, { ...attempt, choice, phases: withPhase(attempt, 'tail', context) }, context);
  }
  const late = since(attempt.stageAt, context.now) > plan.policy.tailTimeoutMs + TAIL_MARGIN;
  if (result === undefined && !late) return repeatTail(cluster, attempt, context);
  const text = result?.text ?? 'no answer in time';
  context.emit({
    kind: 'log',
    level: 'error',
    cluster: cluster.name,
    reason: reason('TAIL_FAILED', { from, because: text }),
  });
  const choice = { ...attempt.choice, tail: { kind: 'failed', text } as const };
  return appoint(cluster, { ...attempt, choice, phases: withPhase(attempt, 'tail', context) }, context);
}

function repeatTail(cluster: ClusterState, attempt: Attempt, context: Context): ClusterState {
  if (since(attempt.resentAt ?? attempt.stageAt, context.now) < RESEND) return cluster;
  askForTail(cluster, attempt, context);
  return { ...cluster, attempt: { ...attempt, resentAt: context.now } };
}

/** The appointed member is given until its time limit; whatever ends its hope earlier ends the wait. */
function opening(cluster: ClusterState, attempt: Attempt, context: Context): ClusterState {
  const plan = cluster.stored?.plan;
  if (plan === undefined) return cluster;
  const picture = cluster.members[plan.leader];
  const late = since(attempt.stageAt, context.now) > plan.policy.openTimeoutMs;
  const dead = isFenced(picture, plan) || (picture?.report?.highestEpoch ?? plan.epoch) > plan.epoch;
  const silent =
    isSilent(picture, plan, context.now) &&
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
  return sealAll(
    cluster,
    { reason: why, suspectedAt: attempt.suspectedAt, failed: [...attempt.failed, plan.leader] },
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
