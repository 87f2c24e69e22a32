/**
 * Who could lead next, as far as reports tell: a forecast, by which an operator's wish is refused or begun. What decides is read
 * after the seals (INV-3).
 */
import { databaseAddress, memberOf, type Plan } from '#core/plan.js';
import { memberPolicy } from '#core/policy.js';
import { logAhead, comparePositions, type Position } from '#core/position.js';
import { type Reason, reason } from '#core/reasons.js';
import type { ClusterState, Context } from '#controller/decide/state.js';
import { isSilent } from '#controller/decide/suspect.js';

/** Why the policy or an administrator keeps it from being appointed, whatever its log. Undefined: nothing does. */
export function excluded(plan: Plan, name: string): Reason | undefined {
  if (memberPolicy(plan.policy, name).appoint === 'never') return reason('APPOINT_NEVER', { member: name });
  if (plan.maintenance.includes(name)) return reason('IN_MAINTENANCE', { member: name });
  return undefined;
}

/** Why this member cannot take over now; undefined: it can. `willClose`: the old leader is going to confirm that it is closed, or is stated to be off (V7). */
export function unfit(
  cluster: ClusterState,
  plan: Plan,
  name: string,
  willClose: boolean,
  context: Context,
): Reason | undefined {
  const evidence = { member: name };
  if (memberOf(plan, name) === undefined) return reason('NOT_A_MEMBER', evidence);
  if (name === plan.leader) return reason('IS_LEADER', evidence);
  const kept = excluded(plan, name);
  if (kept !== undefined) return kept;
  const picture = cluster.members[name];
  const database = picture?.report?.database;
  if (picture?.connected !== true || isSilent(picture, plan, context.now) || database?.state !== 'running')
    return reason('NOT_ANSWERING', evidence);
  if (picture.report?.guarded !== true) return reason('NOT_ANSWERING', { ...evidence, guard: 'missing' });
  // A leader that closes hands out its log.
  if (!context.rules.V7(plan, name, willClose, willClose)) return reason('NOT_ELIGIBLE', evidence);
  if (database.role !== 'replica' || picture.report.problem !== undefined)
    return reason('NOT_FOLLOWING', { ...evidence, because: picture.report.problem?.code ?? database.role });
  return undefined;
}

/** Most advanced first, then by priority and name. */
export function byPromise(cluster: ClusterState, plan: Plan, names: readonly string[]): readonly string[] {
  const positionOf = (name: string): Position | undefined => cluster.members[name]?.report?.database.position;
  return [...names].sort((a, b) => {
    const [one, other] = [positionOf(a), positionOf(b)];
    if (one !== undefined && other !== undefined) {
      const compared = comparePositions(one, other);
      if (compared === 'ahead') return -1;
      if (compared === 'behind') return 1;
    }
    const preferred = memberPolicy(plan.policy, b).priority - memberPolicy(plan.policy, a).priority;
    return preferred !== 0 ? preferred : a < b ? -1 : 1;
  });
}

/** Log that the leader reported and the member had not, as the engine counts: of what it has received, or of what it has applied (`POSITION_IS_APPLIED`). */
export function behind(cluster: ClusterState, plan: Plan, name: string): bigint | undefined {
  const leader = cluster.members[plan.leader]?.report?.database.position;
  const own = cluster.members[name]?.report?.database.position;
  if (leader === undefined || own === undefined) return undefined;
  const bytes = logAhead(leader, own);
  return bytes === undefined ? undefined : bytes > 0n ? bytes : 0n;
}

/** Whether this member is heard, in this epoch, to have all log up to there on disk. */
export function holds(cluster: ClusterState, plan: Plan, name: string, upTo: Position): boolean {
  const report = cluster.members[name]?.report;
  if (report?.planEpoch !== plan.epoch || report.database.position === undefined) return false;
  return reaches(report.database.position, upTo);
}

/** By lines of history alone: a mark is a part of the log like any other. */
export function reaches(position: Position, upTo: Position): boolean {
  const stands = comparePositions({ ...position, marks: [] }, { ...upTo, marks: [] });
  return stands === 'ahead' || stands === 'equal';
}

/** Whether log of the leader reaches this member now, from whomever it follows. */
export function isStreaming(cluster: ClusterState, name: string): boolean {
  return cluster.members[name]?.report?.database.streaming === true;
}

/** Whether it follows the leader itself. */
export function followsLeader(cluster: ClusterState, plan: Plan, name: string): boolean {
  const leader = memberOf(plan, plan.leader);
  const upstream = cluster.members[name]?.report?.database.upstream;
  return leader !== undefined && isStreaming(cluster, name) && upstream === databaseAddress(leader);
}
