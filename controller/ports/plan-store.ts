/** Plans, policies and the ledger in etcd. Reads are linearizable; writes are guarded and never retried here (E1, E2). */
import type { Epoch, Revision } from '#core/brand.js';
import type { LedgerEntry } from '#core/ledger.js';
import type { Plan } from '#core/plan.js';
import type { Policy } from '#core/policy.js';
import type { Guard } from '#core/rules/epochs.js';

export interface PlanStore {
  /**
   * All clusters in care. One whose plan or policy is not valid is left out, so that it does not hide the others, and logged
   * (STORE_CORRUPT): nothing is granted, sealed or appointed in it, its leader lives on vouches, and `read` of it tells what is
   * wrong. Rejects with StoreUnavailable when etcd cannot be reached.
   */
  readAll(): Promise<readonly StoredCluster[]>;
  /** undefined: not in care. Rejects with StoreUnavailable, or with StoreCorrupt, which names the key and what is wrong with it. */
  read(cluster: string): Promise<StoredCluster | undefined>;
  /** One guarded transaction. Never rejects. */
  write(write: PlanWrite): Promise<WriteOutcome>;
  /** Newest first, at most `limit`. Rejects like `read`; also when a single entry is corrupt, since a gap would say nothing. */
  ledger(cluster: string, limit: number): Promise<readonly LedgerEntry[]>;
}

export interface StoredCluster {
  readonly plan: Plan;
  /** mod_revision of the plan. */
  readonly revision: Revision;
  readonly policy: Policy;
  /** The ledger's, of the plan's epoch; undefined: there is none, or none that is valid. */
  readonly entry: LedgerEntry | undefined;
}

export interface PlanWrite {
  readonly guard: Guard;
  readonly plan: Plan;
  /** Put under the entry's epoch in the same transaction. */
  readonly entry: LedgerEntry | undefined;
  /** Set when the operator's policy is written too (init). */
  readonly policy: Policy | undefined;
  /** Ledger entries at or below this epoch are deleted in the same transaction. */
  readonly forgetUpTo: Epoch | undefined;
}

export type WriteOutcome =
  | { readonly kind: 'committed'; readonly revision: Revision }
  /** Nothing was written, nor will be: the guard did not hold, or etcd would not take it (logged as STORE_REFUSED). */
  | { readonly kind: 'refused' }
  /** It may or may not have been written, now or later. */
  | { readonly kind: 'unknown'; readonly text: string };

export class StoreUnavailable extends Error {
  override readonly name = 'StoreUnavailable';
}
export class StoreCorrupt extends Error {
  override readonly name = 'StoreCorrupt';
}
