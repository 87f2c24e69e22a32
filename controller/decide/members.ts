/**
 * Who belongs to the cluster: every agent beside the same data that follows it, under the address that it tells now. A member is added
 * by starting its agent, and becomes eligible by V4's two steps like any other.
 */
import { nextVersion } from '#core/brand.js';
import { isProved, type Plan, type PlanMember } from '#core/plan.js';
import { reason } from '#core/reasons.js';
import type { ClusterState, Context, MemberPicture } from '#controller/decide/state.js';
import { submit } from '#controller/decide/writes.js';

export function tendMembers(cluster: ClusterState, plan: Plan, context: Context): ClusterState | undefined {
  if (!isProved(plan)) return undefined;
  const connected = Object.values(cluster.members).filter((m) => m.connected && holdsOurData(m, plan));
  const moved = connected.filter(({ member }) => {
    const known = plan.members.find(({ name }) => name === member.name);
    return known !== undefined && !samePlace(known, member);
  });
  const added = connected.filter((m) => isNewReplica(m, plan));
  if (moved.length === 0 && added.length === 0) return undefined;
  const changed = [...moved, ...added].map(({ member }) => member);
  const why = reason('MEMBERS', { members: changed.map(({ name }) => name).join(' ') });
  context.emit({ kind: 'log', level: 'info', cluster: cluster.name, reason: why });
  const kept = plan.members.filter(({ name }) => !changed.some((member) => member.name === name));
  const members = [...kept, ...changed].sort((a, b) => (a.name < b.name ? -1 : 1));
  return submit(cluster, { ...plan, version: nextVersion(plan.version), members }, context);
}

const holdsOurData = ({ report }: MemberPicture, plan: Plan): boolean =>
  report?.database.dataId === plan.dataId;

const isNewReplica = ({ member, report }: MemberPicture, plan: Plan): boolean =>
  !plan.members.some(({ name }) => name === member.name) &&
  report?.database.role === 'replica' &&
  report.database.streaming;

const samePlace = (a: PlanMember, b: PlanMember): boolean =>
  a.agentAddress === b.agentAddress && a.databaseHost === b.databaseHost && a.databasePort === b.databasePort;
