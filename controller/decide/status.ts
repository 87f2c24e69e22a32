/** The state, as people read it. */
import { type MonotonicMs, since, type WallMs } from '#core/brand.js';
import type { LedgerEntry } from '#core/ledger.js';
import { databaseAddress, type Plan } from '#core/plan.js';
import { memberPolicy } from '#core/policy.js';
import { logAhead, formatPosition, type Position } from '#core/position.js';
import type { DatabaseReport } from '#core/report.js';
import { damping_heldFor } from '#core/rules/damping.js';
import type {
  ChangeStatus,
  ClusterStatus,
  DurabilityStatus,
  MemberStatus,
  StatusDocument,
} from '#core/status.js';
import { formatTerm } from '#core/term.js';
import { mayAct } from '#controller/decide/authority.js';
import type { ClusterState, ControllerState, MemberPicture } from '#controller/decide/state.js';
import { isSilent } from '#controller/decide/suspect.js';

export function statusOf(
  state: ControllerState,
  cluster: string | undefined,
  now: MonotonicMs,
  authorityNow: MonotonicMs,
  wall: WallMs,
): StatusDocument {
  const active = mayAct(state.role, authorityNow);
  const all = Object.values(state.clusters).filter((c) => cluster === undefined || c.name === cluster);
  return {
    controller: state.name,
    active,
    term: state.role.kind === 'active' ? formatTerm(state.role.term) : null,
    clusters: all.sort((a, b) => (a.name < b.name ? -1 : 1)).map((c) => clusterStatus(c, active, now, wall)),
  };
}

function clusterStatus(
  cluster: ClusterState,
  active: boolean,
  now: MonotonicMs,
  wall: WallMs,
): ClusterStatus {
  const plan = cluster.stored?.plan;
  const named = new Set([...(plan?.members.map((m) => m.name) ?? []), ...Object.keys(cluster.members)]);
  const leaderPosition =
    plan === undefined ? undefined : cluster.members[plan.leader]?.report?.database.position;
  const members = [...named].sort().map((name) => memberStatus(cluster, plan, name, leaderPosition, now));
  return {
    name: cluster.name,
    state: overall(cluster, plan, members, active),
    engine: plan?.engine ?? null,
    epoch: plan === undefined ? null : Number(plan.epoch),
    version: plan === undefined ? null : Number(plan.version),
    leader: plan?.leader ?? null,
    profile: plan?.policy.profile ?? null,
    heldMs:
      plan === undefined || plan.holdMs === 0
        ? null
        : Math.max(0, Math.ceil(since(now, cluster.heldPromise))),
    failoverHeldMs: plan === undefined ? null : failoverHeldMs(plan, wall),
    durability: plan === undefined ? null : durabilityStatus(plan),
    care: plan?.care ?? null,
    reason: cluster.said ?? cluster.attempt?.reason ?? cluster.suspicion?.reason ?? null,
    change: plan === undefined || cluster.entry?.epoch !== plan.epoch ? null : changeStatus(cluster.entry),
    members,
  };
}

function durabilityStatus({ policy, durability }: Plan): DurabilityStatus {
  const { mode, acknowledgements: wanted } = policy.durability;
  return { mode, wanted, counted: durability.acknowledgements, replicas: durability.synchronous };
}

function changeStatus({ kind, previousLeader, leader, loss, salvaged }: LedgerEntry): ChangeStatus {
  const isKnown = loss.kind === 'exactly';
  return {
    ...{ kind, from: previousLeader ?? null, to: leader, loss: loss.kind },
    after: isKnown || loss.kind === 'at-most' ? formatPosition(loss.after) : null,
    bytes: isKnown ? loss.bytes : loss.kind === 'at-most' ? Number(loss.atLeastBytes) : null,
    transactions: isKnown ? loss.transactions : null,
    rows: isKnown ? loss.rows : null,
    salvagedBy: [...new Set(salvaged.map(({ member }) => member))],
  };
}

function failoverHeldMs(plan: Plan, wall: WallMs): number | null {
  const leftMs = plan.care === 'automatic' ? Math.ceil(damping_heldFor(plan, wall)) : 0;
  return leftMs === 0 ? null : leftMs;
}

function overall(
  cluster: ClusterState,
  plan: Plan | undefined,
  members: readonly MemberStatus[],
  active: boolean,
): ClusterStatus['state'] {
  if (!active) return 'unknown';
  if (plan === undefined) return 'not-in-care';
  if (plan.care === 'released') return 'released';
  if (cluster.attempt !== undefined || plan.opening.state === 'pending') return 'failing-over';
  if (cluster.repair !== undefined || cluster.suspicion !== undefined || cluster.order !== undefined)
    return 'waiting';
  if (plan.care === 'paused') return 'paused';
  const well = members.every(
    (m) => m.problem === null && (m.role === 'leader' || m.streaming || m.maintenance),
  );
  const { acknowledgements } = plan.policy.durability;
  return well && plan.durability.acknowledgements >= acknowledgements ? 'ok' : 'degraded';
}

function memberStatus(
  cluster: ClusterState,
  plan: Plan | undefined,
  name: string,
  leaderPosition: Position | undefined,
  now: MonotonicMs,
): MemberStatus {
  const picture: MemberPicture | undefined = cluster.members[name];
  const planned = plan?.members.find((m) => m.name === name) ?? picture?.member;
  const database = picture?.report?.database;
  const heard = picture?.report !== undefined && !(plan !== undefined && isSilent(picture, plan, now));
  const position = database?.position;
  const behind =
    plan?.leader === name || position === undefined || leaderPosition === undefined
      ? undefined
      : logAhead(leaderPosition, position);
  return {
    name,
    role: plan === undefined ? 'unknown' : plan.leader === name ? 'leader' : 'replica',
    state: heard
      ? database?.state === 'running'
        ? openness(database.role)
        : (database?.state ?? 'unknown')
      : 'silent',
    connected: picture?.connected ?? false,
    eligible: plan?.eligible.includes(name) ?? false,
    joining: plan?.joining.includes(name) ?? false,
    address: planned === undefined ? '' : `${planned.databaseHost}:${planned.databasePort}`,
    agentAddress: planned?.agentAddress ?? '',
    position: position === undefined ? null : formatPosition(position),
    behind: behind === undefined ? null : Math.max(0, Number(behind)),
    streaming: database?.streaming ?? false,
    upstream: nameOf(plan, database?.upstream) ?? null,
    maintenance: plan?.maintenance.includes(name) ?? false,
    appoint: plan === undefined ? 'yes' : memberPolicy(plan.policy, name).appoint,
    followers: extraFollowers(plan, database?.followers ?? []),
    lowered: plan?.leader === name ? loweredOf(database) : null,
    copying: database?.copying ?? null,
    heardMsAgo: picture?.report === undefined ? null : Math.round(since(picture.receivedAt, now)),
    problem: picture?.report?.problem ?? null,
  };
}

/** The member behind an address, or the address. */
function nameOf(plan: Plan | undefined, address: string | undefined): string | undefined {
  return plan?.members.find((member) => databaseAddress(member) === address)?.name ?? address;
}

const extraFollowers = (plan: Plan | undefined, followers: readonly string[]): readonly string[] =>
  followers.filter((follower) => plan?.members.some(({ name }) => name === follower) !== true);

const loweredOf = (database: DatabaseReport | undefined): MemberStatus['lowered'] =>
  database === undefined || database.lowered.named.length === 0 ? null : database.lowered;

const openness = (role: string): string =>
  role === 'writable' ? 'open' : role === 'replica' ? 'closed' : 'running';
