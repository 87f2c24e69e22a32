/** What the operator asked for, per cluster; stored beside the plan in etcd. Defaults are sane for one data centre. */
import { asDuration, type DurationMs } from '#core/brand.js';
import type { ProfileName } from '#core/timings.js';

export interface Policy {
  readonly profile: ProfileName;
  /** `async` is what exists; `available` and `strict` come with the durability modes. */
  readonly durability: 'async';
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
  /** Ties between equally advanced replicas go to the higher number; absent means 0. */
  readonly priorities: Readonly<Record<string, number>>;
  /** How many ledger entries are kept. */
  readonly ledgerRetention: number;
}

export const DEFAULT_POLICY: Policy = {
  profile: 'balanced',
  durability: 'async',
  plannedStopWaitMs: asDuration(60_000),
  tailTimeoutMs: asDuration(1000),
  waitForAheadMs: asDuration(1000),
  openTimeoutMs: asDuration(10_000),
  slotRetentionBytes: 8 * 1024 * 1024 * 1024,
  priorities: {},
  ledgerRetention: 1000,
};
