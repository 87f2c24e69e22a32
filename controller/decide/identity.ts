/**
 * E5 as a controller keeps it: members are who the plan names, by identity. What an agent says under a member's name with another identity
 * is no word of that member: not a seal, not a position, not that it is closed, not even that it is alive. So everything is decided on a
 * picture in which such agents are set aside, and there is no place where one could be counted by mistake.
 */
import { LONG_AGO, nextVersion } from '#core/brand.js';
import { isProved, memberOf, type Plan, type PlanMember } from '#core/plan.js';
import { type Reason, reason } from '#core/reasons.js';
import type { ClusterState, Context, MemberPicture } from '#controller/decide/state.js';
import { submit } from '#controller/decide/writes.js';

/** `decide` sees only whom the plan names; what is known of the agents stays as it was. */
export function decideAsPlanned(
  cluster: ClusterState,
  plan: Plan,
  context: Context,
  decide: (seen: ClusterState) => ClusterState,
): ClusterState {
  const seen = asPlanned(cluster, plan, context);
  const next = decide(seen);
  if (next === seen) return cluster;
  return seen === cluster ? next : { ...next, members: cluster.members, replaced: cluster.replaced };
}

/** A member that was replaced is as silent as one can be. */
function asPlanned(cluster: ClusterState, plan: Plan, { rules }: Context): ClusterState {
  const replaced = Object.values(cluster.members).filter(({ member }) => !rules.E5_member(plan, member));
  if (replaced.length === 0) return cluster;
  const silent = (picture: MemberPicture): MemberPicture => ({
    ...picture,
    connected: false,
    report: undefined,
    receivedAt: LONG_AGO,
  });
  return {
    ...cluster,
    members: { ...cluster.members, ...byName(replaced.map(silent)) },
    replaced: byName(replaced),
  };
}

const byName = (pictures: readonly MemberPicture[]): ClusterState['members'] =>
  Object.fromEntries(pictures.map((picture) => [picture.member.name, picture]));

/**
 * Takes replicas that came back without their memory into the plan as they are now. V4: that ends their being eligible, and only once etcd
 * has it may the new identity take up a plan; then it becomes eligible in two steps, as any new member. Not the leader: at this epoch its
 * name stands for what it promised (F1). It is taken in with the epoch of its heir.
 */
export function takeInReplaced(
  cluster: ClusterState,
  plan: Plan,
  context: Context,
): ClusterState | undefined {
  // S6: what it confirmed is not counted on any more before it is somebody new.
  const confirms = [...plan.durability.synchronous, ...plan.durability.atLeader.synchronous];
  const back = returned(cluster, plan).filter(({ name }) => name !== plan.leader && !confirms.includes(name));
  if (!isProved(plan) || cluster.attempt?.stage === 'committing' || back.length === 0) return undefined;
  for (const member of back) {
    const why = replacedReason(plan, member);
    context.emit({ kind: 'log', level: 'warn', cluster: cluster.name, reason: why });
  }
  const next = { ...withIdentities(plan, back), version: nextVersion(plan.version) };
  return submit({ ...cluster, joiningAcknowledgedAt: undefined }, next, context);
}

/** Those under another identity that are here, beside the cluster's data, or beside a server that has none and will be given a copy. */
export function returned({ replaced }: ClusterState, plan: Plan): readonly PlanMember[] {
  return Object.values(replaced).flatMap(({ connected, member, report }) => {
    const isEmpty = report?.database.position?.dataId === '';
    return connected && (isEmpty || report?.database.dataId === plan.dataId) ? [member] : [];
  });
}

export function withIdentities(plan: Plan, back: readonly PlanMember[]): Plan {
  const stays = (name: string): boolean => !back.some((one) => one.name === name);
  return {
    ...plan,
    members: plan.members.map((member) => back.find(({ name }) => name === member.name) ?? member),
    eligible: plan.eligible.filter(stays),
    joining: plan.joining.filter(stays),
  };
}

export const replacedReason = (plan: Plan, { name, identity }: PlanMember): Reason =>
  reason('MEMBER_REPLACED', { member: name, was: memberOf(plan, name)?.identity ?? '', is: identity });
