/** From the sealed members of an attempt to the one that is to lead, or the reason why nobody is chosen yet. */
import { after } from '#core/brand.js';
import { chooseMostAdvanced, type Chosen, type SealedCandidate } from '#core/choose.js';
import type { Candidate } from '#core/ledger.js';
import type { Plan } from '#core/plan.js';
import { memberPolicy } from '#core/policy.js';
import { comparePositions, formatPosition } from '#core/position.js';
import { type Reason, reason } from '#core/reasons.js';
import { excluded } from '#controller/decide/candidates.js';
import { choiceOfItself, leaderItself } from '#controller/decide/leader-itself.js';
import { onTheLine } from '#controller/decide/line.js';
import { isComplete, isLossless, keepsConfirmed, mayLackConfirmed } from '#controller/decide/lossless.js';
import type { Attempt, Choice, ClusterState, Context } from '#controller/decide/state.js';
import { isFenced, isSilent } from '#controller/decide/suspect.js';
import { promiseLeft } from '#controller/decide/vouched.js';

type Choosing =
  | { readonly kind: 'chosen'; readonly choice: Choice }
  /** Goes on by itself. */
  | { readonly kind: 'wait'; readonly reason: Reason }
  /** Needs a member to come back, or an operator. */
  | { readonly kind: 'stuck'; readonly reason: Reason };

/** Whom or what may still be waited for. */
export interface Patience {
  readonly forSeals: boolean;
  readonly forAhead: boolean;
  readonly forTail: boolean;
}

export function choose(
  cluster: ClusterState,
  plan: Plan,
  attempt: Attempt,
  patience: Patience,
  context: Context,
): Choosing {
  const all = sealedMembers(cluster, plan, attempt, context);
  const proof = mayAppoint(cluster, plan, attempt, all, context);
  const promiseRuns = { kind: 'wait', reason: reason('PROMISE_RUNS', { leader: plan.leader }) } as const;
  if (proof === undefined) return promiseRuns;
  // V2: only after a leader that merely lapsed does anybody wait for a promise of its own.
  const sealed = proof === 'lapsed' ? all : all.map((s) => ({ ...s, waitSeconds: 0 }));
  const oldLeaderFenced = isFenced(cluster.members[plan.leader], plan);
  // It needs not be waited for; but a moment's wait for its fence brings its log, and spares it a rewind.
  if (proof === 'lossless' && patience.forSeals && isAnswering(cluster, plan, plan.leader, context))
    return promiseRuns;
  const answered = (name: string): boolean => sealed.some((s) => s.member === name);

  const isClosed = proof === 'fenced' || proof === 'stated';
  const awaited = mayAnswer(cluster, plan, attempt, isClosed).filter(
    (name) => !answered(name) && isAnswering(cluster, plan, name, context),
  );
  if (patience.forSeals && awaited.length > 0) {
    return { kind: 'wait', reason: reason('WAITING_FOR_SEALS', { awaited: awaited.join(' ') }) };
  }
  // It may be applying what it has received; to do without it is to open the old leader again, which takes longer.
  const wished = awaited.find((name) => name === wishedFor(attempt));
  if (patience.forAhead && wished !== undefined) {
    return { kind: 'wait', reason: reason('WAITING_FOR_SEALS', { awaited: wished }) };
  }
  if (attempt.goBack !== undefined && !answered(plan.leader))
    return { kind: 'wait', reason: reason('WAITING_FOR_SEALS', { awaited: plan.leader }) };
  if (
    patience.forTail &&
    oldLeaderFenced &&
    !answered(plan.leader) &&
    !isTailSettled(cluster, plan, context)
  ) {
    return { kind: 'wait', reason: reason('WAITING_FOR_TAIL', { leader: plan.leader }) };
  }
  // One that is named and told to lose what others hold may have left the line.
  const mayLeaveIt = attempt.wish?.acceptLoss === true && attempt.wish.to !== undefined;
  const standing = mayLeaveIt ? sealed : onTheLine(sealed, plan, context);
  const pool = appointable(cluster, standing, plan, attempt, isClosed, context);
  const chosen =
    asBefore(standing, attempt) ?? asWished(cluster, sealed, pool, plan, attempt) ?? chooseMostAdvanced(pool);
  switch (chosen.kind) {
    case 'none': {
      const itself =
        proof === 'stated' && !keepsConfirmed(plan, attempt, true, context)
          ? leaderItself(cluster, plan)
          : undefined;
      if (itself !== undefined) return { kind: 'chosen', choice: choiceOfItself(plan, itself) };
      return {
        kind: 'stuck',
        reason: reason('NO_CANDIDATE', {
          sealed: sealed.map((s) => s.member).join(' '),
          eligible: plan.eligible.join(' '),
          oldLeaderFenced,
        }),
      };
    }
    case 'diverged':
      return { kind: 'stuck', reason: reason('DIVERGED', { one: chosen.pair[0], other: chosen.pair[1] }) };
    case 'stuck':
      return chosen;
    case 'chosen':
      break;
  }
  const { candidate } = chosen;
  const isSure = isComplete(plan, candidate, sealed, context);
  // The most advanced of the set may be one that cannot lead.
  const mayLack = proof === 'lossless' && !isSure && !candidate.isOldLeader;
  if (mayLack && attempt.wish?.acceptLoss !== true && context.now < cluster.promise) return promiseRuns;
  const hasAll = attempt.tailFailedAt === undefined && hasTail(cluster, plan, candidate.member);
  if (mayLackConfirmed(plan, attempt, { ...candidate, isComplete: isSure, hasAll }, context)) {
    const { synchronous, acknowledgements } = plan.durability;
    const found = { sealed: sealed.map((s) => s.member).join(' '), synchronous: synchronous.join(' ') };
    return { kind: 'stuck', reason: reason('MAY_LACK_CONFIRMED', { ...found, acknowledgements }) };
  }
  // A leader that came back with less than it had is not ahead of anybody for having led; paused, nobody is eligible.
  const mayBeLess = candidate.isOldLeader && !context.rules.S1_keeps(candidate.position);
  const others = mayBeLess ? plan.members.map(({ name }) => name) : plan.eligible;
  const ahead = others.find(
    (name) => !answered(name) && !attempt.failed.includes(name) && lastKnownAhead(cluster, name, candidate),
  );
  if (ahead !== undefined && patience.forAhead) {
    return { kind: 'wait', reason: reason('WAITING_FOR_AHEAD', { member: ahead }) };
  }
  // Its agent waits by itself (V2); waited for here, the time that it has to open is not spent on that.
  const until = after(context.now, promiseLeft(cluster.members[candidate.member], context.now));
  const opening = {
    state: 'pending',
    atLeast: candidate.position,
    oldLeader: proof,
    mayLack: false,
  } as const;
  if (!context.rules.V2_open({ until, now: context.now }, opening))
    return { kind: 'wait', reason: reason('VOUCH_RUNS', { member: candidate.member }) };
  return {
    kind: 'chosen',
    choice: {
      member: candidate.member,
      incarnation: cluster.members[candidate.member]?.incarnation ?? '',
      position: candidate.position,
      atLeast: candidate.position,
      candidates: table(cluster, plan, attempt, sealed, pool, chosen),
      sealed: sealed.map((s) => s.member),
      isComplete: isSure,
      tail: { kind: 'not-needed' },
    },
  };
}

/** L5, as of now. */
export function mayAppoint(
  cluster: ClusterState,
  plan: Plan,
  { wish }: Attempt,
  sealed: readonly SealedCandidate[],
  context: Context,
): 'fenced' | 'lapsed' | 'lossless' | 'stated' | undefined {
  const old = cluster.members[plan.leader]?.report;
  return context.rules.L5({
    now: context.now,
    promise: cluster.promise,
    fencedEpoch: old?.fencedEpoch ?? (0n as Plan['epoch']),
    planEpoch: plan.epoch,
    lossless: isLossless(plan, sealed, context),
    vouchedUntil: cluster.vouchedUntil,
    // Said of this leader and of no later one, and worth nothing once it is heard.
    statedOff: wish?.off === plan.leader && !isAnswering(cluster, plan, plan.leader, context),
  });
}

/** INV-3: only what this incarnation read after this very seal counts. */
export function sealedMembers(
  cluster: ClusterState,
  plan: Plan,
  attempt: Attempt,
  context: Context,
): readonly SealedCandidate[] {
  return plan.members.flatMap(({ name }) => {
    const picture = cluster.members[name];
    if (picture?.connected !== true || picture.report === undefined) return [];
    const position = context.rules.S1_position(picture.report, attempt.epoch);
    if (position?.dataId !== plan.dataId) return [];
    return [
      {
        member: name,
        position,
        isOldLeader: name === plan.leader,
        isEligible: plan.eligible.includes(name),
        priority: memberPolicy(plan.policy, name).priority,
        backlog: picture.report.database.backlog,
        waitSeconds: Math.round(promiseLeft(picture, context.now) / 1000),
      },
    ];
  });
}

/** Whose seals are worth waiting for a moment. */
function mayAnswer(
  cluster: ClusterState,
  plan: Plan,
  attempt: Attempt,
  oldLeaderIsClosed: boolean,
): readonly string[] {
  const others = plan.members
    .map(({ name }) => name)
    .filter((name) => name !== plan.leader && excluded(plan, name) === undefined)
    .filter(
      (name) =>
        oldLeaderIsClosed ||
        plan.eligible.includes(name) ||
        plan.durability.synchronous.includes(name) ||
        name === attempt.wish?.to,
    );
  return canBeSealed(cluster, plan) && !sparesLeader(attempt) ? [plan.leader, ...others] : others;
}

/**
 * The old leader itself and the eligible; anybody once the old leader is closed (V7), since then only what they hold counts. INV-6: nobody
 * without a guard, nobody whom the policy or an administrator leaves out.
 */
function appointable(
  cluster: ClusterState,
  sealed: readonly SealedCandidate[],
  plan: Plan,
  attempt: Attempt,
  oldLeaderIsClosed: boolean,
  context: Context,
): readonly SealedCandidate[] {
  if (attempt.goBack !== undefined) return sealed.filter((s) => s.isOldLeader);
  return sealed
    .filter((s) => !attempt.failed.includes(s.member))
    .filter((s) => cluster.members[s.member]?.report?.guarded === true)
    .filter((s) => {
      const isWaived = attempt.wish?.acceptLoss === true || hasTail(cluster, plan, s.member);
      return s.isOldLeader || context.rules.V7(plan, s.member, oldLeaderIsClosed, isWaived);
    })
    .filter((s) => s.isOldLeader || excluded(plan, s.member) === undefined);
}

/** Going back to the old leader loses what a replica has and it has not: its log may have been lost with its machine. */
function asBefore(
  sealed: readonly SealedCandidate[],
  { goBack }: Attempt,
): (Choosing & { kind: 'stuck' }) | undefined {
  const leader = sealed.find((s) => s.isOldLeader);
  if (goBack === undefined || leader === undefined) return undefined;
  const ahead = sealed.find((s) => holdsMore(s, leader));
  if (ahead === undefined) return undefined;
  return { kind: 'stuck', reason: reason('WOULD_LOSE', { member: leader.member, ahead: ahead.member }) };
}

function holdsMore(one: SealedCandidate, than: SealedCandidate): boolean {
  const compared = comparePositions(one.position, than.position);
  return compared === 'ahead' || compared === 'diverged';
}

/** The member that an operator asked for: it needs the old leader's log, or to be as advanced as any, or leave to lose what it lacks. */
function asWished(
  cluster: ClusterState,
  sealed: readonly SealedCandidate[],
  pool: readonly SealedCandidate[],
  plan: Plan,
  attempt: Attempt,
): Chosen | (Choosing & { kind: 'stuck' }) | undefined {
  const to = wishedFor(attempt);
  if (to === undefined) return undefined;
  const acceptLoss = attempt.wish?.acceptLoss === true;
  const stuck = (why: Reason): Choosing & { kind: 'stuck' } => ({ kind: 'stuck', reason: why });
  const candidate = pool.find(({ member }) => member === to);
  if (candidate === undefined) {
    const isSealed = sealed.some(({ member }) => member === to);
    return stuck(excluded(plan, to) ?? reason(isSealed ? 'NOT_ELIGIBLE' : 'NOT_SEALED', { member: to }));
  }
  const ahead = pool.find((s) => holdsMore(s, candidate));
  if (ahead !== undefined && !hasTail(cluster, plan, to) && !acceptLoss)
    return stuck(reason('WOULD_LOSE', { member: to, ahead: ahead.member }));
  return { kind: 'chosen', candidate, tie: false };
}

/** Undefined: nobody, or it is over with that wish. */
const wishedFor = ({ wish, goBack, failed }: Attempt): string | undefined =>
  goBack === undefined && failed.length === 0 ? wish?.to : undefined;

/** DESIGN 6.4: the old leader's agent answers, it has confirmed fenced, and its disk can be read. */
export function hasTail(cluster: ClusterState, plan: Plan, chosen: string): boolean {
  const old = cluster.members[plan.leader];
  return (
    plan.leader !== chosen &&
    isFenced(old, plan) &&
    old?.connected === true &&
    old.report?.database.ownTail === 'readable'
  );
}

/** A leader that closed for another one keeps its log to be read, and is not sealed; sealed, it would start again (see the agent's `startStep`). */
export const sparesLeader = ({ wish, goBack, failed }: Attempt): boolean =>
  wish !== undefined && goBack === undefined && failed.length === 0;

/** An old leader whose server runs closed can tell its own position; a dead one's log is read as the tail instead. */
function canBeSealed(cluster: ClusterState, plan: Plan): boolean {
  const database = cluster.members[plan.leader]?.report?.database;
  return database?.state === 'running' && database.role === 'replica';
}

/** Or never will be: of an old leader that does not answer, or whose log is gone, nothing is expected any more. */
function isTailSettled(cluster: ClusterState, plan: Plan, context: Context): boolean {
  const database = cluster.members[plan.leader]?.report?.database;
  const isAwaited = (database?.ownTail ?? 'awaited') === 'awaited';
  return !isAwaited || !isAnswering(cluster, plan, plan.leader, context);
}

function isAnswering(cluster: ClusterState, plan: Plan, name: string, context: Context): boolean {
  const picture = cluster.members[name];
  return picture?.connected === true && !isSilent(picture, plan, context.now);
}

function lastKnownAhead(cluster: ClusterState, name: string, chosen: SealedCandidate): boolean {
  const known = cluster.members[name]?.report?.database.position;
  return known !== undefined && comparePositions(known, chosen.position) === 'ahead';
}

/** Who was considered, where each stood, and why it was not chosen: the ledger's evidence. */
function table(
  cluster: ClusterState,
  plan: Plan,
  attempt: Attempt,
  sealed: readonly SealedCandidate[],
  pool: readonly SealedCandidate[],
  chosen: { readonly candidate: SealedCandidate; readonly tie: boolean },
): readonly Candidate[] {
  const names = [...plan.eligible, ...sealed.map((s) => s.member)].filter(
    (n, i, all) => all.indexOf(n) === i,
  );
  return names.map((name): Candidate => {
    const s = sealed.find((one) => one.member === name);
    if (s === undefined) {
      const position = cluster.members[name]?.report?.database.position;
      const evidence = position === undefined ? {} : { lastKnown: formatPosition(position) };
      return {
        member: name,
        position: undefined,
        compared: undefined,
        verdict: 'silent',
        reason: reason('NOT_SEALED', evidence),
      };
    }
    const compared = comparePositions(s.position, chosen.candidate.position);
    const common = { member: name, position: s.position, compared };
    const evidence = { position: formatPosition(s.position) };
    if (name === chosen.candidate.member) {
      const why = s.isOldLeader
        ? 'OLD_LEADER_REOPENED'
        : attempt.wish?.to === name
          ? whyWished(attempt.wish)
          : chosen.tie
            ? 'PRIORITY'
            : 'MOST_ADVANCED';
      return { ...common, verdict: 'chosen', reason: reason(why, evidence) };
    }
    if (attempt.failed.includes(name))
      return { ...common, verdict: 'refused', reason: reason('FAILED_BEFORE', evidence) };
    if (!pool.includes(s))
      return {
        ...common,
        verdict: 'refused',
        reason: excluded(plan, name) ?? reason('NOT_ELIGIBLE', evidence),
      };
    const why = compared === 'equal' ? 'TIED' : 'LESS_ADVANCED';
    return { ...common, verdict: 'passed-over', reason: reason(why, evidence) };
  });
}

const whyWished = ({ kind }: NonNullable<Attempt['wish']>): 'SWITCHOVER' | 'FAILOVER_ASKED' =>
  kind === 'switchover' ? 'SWITCHOVER' : 'FAILOVER_ASKED';
