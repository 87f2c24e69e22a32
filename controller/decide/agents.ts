/** The picture of the agents, and the answer that a leader's heartbeat gets. */
import { highest } from '#core/brand.js';
import { comparePlans, type Plan } from '#core/plan.js';
import { reason } from '#core/reasons.js';
import type { Report } from '#core/report.js';
import { mayAct } from '#controller/decide/authority.js';
import { isInDoubt } from '#controller/decide/doubt.js';
import { grant, mayGrant } from '#controller/decide/grant.js';
import type { ClusterState, Context, Event, MemberPicture } from '#controller/decide/state.js';
import { tell } from '#controller/decide/tell.js';

export function agentConnected(
  cluster: ClusterState,
  event: Event & { kind: 'agent-connected' },
  context: Context,
): ClusterState {
  const known = cluster.members[event.member.name];
  const sameProcess = known?.incarnation === event.incarnation;
  return withMember(cluster, event.member.name, {
    member: event.member,
    host: event.host,
    engine: event.engine,
    incarnation: event.incarnation,
    connected: true,
    // INV-3: what an earlier incarnation reported is nothing that this one has done.
    report: sameProcess ? known.report : undefined,
    receivedAt: sameProcess ? known.receivedAt : (known?.receivedAt ?? context.now),
    saidAt: known?.saidAt ?? context.authorityNow,
    guardedAt: known?.guardedAt ?? context.now,
    followedAt: known?.followedAt ?? context.now,
  });
}

export function agentDisconnected(
  cluster: ClusterState,
  event: Event & { kind: 'agent-disconnected' },
): ClusterState {
  const known = cluster.members[event.member];
  if (known?.incarnation !== event.incarnation) return cluster;
  return withMember(cluster, event.member, { ...known, connected: false });
}

export function agentReported(
  cluster: ClusterState,
  event: Event & { kind: 'agent-report' },
  context: Context,
): ClusterState {
  const known = cluster.members[event.member];
  if (known?.incarnation !== event.report.incarnation) return cluster;
  // Old news, from a session that a newer one has replaced: it was true once, and is evidence of nothing now.
  if (known.report !== undefined && event.report.nonce <= known.report.nonce) return cluster;
  const heard = withMember(cluster, event.member, {
    ...known,
    report: event.report,
    receivedAt: event.receivedAt,
    saidAt: context.authorityNow,
    guardedAt: event.report.guarded ? event.receivedAt : known.guardedAt,
  });
  const knownEpoch = highest(cluster.knownEpoch, event.report.planEpoch);
  return answer({ ...withFollowers(heard, event), knownEpoch }, event.member, event.report, context);
}

/**
 * S6: by the leader's own word, which no partition between controllers and replicas can falsify. But not every engine's leader can tell who is cut off
 * from who has nothing to confirm: so whoever hears nothing, and says so, is not counted.
 */
function withFollowers(cluster: ClusterState, event: Event & { kind: 'agent-report' }): ClusterState {
  const { followers } = event.report.database;
  if (event.member !== cluster.stored?.plan.leader || followers.length === 0) return cluster;
  const seen = followers.flatMap((name): (readonly [string, MemberPicture])[] => {
    const picture = cluster.members[name];
    if (picture === undefined || hearsNothing(picture)) return [];
    return [[name, { ...picture, followedAt: event.receivedAt }]];
  });
  return { ...cluster, members: { ...cluster.members, ...Object.fromEntries(seen) } };
}

/** As long as nothing is known of its database, it may. */
function hearsNothing({ report }: MemberPicture): boolean {
  if (report === undefined) return false;
  const { state, role, streaming } = report.database;
  return state === 'hung' || (state === 'running' && role === 'replica' && !streaming);
}

function answer(cluster: ClusterState, member: string, report: Report, context: Context): ClusterState {
  if (!mayAct(context.role, context.authorityNow) || context.role.kind !== 'active') return cluster;
  const plan = cluster.stored?.plan;
  if (plan === undefined) return cluster;
  if (report.database.dataId !== '' && report.database.dataId !== plan.dataId) {
    context.emit({
      kind: 'refuse',
      cluster: cluster.name,
      member,
      code: 'DATA_IDENTITY_MISMATCH',
      text: `${member} holds data ${report.database.dataId}, cluster ${cluster.name} is data ${plan.dataId}`,
    });
    return cluster;
  }
  if (!plan.members.some((m) => m.name === member) || isInDoubt(cluster, context)) return cluster;
  const reported = { epoch: report.planEpoch, version: report.planVersion };
  if (comparePlans(reported, plan) < 0) {
    tell(cluster, member, { kind: 'plan', plan }, context);
  }
  const said = sayBehind(cluster, plan, member, report, context);
  return mayGrant(said, plan, member, report, context) ? grant(said, plan, member, report, context) : said;
}

/** Once for each plan: a member that comes back reports all that was under way, every report as old as the other. */
function sayBehind(
  cluster: ClusterState,
  plan: Plan,
  member: string,
  report: Report,
  context: Context,
): ClusterState {
  const picture = cluster.members[member];
  const isBehind = report.planEpoch < plan.epoch && report.database.role === 'writable';
  if (!isBehind || picture === undefined || picture.saidBehind === plan.epoch) return cluster;
  const evidence = { member, planEpoch: Number(report.planEpoch), epoch: Number(plan.epoch) };
  const why = reason('AGENT_BEHIND_PLAN', evidence);
  context.emit({ kind: 'log', level: 'warn', cluster: cluster.name, reason: why });
  return withMember(cluster, member, { ...picture, saidBehind: plan.epoch });
}

function withMember(cluster: ClusterState, name: string, picture: MemberPicture): ClusterState {
  return { ...cluster, members: { ...cluster.members, [name]: picture } };
}
