/**
 * Whom clients are to be sent to, as this controller sees it. It follows from what the agents say of themselves, which standbys hear as well as the active
 * controller, with or without etcd: a leader says that it is proved at the epoch of its plan and that its right lasts; whoever knows of a plan above that
 * speaks against it. What was not said again in time is not repeated (DESIGN 7, layer 5).
 */
import {
  after,
  asDuration,
  type DurationMs,
  earliest,
  type MonotonicMs,
  NEVER,
  NO_EPOCH,
  since,
} from '#core/brand.js';
import { isReleased, type PlanMember } from '#core/plan.js';
import type { ServingRole } from '#core/report.js';
import { LONGEST_SILENCE } from '#core/timings.js';
import type { Address, NoLeader, Topology } from '#core/topology.js';
import { mayAct } from '#controller/decide/authority.js';
import {
  type ClusterState,
  type Context,
  emptyCluster,
  type MemberPicture,
  newestEpoch,
} from '#controller/decide/state.js';

/** `known` undefined: a name that was never heard of. */
export function topologyOf(
  name: string,
  known: ClusterState | undefined,
  { authorityNow: now, rules, role }: Pick<Context, 'authorityNow' | 'rules' | 'role'>,
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
    pause: mayAct(role, now) ? (cluster.order?.wish.pause ?? cluster.attempt?.wish?.pause) : undefined,
  };
}

/** After how long the next word runs out that is not said again by then; infinite: none does. */
export function runsOutIn({ members }: ClusterState, now: MonotonicMs): DurationMs {
  const ends = Object.values(members)
    .map(countsUntil)
    .filter((until) => until > now);
  return since(now, ends.reduce(earliest, NEVER));
}

const engineOf = ({ stored, members }: ClusterState): Topology['engine'] =>
  stored?.plan.engine ?? Object.values(members).find(({ engine }) => engine !== undefined)?.engine;

const countsUntil = ({ report, saidAt }: MemberPicture): MonotonicMs =>
  after(saidAt, asDuration(Math.min(report?.serving.goodForMs ?? 0, LONGEST_SILENCE)));

function noLeader(cluster: ClusterState, now: MonotonicMs): NoLeader {
  const { stored, members } = cluster;
  const pictures = Object.values(members);
  if (stored === undefined && pictures.length === 0) return 'not-known';
  const epoch = newestEpoch(cluster);
  const isReleasedBy = ({ report }: MemberPicture): boolean =>
    epoch !== NO_EPOCH && report?.planEpoch === epoch && report.releasedEpoch >= epoch;
  if (stored === undefined ? pictures.some(isReleasedBy) : isReleased(stored.plan)) return 'not-in-care';
  const isHeard = (one: MemberPicture | undefined): boolean => one !== undefined && now < countsUntil(one);
  // Whoever has no plan knows of members only by what they say: of all of them the one that led this epoch is the one that may lead on.
  const mayLead =
    stored === undefined
      ? pictures.filter(({ report }) => report?.openedEpoch === epoch)
      : stored.plan.members.map(({ name }) => members[name]);
  return mayLead.length > 0 && mayLead.every(isHeard) ? 'none-leads' : 'not-heard';
}

const addressOf = ({ name, databaseHost, databasePort }: PlanMember): Address => ({
  name,
  host: databaseHost,
  port: databasePort,
});
