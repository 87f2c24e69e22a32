/**
 * A switchover up to the seals (DESIGN 9): wait until the candidate is near, let the leader write everything to disk, have routers hold clients back,
 * have the leader close in order. Until it is told to close nothing has changed, and whatever fails only ends the wish. An operator's failover begins with
 * the closing, or, where the leader does not answer, with waiting out its lease (L5).
 */
import { assertNever } from '#core/assert.js';
import { asDuration, type DurationMs, LONG_AGO, type MonotonicMs, since } from '#core/brand.js';
import type { Plan } from '#core/plan.js';
import { NEAR } from '#core/position.js';
import { type Reason, reason } from '#core/reasons.js';
import { behind } from '#controller/decide/candidates.js';
import { sealAll } from '#controller/decide/failover.js';
import { answers, forecast } from '#controller/decide/forecast.js';
import { nextQuestion } from '#controller/decide/questions.js';
import { inWords, replyError } from '#controller/decide/reply.js';
import { notPaused } from '#controller/decide/routers.js';
import { say } from '#controller/decide/say.js';
import type { ClusterState, Context, Order, Wish } from '#controller/decide/state.js';
import { isFenced } from '#controller/decide/suspect.js';
import { tell } from '#controller/decide/tell.js';

const NEAR_WITHIN = asDuration(60_000);
const PREPARED_WITHIN = asDuration(150_000);
/** The leader's own limit for a stop in order, a fence, and the messages around them. */
const CLOSED_WITHIN = asDuration(5000);
/** Of routers, in one line. */
const MOST_NAMED = 5;
/** Clients wait meanwhile: a transaction that takes longer is ended with the leader, as it would be without a router. */
const PAUSED_WITHIN = asDuration(1000);
const TELL_AGAIN = asDuration(1000);

/** What the operator asked; `leaderIsOff` is said of the present leader. */
export interface Asked extends Pick<Wish, 'kind' | 'to' | 'by' | 'acceptLoss'> {
  readonly leaderIsOff: boolean;
}

export function beginOrder(
  cluster: ClusterState,
  plan: Plan,
  asked: Asked,
  request: number,
  context: Context,
): ClusterState {
  const expected = forecast(cluster, plan, { of: asked.kind, ...asked }, context);
  if (expected.refused !== undefined || cluster.write !== undefined) {
    const why = expected.refused ?? reason('BUSY', { doing: 'write' });
    replyError(request, 'OPERATION_REFUSED', inWords(why), context);
    return cluster;
  }
  const { kind, to, by, acceptLoss } = asked;
  const wish: Wish = {
    ...{ kind, by, acceptLoss, request, closedAt: undefined, pause: undefined },
    to: kind === 'switchover' ? expected.candidate : to,
    off: asked.leaderIsOff ? plan.leader : undefined,
  };
  context.emit({ kind: 'log', level: 'info', cluster: cluster.name, reason: whyOf(wish) });
  // A failover that found nobody is waiting already: the wish tells it whom.
  const waiting = cluster.attempt;
  if (waiting !== undefined)
    return { ...cluster, attempt: { ...waiting, wish, goBack: undefined, stageAt: context.now } };
  const begun: Order = {
    wish,
    stage: 'nearing',
    stageAt: context.now,
    question: nextQuestion(cluster, context),
    toldAt: LONG_AGO,
  };
  const asks = { ...cluster, questions: cluster.questions + 1 };
  return kind === 'failover' ? enter(asks, begun, 'stepping-down', context) : { ...asks, order: begun };
}

/** The reason by which the ledger remembers a wish. */
export const whyOf = ({ kind, to, by, off }: Wish): Reason =>
  reason(kind === 'switchover' ? 'SWITCHOVER' : 'FAILOVER_ASKED', {
    by,
    to: to ?? 'the most advanced',
    ...(off === undefined ? {} : { off }),
  });

export function continueOrder(
  cluster: ClusterState,
  plan: Plan,
  order: Order,
  context: Context,
): ClusterState {
  if (order.stage === 'stepping-down') return steppingDown(cluster, plan, order, context);
  // A leader that fails meanwhile is everybody's business, not this wish's.
  if (cluster.suspicion !== undefined) return end(cluster, order, cluster.suspicion.reason, context);
  const { refused } = forecast(
    { ...cluster, order: undefined },
    plan,
    { of: 'switchover', to: order.wish.to, leaderIsOff: false },
    context,
  );
  if (refused !== undefined) return end(cluster, order, refused, context);
  switch (order.stage) {
    case 'nearing':
      return nearing(cluster, plan, order, context);
    case 'preparing':
      return preparing(cluster, plan, order, context);
    case 'pausing':
      return pausing(cluster, order, context);
    default:
      return assertNever(order.stage);
  }
}

function nearing(cluster: ClusterState, plan: Plan, order: Order, context: Context): ClusterState {
  if (isNear(cluster, plan, order)) return enter(cluster, order, 'preparing', context);
  if (isLate(order, NEAR_WITHIN, context))
    return end(cluster, order, reason('NOT_NEAR', distance(cluster, plan, order)), context);
  return say(cluster, 'info', reason('NEARING', distance(cluster, plan, order)), context);
}

function preparing(cluster: ClusterState, plan: Plan, order: Order, context: Context): ClusterState {
  const done = cluster.members[plan.leader]?.report?.prepared === order.question;
  // The checkpoint may have taken minutes: near once more, or waited for.
  if (done && isNear(cluster, plan, order)) {
    const wish = { ...order.wish, pause: order.question };
    return pausing(cluster, { ...order, wish, stage: 'pausing', stageAt: context.now }, context);
  }
  if (isLate(order, PREPARED_WITHIN, context)) {
    const why = done
      ? reason('NOT_NEAR', distance(cluster, plan, order))
      : reason('NOT_PREPARED', { leader: plan.leader });
    return end(cluster, order, why, context);
  }
  const told = done ? cluster : tellAgain(cluster, plan, order, context);
  const wait = done
    ? reason('NEARING', distance(cluster, plan, order))
    : reason('PREPARING', { leader: plan.leader });
  return say(told, 'info', wait, context);
}

/** What clients have begun comes to its end, and what they begin from now on waits for the next leader. */
function pausing(cluster: ClusterState, order: Order, context: Context): ClusterState {
  const awaited = notPaused(context.routers, cluster.name, order.question).slice(0, MOST_NAMED).join(' ');
  if (awaited === '') return enter(cluster, order, 'stepping-down', context);
  if (!isLate(order, PAUSED_WITHIN, context))
    return say({ ...cluster, order }, 'info', reason('PAUSING', { awaited }), context);
  context.emit({
    kind: 'log',
    level: 'warn',
    cluster: cluster.name,
    reason: reason('NOT_PAUSED', { awaited }),
  });
  return enter(cluster, order, 'stepping-down', context);
}

function steppingDown(cluster: ClusterState, plan: Plan, order: Order, context: Context): ClusterState {
  const leader = cluster.members[plan.leader];
  const isClosed = isFenced(leader, plan);
  // L5: a leader that cannot be told is waited out.
  const isGone =
    !answers(leader, plan, context) && (order.wish.off === plan.leader || context.now >= cluster.promise);
  if (isClosed || (isGone && order.wish.kind === 'failover')) {
    return sealAll(
      { ...cluster, order: undefined },
      {
        reason: whyOf(order.wish),
        suspectedAt: order.wish.closedAt ?? context.now,
        failed: [],
        wish: order.wish,
        goBack: undefined,
      },
      context,
    );
  }
  if (!answers(leader, plan, context) && order.wish.kind === 'failover')
    return say(cluster, 'warn', reason('PROMISE_RUNS', { leader: plan.leader }), context);
  if (isLate(order, CLOSED_WITHIN, context))
    return end(cluster, order, reason('NOT_CLOSED', { leader: plan.leader }), context);
  const told = tellAgain(cluster, plan, order, context);
  return say(told, 'info', reason('STEPPING_DOWN', { leader: plan.leader }), context);
}

function enter(cluster: ClusterState, order: Order, stage: Order['stage'], context: Context): ClusterState {
  const closing = stage === 'stepping-down';
  const entered: Order = {
    ...order,
    stage,
    stageAt: context.now,
    toldAt: LONG_AGO,
    wish: closing ? { ...order.wish, closedAt: context.now } : order.wish,
  };
  const plan = cluster.stored?.plan;
  const next = { ...cluster, order: entered };
  return plan === undefined ? next : tellAgain(next, plan, entered, context);
}

/** A directive or its effect may be lost: said again until a report shows it done. */
function tellAgain(cluster: ClusterState, plan: Plan, order: Order, context: Context): ClusterState {
  const { role } = context;
  if (role.kind !== 'active' || since(order.toldAt, context.now) < TELL_AGAIN) return cluster;
  const { epoch } = plan;
  tell(
    cluster,
    plan.leader,
    order.stage === 'preparing'
      ? { kind: 'prepare', epoch, request: order.question }
      : { kind: 'stepDown', epoch },
    context,
  );
  return { ...cluster, order: { ...order, toldAt: context.now } };
}

/** The wish comes to nothing. Once the leader was told to close it may still do so: then it is opened again like any other. */
function end(cluster: ClusterState, order: Order, why: Reason, context: Context): ClusterState {
  context.emit({ kind: 'log', level: 'warn', cluster: cluster.name, reason: why });
  replyError(order.wish.request, 'OPERATION_FAILED', inWords(why), context);
  return { ...cluster, order: undefined, said: undefined };
}

function isNear(cluster: ClusterState, plan: Plan, { wish }: Order): boolean {
  const bytes = wish.to === undefined ? undefined : behind(cluster, plan, wish.to);
  const backlog = cluster.members[wish.to ?? '']?.report?.database.backlog ?? 0;
  const near = NEAR[plan.engine];
  return bytes !== undefined && bytes <= near && BigInt(backlog) <= near;
}

function distance(cluster: ClusterState, plan: Plan, { wish }: Order): Reason['evidence'] {
  const bytes = wish.to === undefined ? undefined : behind(cluster, plan, wish.to);
  return { member: wish.to ?? '', behind: bytes === undefined ? 'not comparable' : Number(bytes) };
}

const isLate = (
  { stageAt }: { readonly stageAt: MonotonicMs },
  limit: DurationMs,
  context: Context,
): boolean => since(stageAt, context.now) > limit;
