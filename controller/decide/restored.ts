/**
 * E6, the way back after a restore of etcd. An operator has raised the generation; etcd's plan is of an earlier one, and may be older than
 * what the members hold. So each of them is asked for its plan, in a term that is above all that controllers sent before: whoever answers
 * takes up nothing of theirs any more. Once every member of the newest plan has answered, that plan goes on as the next version,
 * and with it this controller begins as one that has just been elected (A2, A4).
 */
import { asDuration, latest, LONG_AGO, nextVersion, since } from '#core/brand.js';
import { isProved, type Plan } from '#core/plan.js';
import { reason } from '#core/reasons.js';
import { ELECTION, timingsOf } from '#core/timings.js';
import { nextQuestion } from '#controller/decide/questions.js';
import { answerEverybody } from '#controller/decide/reply.js';
import {
  asFarAsTheLeaderKnows,
  forgottenSince,
  isSaidBy,
  missing,
  newestOf,
  restoredEntry,
} from '#controller/decide/restored-plan.js';
import { withIdentities } from '#controller/decide/identity.js';
import { say } from '#controller/decide/say.js';
import {
  type ClusterState,
  type Context,
  openingOf,
  type Repair,
  type Told,
} from '#controller/decide/state.js';
import { tell } from '#controller/decide/tell.js';
import { submit } from '#controller/decide/writes.js';

const ASK_AGAIN = asDuration(1000);

/** While etcd's plan is in doubt, and no write is under way. */
export function restore(before: ClusterState, context: Context): ClusterState {
  const { role } = context;
  if (role.kind !== 'active') return before;
  const cluster = atRest(before, context);
  if ((cluster.stored?.plan.generation ?? 0n) >= role.term.generation)
    return say({ ...cluster, repair: undefined }, 'error', reason('STORE_BEHIND'), context);
  const questions = cluster.questions + (cluster.repair === undefined ? 1 : 0);
  const repair = ask(cluster, listen(cluster, context), context);
  const asking = { ...cluster, repair, questions };
  const plan = newestOf(cluster.stored?.plan, repair.told, context);
  if (plan === undefined) return asking;
  // An earlier restore raised it as far, so it tells nothing of this one.
  if (plan.generation >= role.term.generation) {
    const evidence = { generation: Number(plan.generation), term: Number(role.term.generation) };
    return say(asking, 'error', reason('STORE_BEHIND', evidence), context);
  }
  const waitedFor = missing(plan, asking, repair.told, context);
  if (waitedFor.length === 0) return goOn(asking, plan, repair, context);
  if (since(repair.since, context.now) < ASK_AGAIN) return asking;
  return say(asking, 'error', reason('RESTORE_WAITS', { members: waitedFor.join(' ') }), context);
}

/** Whatever was decided, or was about to be, was so on a plan that may not be the newest. */
function atRest(cluster: ClusterState, context: Context): ClusterState {
  answerEverybody({ ...cluster, inspecting: undefined }, context);
  return {
    ...cluster,
    ...{ attempt: undefined, order: undefined, releasing: undefined, hold: undefined },
    ...{ suspicion: undefined, wellSince: undefined, joiningAcknowledgedAt: undefined },
  };
}

function listen(cluster: ClusterState, context: Context): Repair {
  const repair = cluster.repair ?? {
    question: nextQuestion(cluster, context),
    since: context.now,
    askedAt: LONG_AGO,
    told: [],
  };
  const news = Object.values(cluster.members).flatMap(({ member, report }): Told[] =>
    report?.told?.request === repair.question
      ? [{ member, dataId: report.database.dataId, plan: report.told.plan }]
      : [],
  );
  const old = repair.told.filter(({ member }) => !isSaidBy(news, member));
  return news.length === 0 ? repair : { ...repair, told: [...old, ...news] };
}

/** Everybody beside the cluster's data, or beside none, who has not answered yet; what was lost is asked again. */
function ask(cluster: ClusterState, repair: Repair, context: Context): Repair {
  const { role } = context;
  if (role.kind !== 'active' || since(repair.askedAt, context.now) < ASK_AGAIN) return repair;
  for (const { connected, member, report } of Object.values(cluster.members)) {
    const found = report?.database.dataId;
    const isOther = found !== '' && found !== (cluster.stored?.plan.dataId ?? found);
    if (!connected || isOther || isSaidBy(repair.told, member)) continue;
    tell(cluster, member.name, { kind: 'tellPlan', request: repair.question }, context);
  }
  return { ...repair, askedAt: context.now };
}

function goOn(cluster: ClusterState, newest: Plan, repair: Repair, context: Context): ClusterState {
  const plan = planAfter(cluster, newest, repair, context);
  const evidence = { epoch: Number(plan.epoch), version: Number(plan.version), leader: plan.leader };
  const before = cluster.stored?.plan;
  const why = reason('RESTORED', {
    ...evidence,
    ...(before === undefined
      ? {}
      : { storedEpoch: Number(before.epoch), storedVersion: Number(before.version) }),
  });
  context.emit({ kind: 'log', level: 'warn', cluster: cluster.name, reason: why });
  // What the controllers before the restore granted is known to nobody here; their holds are in the plan.
  const promise = context.rules.A2({
    receivedAt: context.now,
    ttlMs: ELECTION.ttlMs,
    promiseMs: context.rules.A4(timingsOf(plan.policy.profile), plan.holdMs),
    resignedRemainderMs: undefined,
  });
  const left = reason('OPENING_FAILED', { leader: plan.leader, leftBy: 'an earlier controller' });
  const restarted = {
    ...cluster,
    promise: latest(cluster.promise, promise),
    heldPromise: plan.holdMs > 0 ? latest(cluster.heldPromise, promise) : cluster.heldPromise,
    attempt: isProved(plan) ? undefined : openingOf(plan, left, context.now),
    // Refused, it begins again with what everybody says then.
    repair: { ...repair, told: [] },
  };
  const entry = restoredEntry(plan, before, why, context);
  return submit(restarted, plan, context, { policy: plan.policy, ...(entry === undefined ? {} : { entry }) });
}

/** Above every version that anybody holds, and of the newest plan's epoch. */
function planAfter(cluster: ClusterState, newest: Plan, { told }: Repair, context: Context): Plan {
  const highest = [cluster.stored?.plan, ...told.map(({ plan }) => plan)]
    .map((plan) => plan?.version ?? newest.version)
    .reduce((top, one) => (one > top ? one : top));
  const back = forgottenSince(newest, cluster, told, context).filter(({ name }) => name !== newest.leader);
  const plan = withIdentities(asFarAsTheLeaderKnows(newest, told), back);
  return { ...plan, version: nextVersion(highest) };
}
