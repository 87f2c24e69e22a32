/** `tanist init`: commits epoch 1 around the leader that runs already. Nothing is restarted, nobody is appointed. */
import { asEpoch, asVersion } from '#core/brand.js';
import type { ErrorCode } from '#core/errors.js';
import type { LedgerEntry } from '#core/ledger.js';
import type { Plan } from '#core/plan.js';
import { reason } from '#core/reasons.js';
import { formatTerm } from '#core/term.js';
import { timingsOf } from '#core/timings.js';
import { mayAct } from '#controller/decide/authority.js';
import type { ClusterState, Context, Event, MemberPicture } from '#controller/decide/state.js';
import { submit } from '#controller/decide/writes.js';

export function initialise(
  cluster: ClusterState,
  event: Event & { kind: 'init' },
  context: Context,
): ClusterState {
  const role = context.role;
  const refuse = (code: ErrorCode, text: string): ClusterState => {
    context.emit({ kind: 'reply', request: event.request, answer: { kind: 'error', code, text } });
    return cluster;
  };
  if (!mayAct(role, context.authorityNow) || role.kind !== 'active' || !role.loaded) {
    return refuse('NOT_ACTIVE', `${context.controller} is not the active controller`);
  }
  if (cluster.stored !== undefined || cluster.write !== undefined) {
    return refuse(
      'ALREADY_INITIALISED',
      `cluster ${cluster.name} is at epoch ${cluster.stored?.plan.epoch ?? 1n}`,
    );
  }
  const ahead = Object.values(cluster.members).filter((m) => m.connected && (m.report?.planEpoch ?? 0n) > 0n);
  if (ahead.length > 0) {
    return refuse(
      'ALREADY_INITIALISED',
      `${names(ahead)} hold a plan that etcd does not have: was etcd restored or replaced?`,
    );
  }
  const live = Object.values(cluster.members).filter((m) => m.connected && m.report !== undefined);
  const writable = live.filter(
    (m) => m.report?.database.role === 'writable' && m.report.database.state === 'running',
  );
  const [leader, second] = writable;
  if (leader === undefined) {
    return refuse('NO_LEADER_FOUND', `agents connected: ${names(live)}; none reports a writable database`);
  }
  if (second !== undefined) return refuse('TWO_LEADERS_FOUND', `writable: ${names(writable)}`);
  const dataId = leader.report?.database.dataId ?? '';
  const foreign = live.filter((m) => m.report?.database.dataId !== dataId);
  if (foreign.length > 0) {
    return refuse('DATA_IDENTITY_MISMATCH', `${names(foreign)} hold other data than ${leader.member.name}`);
  }
  const plan: Plan = {
    cluster: cluster.name,
    engine: 'postgres',
    dataId,
    epoch: asEpoch(1n),
    version: asVersion(1n),
    leader: leader.member.name,
    members: live.map((m) => m.member).sort((a, b) => (a.name < b.name ? -1 : 1)),
    // Nobody vouched yet and no earlier epoch was granted: replicas that stream are appointable at once.
    eligible: live
      .filter((m) => m.report?.database.streaming === true && m !== leader)
      .map((m) => m.member.name)
      .sort(),
    joining: [],
    opening: { state: 'pending', atLeast: undefined, oldLeader: 'none' },
    openings: [],
    policy: event.policy,
  };
  const entry: LedgerEntry = {
    cluster: cluster.name,
    epoch: plan.epoch,
    kind: 'init',
    leader: plan.leader,
    previousLeader: undefined,
    at: context.wall,
    controller: context.controller,
    term: formatTerm(role.term),
    reason: reason('INITIALISED', { members: names(live) }),
    candidates: [],
    tail: { kind: 'not-needed' },
    loss: { kind: 'none' },
    phases: [],
    outcome: 'pending',
  };
  // From here the leader counts as granted: its plan arrives after this instant, its first lease begins after that.
  const promised = {
    ...cluster,
    promise: context.rules.L2(cluster.promise, context.now, timingsOf(plan.policy.profile).promiseMs),
  };
  return submit(promised, plan, context, { entry, policy: event.policy, request: event.request });
}

const names = (members: readonly MemberPicture[]): string =>
  members
    .map((m) => m.member.name)
    .sort()
    .join(', ') || 'none';
