/**
 * Evidence about a leader that has fallen silent (DESIGN 6.1): every replica's agent is asked to knock at its database and its agent from
 * where it is. An idle replication link is no evidence; a connection that is refused or answered is. What they find tells a lost
 * member from one that only the controllers do not hear, and is recorded; nobody is appointed by it.
 */
import { asDuration, since } from '#core/brand.js';
import { memberOf, type Plan } from '#core/plan.js';
import type { ProbeReport } from '#core/report.js';
import { timingsOf } from '#core/timings.js';
import type { ClusterState, Context, MemberPicture } from '#controller/decide/state.js';
import { tell } from '#controller/decide/tell.js';

const ASK_AGAIN = asDuration(1000);
/** Older than that, it says nothing of now. */
const FRESH = asDuration(2500);

/** Asks as soon as two heartbeats are missing, so that answers are there when the silence counts. */
export function probeSilentLeader(cluster: ClusterState, plan: Plan, context: Context): ClusterState {
  const leader = cluster.members[plan.leader];
  const member = memberOf(plan, plan.leader);
  const quiet = asDuration(timingsOf(plan.policy.profile).heartbeatMs * 2);
  const isQuiet = leader !== undefined && since(leader.receivedAt, context.now) > quiet;
  if (context.role.kind !== 'active' || member === undefined || !isQuiet) return cluster;
  if (since(cluster.probedAt, context.now) < ASK_AGAIN) return cluster;
  for (const { name } of plan.members) {
    if (name === plan.leader || cluster.members[name]?.connected !== true) continue;
    tell(cluster, name, { kind: 'probe', member }, context);
  }
  return { ...cluster, probedAt: context.now };
}

export interface Probed {
  /** `ben: refuses, agent refuses; cleo: …` */
  readonly text: string;
  /** Somebody looked, and nobody got an answer from the database. */
  readonly isLost: boolean;
}

/** What the members found when they looked at the leader; undefined: nobody has looked lately. */
export function probesOf(
  cluster: ClusterState,
  plan: Plan,
  context: Pick<Context, 'now'>,
): Probed | undefined {
  const found = plan.members.flatMap(({ name }) => {
    const picture = cluster.members[name];
    const probe = picture?.report?.probe;
    return picture !== undefined && probe !== undefined && isFresh(picture, probe, plan, context)
      ? [{ name, ...probe }]
      : [];
  });
  if (found.length === 0) return undefined;
  return {
    text: found.map(({ name, database, agent }) => `${name}: ${database}, agent ${agent}`).join('; '),
    isLost: found.every(({ database }) => database !== 'answers'),
  };
}

function isFresh(
  { receivedAt }: MemberPicture,
  { member, ageMs }: ProbeReport,
  plan: Plan,
  { now }: Pick<Context, 'now'>,
): boolean {
  return member === plan.leader && ageMs + since(receivedAt, now) <= FRESH;
}
