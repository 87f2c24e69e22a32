/**
 * Whom clients are to be sent to, as this controller sees it. It follows from what the agents say of themselves, which standbys hear as well as the active
 * controller, with or without etcd: a leader says that it is proved at the epoch of its plan and that its right lasts; whoever knows of a plan above that
 * speaks against it. What was not said again in time is not repeated (DESIGN 7, layer 5).
 */
import {
  after,
  asDuration,
  earliest,
  type Epoch,
  highest,
  type MonotonicMs,
  NEVER,
  NO_EPOCH,
} from '#core/brand.js';
import { isReleased, type PlanMember } from '#core/plan.js';
import type { ServingRole } from '#core/report.js';
import type { Address, NoLeader, Topology } from '#core/topology.js';
import {
  type ClusterState,
  type Context,
  emptyCluster,
  type MemberPicture,
} from '#controller/decide/state.js';

/** `known` undefined: a name that was never heard of. */
export function topologyOf(
  name: string,
  known: ClusterState | undefined,
  { now, rules }: Pick<Context, 'now' | 'rules'>,
): Topology {
  const cluster = known ?? emptyCluster(name);
  const epoch = newestEpoch(cluster);
  const serving = (role: ServingRole): readonly Address[] =>
    Object.values(cluster.members)
      .filter((one) => now < countsUntil(one) && one.report?.serving.role === role)
      .filter(({ report }) => report !== undefined && rules.routing_mayTell(report.planEpoch, epoch))
      .map(({ member }) => addressOf(member));
  const [leader, another] = serving('primary');
  // INV-1 has it that there is no other; if there were one, nobody would be sent to either.
  const isLed = leader !== undefined && another === undefined;
  return {
    ...{ cluster: name, engine: engineOf(cluster), epoch },
    leader: isLed ? leader : undefined,
    because: isLed ? undefined : noLeader(cluster, now),
    replicas: [...serving('replica')].sort((a, b) => (a.name < b.name ? -1 : 1)),
    pause: cluster.order?.wish.pause ?? cluster.attempt?.wish?.pause,
  };
}

/** When the next word runs out that was not said again by then; NEVER: none does. */
export function runsOutAt({ members }: ClusterState, now: MonotonicMs): MonotonicMs {
  return Object.values(members)
    .map(countsUntil)
    .filter((until) => until > now)
    .reduce(earliest, NEVER);
}

export const newestEpoch = ({ stored, knownEpoch }: ClusterState): Epoch =>
  highest(knownEpoch, stored?.plan.epoch ?? NO_EPOCH);

const engineOf = ({ stored, members }: ClusterState): Topology['engine'] =>
  stored?.plan.engine ?? Object.values(members).find(({ engine }) => engine !== undefined)?.engine;

const countsUntil = ({ report, receivedAt }: MemberPicture): MonotonicMs =>
  after(receivedAt, asDuration(report?.serving.goodForMs ?? 0));

function noLeader({ stored, members }: ClusterState, now: MonotonicMs): NoLeader {
  const pictures = Object.values(members);
  if (stored === undefined && pictures.length === 0) return 'not-known';
  if (stored !== undefined && isReleased(stored.plan)) return 'not-in-care';
  const isHeard = (one: MemberPicture | undefined): boolean => one !== undefined && now < countsUntil(one);
  const expected = stored?.plan.members.map(({ name }) => members[name]) ?? pictures;
  return expected.every(isHeard) ? 'none-leads' : 'not-heard';
}

const addressOf = ({ name, databaseHost, databasePort }: PlanMember): Address => ({
  name,
  host: databaseHost,
  port: databasePort,
});
