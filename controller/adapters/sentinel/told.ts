/**
 * What this endpoint tells of a cluster: the last leader that it knew of and, beside that, whether he leads now. Clients of Redis Sentinel expect that a master
 * has an address also while he is down; so the address stays, with the flags that say so, until a leader of a higher epoch is told. It never goes back.
 */
import { asDuration, type DurationMs, type Epoch, type MonotonicMs, since } from '#core/brand.js';
import type { Address, Topology } from '#core/topology.js';

export interface Told {
  readonly name: string;
  /** Of the opening by which he leads, or has led. */
  readonly epoch: Epoch;
  readonly leader: Address;
  readonly leaderSince: MonotonicMs;
  /** Since when he is not known to lead; undefined: he leads. */
  readonly lostAt: MonotonicMs | undefined;
  /** Since when it is certain as well that nobody leads: all members are heard. */
  readonly downAt: MonotonicMs | undefined;
  /** In the order of their names. */
  readonly replicas: readonly ToldReplica[];
}

export interface ToldReplica {
  readonly address: Address;
  readonly isUp: boolean;
  /** When that began. */
  readonly since: MonotonicMs;
  /** It has been up under this leader. */
  readonly hasFollowed: boolean;
}

/** A member that is not there for so long is forgotten: it may have left the cluster. */
const FORGET_AFTER: DurationMs = asDuration(60 * 60 * 1000);

/** Undefined: no cluster that clients of Redis could use, or one that no leader was ever known of. */
export function follow(told: Told | undefined, topology: Topology, now: MonotonicMs): Told | undefined {
  const { engine = 'redis', because } = topology;
  if (engine !== 'redis' || because === 'not-in-care') return undefined;
  const leader = told === undefined || isNext(told, topology) ? topology.leader : undefined;
  if (told === undefined && leader === undefined) return undefined;
  const current = leader ?? told?.leader;
  if (current === undefined) return undefined;
  const isSwitch = told !== undefined && !isSame(told.leader, current);
  const isDown = leader === undefined && because === 'none-leads';
  return {
    name: topology.cluster,
    epoch: leader === undefined ? (told?.epoch ?? topology.epoch) : topology.epoch,
    leader: current,
    leaderSince: told === undefined || isSwitch ? now : told.leaderSince,
    lostAt: leader === undefined ? (told?.lostAt ?? now) : undefined,
    downAt: isDown ? (told?.downAt ?? now) : undefined,
    replicas: replicasOf(told, topology.replicas, { leader: current, isSwitch, now }),
  };
}

/** The same one again, or one of a later opening; two of one opening there are not (INV-1). */
function isNext(told: Told, { epoch, leader }: Topology): boolean {
  if (leader === undefined || epoch < told.epoch) return false;
  return epoch > told.epoch || leader.name === told.leader.name;
}

export const isSame = (a: Address, b: Address): boolean =>
  a.name === b.name && a.host === b.host && a.port === b.port;

interface Now {
  readonly leader: Address;
  readonly isSwitch: boolean;
  readonly now: MonotonicMs;
}

/** Those that follow, and those that were known to: clients look at the flags. */
function replicasOf(told: Told | undefined, following: readonly Address[], at: Now): readonly ToldReplica[] {
  const { leader, isSwitch, now } = at;
  const before = new Map((told?.replicas ?? []).map((one) => [one.address.name, one]));
  if (told !== undefined && isSwitch) before.set(told.leader.name, absent(told.leader, now));
  const after = new Map<string, ToldReplica>();
  for (const [name, one] of before) {
    const hasFollowed = one.hasFollowed && !isSwitch;
    if (one.isUp) after.set(name, { ...absent(one.address, now), hasFollowed });
    else if (since(one.since, now) < FORGET_AFTER) after.set(name, { ...one, hasFollowed });
  }
  for (const address of following) {
    const known = before.get(address.name);
    const isAsBefore = known !== undefined && known.isUp && isSame(known.address, address);
    const from = isAsBefore ? known.since : now;
    after.set(address.name, { address, isUp: true, since: from, hasFollowed: true });
  }
  after.delete(leader.name);
  return [...after.values()].sort((a, b) => (a.address.name < b.address.name ? -1 : 1));
}

const absent = (address: Address, now: MonotonicMs): ToldReplica => ({
  ...{ address, isUp: false, since: now, hasFollowed: false },
});
