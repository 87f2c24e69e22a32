/** What a switchover or failover would do and lose, asked beforehand (`--dry-run`) and by whoever begins one. */
import { asDuration, type DurationMs } from '#core/brand.js';
import type { Forecast } from '#core/operator.js';
import { isBeingAdopted, isProved, type Plan } from '#core/plan.js';
import { type Reason, reason } from '#core/reasons.js';
import { behind, byPromise, unfit } from '#controller/decide/candidates.js';
import { keepsLeader } from '#controller/decide/damping.js';
import type { ClusterState, Context, MemberPicture } from '#controller/decide/state.js';
import { leaderItself } from '#controller/decide/leader-itself.js';
import { couldBeLossless } from '#controller/decide/lossless.js';
import { isFenced, isSilent } from '#controller/decide/suspect.js';
import { promiseLeft } from '#controller/decide/vouched.js';

export function forecast(
  cluster: ClusterState,
  plan: Plan,
  asked: { readonly of: Forecast['of']; readonly to: string | undefined; readonly leaderIsOff: boolean },
  context: Context,
): Forecast {
  const { of, to, leaderIsOff } = asked;
  const willClose =
    leaderIsOff || (answers(cluster.members[plan.leader], plan, context) && mayTakeAnybody(plan, of));
  const names = plan.members.map(({ name }) => name).filter((name) => name !== plan.leader);
  const fit = names.filter((name) => unfit(cluster, plan, name, willClose, context) === undefined);
  const [best] = byPromise(cluster, plan, fit);
  const itself = leaderIsOff && of === 'failover' ? leaderItself(cluster, plan)?.member.name : undefined;
  const candidate = to === undefined ? (best ?? itself) : fit.includes(to) ? to : undefined;
  const refused = busy(cluster, plan, of, context) ?? leaderUnfit(cluster, plan, of, context);
  return {
    of,
    leader: plan.leader,
    candidate,
    engine: plan.engine,
    behind: candidate === undefined ? undefined : behind(cluster, plan, candidate),
    loss: expectedLoss(cluster, plan, context),
    waitMs: leaderIsOff ? 0 : leaseLeft(cluster, plan, candidate, context),
    refused: refused ?? candidateUnfit(cluster, plan, asked, candidate, willClose, context),
    others: names
      .filter((name) => name !== candidate)
      .map((name) => ({
        member: name,
        reason: unfit(cluster, plan, name, willClose, context) ?? reason('NOT_PREFERRED', { member: name }),
      })),
  };
}

/** V7: a leader that confirms fenced may be followed by anybody. Switchovers keep to the eligible, of whom there are none while paused (V6). */
const mayTakeAnybody = (plan: Plan, of: Forecast['of']): boolean =>
  of === 'failover' || plan.care === 'paused';

/** Whether the leader's agent can be told to close its database, and to hand out its log. */
export function answers(picture: MemberPicture | undefined, plan: Plan, context: Context): boolean {
  return picture?.connected === true && picture.report !== undefined && !isSilent(picture, plan, context.now);
}

/** A failover that waits for members to answer may be told whom to take. */
export const isOpenToWishes = ({ attempt }: ClusterState): boolean =>
  attempt?.stage === 'sealing' && attempt.wish === undefined;

/** Paused, or while a failover is held, an opening that came to nothing is left to the operator. */
const isGivenUp = ({ attempt }: ClusterState, plan: Plan, context: Context): boolean =>
  keepsLeader(plan, context) && attempt === undefined && !isProved(plan) && !isBeingAdopted(plan);

function busy(cluster: ClusterState, plan: Plan, of: Forecast['of'], context: Context): Reason | undefined {
  if (cluster.order !== undefined) return reason('BUSY', { doing: cluster.order.wish.kind });
  if (of === 'failover' && (isOpenToWishes(cluster) || isGivenUp(cluster, plan, context))) return undefined;
  if (cluster.attempt !== undefined || !isProved(plan)) return reason('BUSY', { doing: 'failover' });
  return undefined;
}

function leaderUnfit(
  cluster: ClusterState,
  plan: Plan,
  of: Forecast['of'],
  context: Context,
): Reason | undefined {
  if (of === 'failover') return undefined;
  const picture = cluster.members[plan.leader];
  const database = picture?.report?.database;
  const isWell =
    answers(picture, plan, context) && database?.state === 'running' && database.role === 'writable';
  if (isWell && cluster.suspicion === undefined) return undefined;
  return reason('LEADER_NOT_WELL', { leader: plan.leader, state: database?.state ?? 'unknown' });
}

function candidateUnfit(
  cluster: ClusterState,
  plan: Plan,
  { to }: { readonly to: string | undefined },
  candidate: string | undefined,
  willClose: boolean,
  context: Context,
): Reason | undefined {
  if (candidate !== undefined) return undefined;
  const asked = to === undefined ? undefined : unfit(cluster, plan, to, willClose, context);
  return asked ?? reason('NO_CANDIDATE', { eligible: plan.eligible.join(' ') });
}

function expectedLoss(cluster: ClusterState, plan: Plan, context: Context): Forecast['loss'] {
  if (answers(cluster.members[plan.leader], plan, context) || couldBeLossless(cluster, plan, context))
    return { kind: 'none' };
  const text = `${plan.leader} does not answer: what it acknowledged and no replica received would be missing`;
  return { kind: 'possible', text };
}

/** L5, V2: nothing to wait for where the leader confirms that it is closed. */
function leaseLeft(
  cluster: ClusterState,
  plan: Plan,
  candidate: string | undefined,
  context: Context,
): DurationMs {
  const picture = cluster.members[plan.leader];
  if (isFenced(picture, plan) || answers(picture, plan, context) || couldBeLossless(cluster, plan, context))
    return asDuration(0);
  const own = candidate === undefined ? 0 : promiseLeft(cluster.members[candidate], context.now);
  return asDuration(Math.max(own, Math.round(cluster.promise - context.now)));
}
