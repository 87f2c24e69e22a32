/**
 * `tanist adopt`: what is there, what would hurt at a failover, and the first plan around the leader that runs already. Nothing is
 * restarted, nobody is appointed. A cluster that was let go before goes on at the epoch after its last.
 */
import { asDuration, asEpoch, asVersion, nextEpoch, nextVersion, since } from '#core/brand.js';
import { NO_DURABILITY } from '#core/durability.js';
import type { LedgerEntry } from '#core/ledger.js';
import type { ClusterInspection, OperatorCommand } from '#core/operator.js';
import { databaseAddress, isReleased, memberOf, type Plan } from '#core/plan.js';
import { DEFAULT_MEMBER_POLICY, memberPolicy, type Policy } from '#core/policy.js';
import type { EngineName } from '#core/position.js';
import { reason } from '#core/reasons.js';
import type { Finding } from '#core/report.js';
import { formatTerm } from '#core/term.js';
import { timingsOf } from '#core/timings.js';
import { tooMany } from '#controller/decide/care.js';
import { nextQuestion } from '#controller/decide/questions.js';
import { inWords, replyDone, replyError } from '#controller/decide/reply.js';
import type { ClusterState, Context, MemberPicture } from '#controller/decide/state.js';
import { tell } from '#controller/decide/tell.js';
import { submit } from '#controller/decide/writes.js';

const ANSWER_WITHIN = asDuration(8000);

export function beginInspection(cluster: ClusterState, request: number, context: Context): ClusterState {
  if (cluster.inspecting !== undefined) {
    replyError(request, 'OPERATION_REFUSED', 'BUSY: an inspection is under way', context);
    return cluster;
  }
  const live = liveMembers(cluster);
  const question = nextQuestion(cluster, context);
  if (context.role.kind !== 'active') return cluster;
  for (const { member } of live) {
    tell(
      cluster,
      member.name,
      {
        kind: 'inspect',
        request: question,
        peers: live.map((one) => one.member).filter((one) => one.name !== member.name),
      },
      context,
    );
  }
  const inspecting = { question, request, since: context.now };
  return continueInspection({ ...cluster, questions: cluster.questions + 1, inspecting }, context);
}

/** Answers once everybody who is connected has; who does not is a finding. */
export function continueInspection(cluster: ClusterState, context: Context): ClusterState {
  const { inspecting } = cluster;
  if (inspecting === undefined) return cluster;
  const live = liveMembers(cluster);
  const missing = live.filter((m) => m.report?.inspection?.request !== inspecting.question);
  if (missing.length > 0 && since(inspecting.since, context.now) < ANSWER_WITHIN) return cluster;
  const inspection = compile(cluster, live, missing);
  replyDone(inspecting.request, { kind: 'inspected', inspection }, context);
  return { ...cluster, inspecting: undefined };
}

function compile(
  cluster: ClusterState,
  live: readonly MemberPicture[],
  missing: readonly MemberPicture[],
): ClusterInspection {
  const leaders = live.filter(isWritable);
  const answered = live.filter((m) => !missing.includes(m));
  const findings = answered.flatMap((m) =>
    (m.report?.inspection?.findings ?? []).map((finding) => ({ ...finding, member: m.member.name })),
  );
  const general = [...leaderFindings(live, leaders), ...missing.map(noAnswer)];
  return {
    cluster: cluster.name,
    leader: leaders.length === 1 ? leaders[0]?.member.name : undefined,
    members: live.map((m) => ({
      name: m.member.name,
      role: isWritable(m) ? 'leader' : m.report?.database.role === 'replica' ? 'replica' : 'unknown',
      address: databaseAddress(m.member),
      upstream: m.report?.database.upstream,
      streaming: m.report?.database.streaming ?? false,
      eligible: leaders.length === 1 && leaders[0] !== undefined && follows(m, leaders[0]),
    })),
    findings: [...general, ...findings],
  };
}

type ClusterFinding = Finding & { readonly member: string | undefined };

function leaderFindings(
  live: readonly MemberPicture[],
  leaders: readonly MemberPicture[],
): readonly ClusterFinding[] {
  const dataIds = new Set(live.map((m) => m.report?.database.dataId));
  const found: ClusterFinding[] = [];
  const block = (code: string, text: string, remedy: string): void => {
    found.push({ severity: 'blocks', code, text, remedy, member: undefined });
  };
  if (leaders.length === 0)
    block(
      'no-leader',
      `no member accepts writes (connected: ${names(live)})`,
      'start the leader and its agent',
    );
  if (leaders.length > 1)
    block('two-leaders', `several accept writes: ${names(leaders)}`, 'stop all but the true leader');
  if (dataIds.size > 1)
    block('other-data', 'the members hold data of different origin', 'clone the others from the leader');
  return found;
}

const noAnswer = ({ member }: MemberPicture): ClusterFinding => ({
  severity: 'blocks',
  code: 'no-answer',
  text: 'its agent did not answer in time',
  remedy: "look at the agent's log",
  member: member.name,
});

export function adopt(
  cluster: ClusterState,
  { policy, by, leaderIsOff }: OperatorCommand & { kind: 'adopt' },
  request: number,
  context: Context,
): ClusterState {
  const before = cluster.stored?.plan;
  const fail = (...error: readonly [Parameters<typeof replyError>[1], string]): ClusterState => {
    replyError(request, ...error, context);
    return cluster;
  };
  if (cluster.releasing !== undefined) return fail('OPERATION_REFUSED', 'BUSY: a release is under way');
  if ((before !== undefined && !isReleased(before)) || cluster.write !== undefined)
    return fail('ALREADY_ADOPTED', `cluster ${cluster.name} is at epoch ${before?.epoch ?? 1n}`);
  const live = liveMembers(cluster);
  const kept = stillHeld(cluster, before, leaderIsOff);
  if (kept !== undefined)
    return fail(
      'ADOPT_BLOCKED',
      `${kept} led before and has not let go, so it may still accept writes: start its agent, or say that its machine is off`,
    );
  const ahead = live.filter((m) => (m.report?.planEpoch ?? 0n) > (before?.epoch ?? 0n));
  if (ahead.length > 0)
    return fail(
      'ALREADY_ADOPTED',
      `${names(ahead)} hold a plan that etcd does not have: was etcd restored or replaced? Then raise the generation in etcd`,
    );
  const [leader, second] = live.filter(isWritable);
  if (leader === undefined)
    return fail('NO_LEADER_FOUND', `agents connected: ${names(live)}; none reports a writable database`);
  if (second !== undefined) return fail('TWO_LEADERS_FOUND', `writable: ${names(live.filter(isWritable))}`);
  const foreign = live.filter((m) => m.report?.database.dataId !== leader.report?.database.dataId);
  if (foreign.length > 0)
    return fail('DATA_IDENTITY_MISMATCH', `${names(foreign)} hold other data than ${leader.member.name}`);
  const unenforceable = tooMany(engineOf(leader), policy);
  if (unenforceable !== undefined) return fail('ADOPT_BLOCKED', inWords(unenforceable));
  return commit(cluster, firstPlan(cluster, leader, live, policy), by, request, context);
}

const engineOf = ({ report }: MemberPicture): EngineName => report?.database.position?.engine ?? 'postgres';

/** V6: a leader that was let go without hearing of it runs on without grants; its name, or undefined. */
function stillHeld(
  { members }: ClusterState,
  before: Plan | undefined,
  leaderIsOff: boolean,
): string | undefined {
  if (before === undefined || leaderIsOff) return undefined;
  const known = members[before.leader];
  // E5: another identity under its name says nothing of it.
  const isSame = known?.member.identity === memberOf(before, before.leader)?.identity;
  const leader = isSame ? known : undefined;
  const hasLetGo = (leader?.report?.releasedEpoch ?? 0n) >= before.epoch;
  return hasLetGo || leader?.connected === true ? undefined : before.leader;
}

function firstPlan(
  cluster: ClusterState,
  leader: MemberPicture,
  live: readonly MemberPicture[],
  asked: Policy,
): Omit<Plan, 'generation'> {
  const before = cluster.stored?.plan;
  const policy = { ...asked, members: { ...asked.members, ...cascades(live, leader, asked) } };
  const members = live.map((m) => m.member);
  // Who is away now is told when it is back.
  const away = (before?.members ?? []).filter(({ name }) => !members.some((m) => m.name === name));
  return {
    cluster: cluster.name,
    engine: engineOf(leader),
    dataId: leader.report?.database.dataId ?? '',
    epoch: before === undefined ? asEpoch(1n) : nextEpoch(before.epoch),
    version: before === undefined ? asVersion(1n) : nextVersion(before.version),
    leader: leader.member.name,
    members: [...members, ...away].sort((a, b) => (a.name < b.name ? -1 : 1)),
    // Nobody vouched yet and no earlier epoch was granted: replicas that stream are appointable at once.
    eligible: live
      .filter((m) => follows(m, leader) && memberPolicy(policy, m.member.name).appoint === 'yes')
      .map((m) => m.member.name)
      .sort(),
    joining: [],
    care: 'automatic',
    maintenance: [],
    holdMs: asDuration(0),
    // The set grows once the opening is proved.
    durability: NO_DURABILITY,
    upstreams: upstreamsOf(policy, leader),
    reclones: {},
    opening: { state: 'pending', atLeast: undefined, oldLeader: 'adopted', mayLack: false },
    openings: before?.openings ?? [],
    lastFailover: undefined,
    policy,
  };
}

/** As they follow now, so that nobody is pointed elsewhere and back. */
function upstreamsOf(policy: Policy, leader: MemberPicture): Plan['upstreams'] {
  const follows = Object.entries(policy.members).flatMap(([name, { follow }]) =>
    follow === undefined || follow === leader.member.name || name === leader.member.name
      ? []
      : [[name, follow] as const],
  );
  return Object.fromEntries(follows);
}

/** Replicas that were found following another replica go on doing so: that is somebody's wish. */
function cascades(live: readonly MemberPicture[], leader: MemberPicture, asked: Policy): Policy['members'] {
  const found = live.flatMap((m) => {
    const upstream = live.find((u) => databaseAddress(u.member) === m.report?.database.upstream);
    if (upstream === undefined || upstream === leader || m === leader) return [];
    const wishes = {
      ...DEFAULT_MEMBER_POLICY,
      ...asked.members[m.member.name],
      follow: upstream.member.name,
    };
    return [[m.member.name, wishes] as const];
  });
  return Object.fromEntries(found);
}

function commit(
  cluster: ClusterState,
  plan: Omit<Plan, 'generation'>,
  by: string,
  request: number,
  context: Context,
): ClusterState {
  const entry: LedgerEntry = {
    cluster: cluster.name,
    epoch: plan.epoch,
    kind: 'adopt',
    leader: plan.leader,
    previousLeader: undefined,
    at: context.wall,
    controller: context.controller,
    term: context.role.kind === 'active' ? formatTerm(context.role.term) : '',
    reason: reason('ADOPTED', { by, members: plan.members.map(({ name }) => name).join(', ') }),
    candidates: [],
    tail: { kind: 'not-needed' },
    loss: { kind: 'none' },
    salvaged: [],
    identifiers: undefined,
    phases: [],
    outcome: 'pending',
  };
  // From here the leader counts as granted: its plan arrives after this instant, its first lease begins after that.
  const promise = context.rules.L2(cluster.promise, context.now, timingsOf(plan.policy.profile).promiseMs);
  return submit({ ...cluster, promise }, plan, context, { entry, policy: plan.policy, request });
}

const liveMembers = (cluster: ClusterState): readonly MemberPicture[] =>
  Object.values(cluster.members).filter((m) => m.connected && m.report !== undefined);

const isWritable = (m: MemberPicture): boolean =>
  m.report?.database.role === 'writable' && m.report.database.state === 'running';

const follows = (m: MemberPicture, leader: MemberPicture): boolean =>
  m !== leader &&
  m.report?.database.streaming === true &&
  m.report.database.upstream === databaseAddress(leader.member);

const names = (members: readonly MemberPicture[]): string =>
  members
    .map((m) => m.member.name)
    .sort()
    .join(', ') || 'none';
