/** What the operator asked for, per cluster; stored beside the plan in etcd. Defaults are sane for one data centre. */
import { asDuration, type DurationMs } from '#core/brand.js';
import type { IdentifierGap } from '#core/identifiers.js';
import type { ProfileName } from '#core/timings.js';

export interface Policy {
  readonly profile: ProfileName;
  readonly durability: DurabilityPolicy;
  /** A database shut down cleanly is waited for this long before an heir is appointed. */
  readonly plannedStopWaitMs: DurationMs;
  /** How long the candidate may take to fetch the old leader's tail. */
  readonly tailTimeoutMs: DurationMs;
  /** How long a silent replica that was last known to be ahead is waited for. */
  readonly waitForAheadMs: DurationMs;
  /** How long an appointed member may take to prove that it is writable. */
  readonly openTimeoutMs: DurationMs;
  /** How much log an absent member's replication slot may hold back on the leader, in bytes. */
  readonly slotRetentionBytes: number;
  /** What to do first when the leader's database crashed and its agent lives. */
  readonly onCrash: OnCrash;
  /** With `restart-first`: how long the crashed database may take to come back before an heir is appointed. */
  readonly restartTimeoutMs: DurationMs;
  /** For how long after an automatic failover the next one is held, unless an operator asks for it; 0: never. */
  readonly failoverWindowMs: DurationMs;
  /** How far identifiers jump when a failover may have lost writes. */
  readonly identifierGap: IdentifierGap;
  /** How long a member keeps the data that a copy has replaced. */
  readonly oldDataRetentionMs: DurationMs;
  /** How long a member keeps the writes that only it had; 0: until somebody removes them. */
  readonly salvageRetentionMs: DurationMs;
  /** Wishes about single members, by name. */
  readonly members: Readonly<Record<string, MemberPolicy>>;
  /** How many ledger entries are kept. */
  readonly ledgerRetention: number;
}

export const DURABILITY_MODES = ['async', 'available', 'strict'] as const;

/**
 * What an acknowledged write has been through. `async`: the leader's disk. `available`: `acknowledgements` replicas as well while so many
 * are well, otherwise fewer. `strict`: as many always, or it is not acknowledged.
 */
export interface DurabilityPolicy {
  readonly mode: (typeof DURABILITY_MODES)[number];
  /** k; 0 with `async`, and only there. */
  readonly acknowledgements: number;
}

export const ON_CRASH = ['failover', 'restart-first'] as const;
export type OnCrash = (typeof ON_CRASH)[number];

export const APPOINT = ['yes', 'never'] as const;

export interface MemberPolicy {
  /** Between equally advanced replicas the higher number is preferred. */
  readonly priority: number;
  /** `never`: it follows, and is never eligible (a reporting replica, a distant site). */
  readonly appoint: (typeof APPOINT)[number];
  /** The replica that it follows instead of the leader, as long as that one is well; undefined: the leader. */
  readonly follow: string | undefined;
}

export const DEFAULT_MEMBER_POLICY: MemberPolicy = { priority: 0, appoint: 'yes', follow: undefined };

export const memberPolicy = (policy: Policy, member: string): MemberPolicy =>
  (Object.hasOwn(policy.members, member) ? policy.members[member] : undefined) ?? DEFAULT_MEMBER_POLICY;

export const DEFAULT_POLICY: Policy = {
  profile: 'balanced',
  durability: { mode: 'async', acknowledgements: 0 },
  plannedStopWaitMs: asDuration(60_000),
  tailTimeoutMs: asDuration(1000),
  waitForAheadMs: asDuration(1000),
  openTimeoutMs: asDuration(10_000),
  slotRetentionBytes: 8 * 1024 * 1024 * 1024,
  onCrash: 'failover',
  restartTimeoutMs: asDuration(10_000),
  failoverWindowMs: asDuration(60_000),
  identifierGap: { bigint: 1_000_000, integer: 10_000 },
  oldDataRetentionMs: asDuration(24 * 3_600_000),
  salvageRetentionMs: asDuration(90 * 24 * 3_600_000),
  members: {},
  ledgerRetention: 1000,
};
