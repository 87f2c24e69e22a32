/**
 * The immutable desired state of one cluster. A controller stores a plan in etcd and then sends it whole to every
 * agent; an agent compares it with what its database is and takes the next step toward it. A plan is never changed:
 * its successor has a higher (epoch, version).
 */
import type { DurationMs, Epoch, Version, WallMs } from '#core/brand.js';
import { ENFORCES, type PlannedDurability } from '#core/durability.js';
import type { EngineName, Mark, Position } from '#core/position.js';
import type { Policy } from '#core/policy.js';

export interface Plan {
  readonly cluster: string;
  readonly engine: EngineName;
  /** Which data this cluster is; a member with another identity is refused. */
  readonly dataId: string;
  readonly epoch: Epoch;
  readonly version: Version;
  /** Of the term under which this version was committed: one below the present says that etcd was restored since (E6). */
  readonly generation: bigint;
  readonly leader: string;
  readonly members: readonly PlanMember[];
  /** Replicas that may be appointed (rules V4, V5, V7). */
  readonly eligible: readonly string[];
  /** Replicas named but not yet appointable (rule V4). */
  readonly joining: readonly string[];
  readonly care: Care;
  /** Members that somebody works on: not eligible, and their absence means nothing. */
  readonly maintenance: readonly string[];
  /**
   * A4: the longest that one grant may give the leader of this epoch beyond D_H, because an operator asked for a hold; 0: none. It stays
   * until nothing that was granted under it can be outstanding: a successor reads here how long it has to wait (A2).
   */
  readonly holdMs: DurationMs;
  readonly durability: PlannedDurability;
  /** Which replica follows another replica (cascading); everybody else follows the leader. */
  readonly upstreams: Readonly<Record<string, string>>;
  /** Replicas whose data an operator wants replaced by a copy, by name: the last wish for each, also once it is fulfilled. */
  readonly reclones: Readonly<Record<string, RecloneWish>>;
  readonly opening: Opening;
  /** Every opening that proved writable, oldest first: the ancestry that logs are held against (rule S2). */
  readonly openings: readonly ProvedOpening[];
  /** Opens the window of damping; undefined: there was none yet. */
  readonly lastFailover: AutomaticFailover | undefined;
  readonly policy: Policy;
}

/**
 * `automatic`: a leader that fails is replaced. `paused`: nobody else is appointed unless an operator asks (the empty eligible set of
 * rule V6). `released`: hands off; the plan stays so that epochs go on where they were when the cluster is adopted again.
 */
export const CARE = ['automatic', 'paused', 'released'] as const;
export type Care = (typeof CARE)[number];

export interface PlanMember {
  readonly name: string;
  /** Whose memory this is (rule E5): drawn when the agent's file is first written, another one once that is lost. */
  readonly identity: string;
  /** Where its agent answers other agents, `host:port`. */
  readonly agentAddress: string;
  readonly databaseHost: string;
  readonly databasePort: number;
}

export interface RecloneWish {
  /** No other wish of this cluster has it: the epoch and version of the plan that brought it. */
  readonly wish: string;
  /** Of the memory that it is meant for (rule E5): whoever begins anew has a new copy already. */
  readonly identity: string;
  /** The replica to be copied; undefined: the leader. */
  readonly from: string | undefined;
  /** What only this member has need not be saved. */
  readonly salvageWaived: boolean;
}

/** How this epoch is opened. Replicas are pointed at the leader only once it is proved (rule S4). */
export type Opening =
  | {
      readonly state: 'pending';
      readonly atLeast: Position | undefined;
      readonly oldLeader: OldLeader;
      /** Acknowledged writes may be missing, so identifiers are to jump. */
      readonly mayLack: boolean;
    }
  | { readonly state: 'proved' };

/**
 * Why the old leader can do no harm (rule L5): what the committed plan says to a member still under a promise. `stated`: an
 * operator says that its machine is off. `none`: the same leader goes on. `adopted`: the leader was found open, before it had any lease.
 */
export const OLD_LEADER = ['fenced', 'lapsed', 'lossless', 'stated', 'none', 'adopted'] as const;
export type OldLeader = (typeof OLD_LEADER)[number];

/** An opening that proved writable, with the mark that it wrote first and where the log stood then. */
export interface ProvedOpening extends Mark {
  readonly leader: string;
  readonly position: Position;
  /** The engine's own record of the line of history that began here, verbatim (PostgreSQL: the history file). */
  readonly lineage: string;
}

/** A change of leader that no operator asked for. */
export interface AutomaticFailover {
  readonly epoch: Epoch;
  /** Who was the last to have proved itself. */
  readonly from: string;
  readonly to: string;
  /** When it was decided, on the wall clock of the controller that did. */
  readonly at: WallMs;
}

export const memberOf = (plan: Plan, name: string): PlanMember | undefined =>
  plan.members.find((member) => member.name === name);

/** A wish that is meant for this very member. */
export function recloneWishFor(plan: Plan, name: string, identity: string): RecloneWish | undefined {
  const wish = Object.hasOwn(plan.reclones, name) ? plan.reclones[name] : undefined;
  return wish?.identity === identity ? wish : undefined;
}

export const isProved = (plan: Plan): boolean => plan.opening.state === 'proved';

/** Until its first proof an adopted leader has no lease: it was open before anybody could grant one. */
export const isBeingAdopted = ({ opening }: Plan): boolean =>
  opening.state === 'pending' && opening.oldLeader === 'adopted';

/** The leader itself is to go on at the epoch of a seal (S1), without being closed. */
export const isRenewal = ({ opening }: Plan): boolean =>
  opening.state === 'pending' && opening.oldLeader === 'none';

/** Hands off: neither fenced, nor opened, nor pointed anywhere. */
export const isReleased = (plan: Plan): boolean => plan.care === 'released';

/** Whom `name` follows: the replica that the plan says, unless that one leads now; otherwise the leader. */
export function upstreamOf(plan: Plan, name: string): PlanMember | undefined {
  const upstream = plan.upstreams[name];
  return (upstream === undefined ? undefined : memberOf(plan, upstream)) ?? memberOf(plan, plan.leader);
}

/** Whether this replica is to be told that the leader waits for it. */
export const isToldToConfirm = (plan: Plan, name: string): boolean =>
  ENFORCES[plan.engine].replicasAreTold &&
  plan.durability.atLeader.synchronous.includes(name) &&
  upstreamOf(plan, name)?.name === plan.leader;

/** `host:port` under which a member's database is reached, as databases report whom they follow. */
export const databaseAddress = ({ databaseHost, databasePort }: PlanMember): string =>
  `${databaseHost}:${databasePort}`;

/** Order of plans: negative when `a` is older than `b`. */
export function comparePlans(
  a: { readonly epoch: Epoch; readonly version: Version },
  b: { readonly epoch: Epoch; readonly version: Version },
): number {
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  return a.version === b.version ? 0 : a.version < b.version ? -1 : 1;
}
