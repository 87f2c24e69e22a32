/**
 * The immutable desired state of one cluster. A controller stores a plan in etcd and then sends it whole to every
 * agent; an agent compares it with what its database is and takes the next step toward it. A plan is never changed:
 * its successor has a higher (epoch, version).
 */
import type { Epoch, Version } from '#core/brand.js';
import type { Mark, Position } from '#core/position.js';
import type { Policy } from '#core/policy.js';

export interface Plan {
  readonly cluster: string;
  readonly engine: 'postgres';
  /** Which data this cluster is; a member with another identity is refused. */
  readonly dataId: string;
  readonly epoch: Epoch;
  readonly version: Version;
  readonly leader: string;
  readonly members: readonly PlanMember[];
  /** Replicas that may be appointed (rules V4, V5, V7). */
  readonly eligible: readonly string[];
  /** Replicas named but not yet appointable (rule V4). */
  readonly joining: readonly string[];
  readonly opening: Opening;
  /** Every opening that proved writable, oldest first: the ancestry that logs are held against (rule S2). */
  readonly openings: readonly ProvedOpening[];
  readonly policy: Policy;
}

export interface PlanMember {
  readonly name: string;
  /** Where its agent answers other agents, `host:port`. */
  readonly agentAddress: string;
  readonly databaseHost: string;
  readonly databasePort: number;
}

/** How this epoch is opened. Replicas are pointed at the leader only once it is proved (rule S4). */
export type Opening =
  | { readonly state: 'pending'; readonly atLeast: Position | undefined; readonly oldLeader: OldLeader }
  | { readonly state: 'proved' };

/** Why the old leader can do no harm (rule L5): what the committed plan says to a member still under a promise. */
export type OldLeader = 'fenced' | 'lapsed' | 'lossless' | 'none';

/** An opening that proved writable, with the mark that it wrote first and where the log stood then. */
export interface ProvedOpening extends Mark {
  readonly leader: string;
  readonly position: Position;
  /** The engine's own record of the line of history that began here, verbatim (PostgreSQL: the history file). */
  readonly lineage: string;
}

export const memberOf = (plan: Plan, name: string): PlanMember | undefined =>
  plan.members.find((member) => member.name === name);

export const isProved = (plan: Plan): boolean => plan.opening.state === 'proved';

/** Order of plans: negative when `a` is older than `b`. */
export function comparePlans(
  a: { readonly epoch: Epoch; readonly version: Version },
  b: { readonly epoch: Epoch; readonly version: Version },
): number {
  if (a.epoch !== b.epoch) return a.epoch < b.epoch ? -1 : 1;
  return a.version === b.version ? 0 : a.version < b.version ? -1 : 1;
}
