/** What a controller sees, in the form that `tanist status --json` prints. Numbers that people read; nothing here decides. */
import type { LedgerKind, LossAccount } from '#core/ledger.js';
import type { Care } from '#core/plan.js';
import type { DurabilityPolicy } from '#core/policy.js';
import type { EngineName } from '#core/position.js';
import type { Reason } from '#core/reasons.js';
import type { LoweredSessions } from '#core/report.js';

export interface StatusDocument {
  readonly controller: string;
  readonly active: boolean;
  /** Term of the active controller; null on a standby. */
  readonly term: string | null;
  readonly clusters: readonly ClusterStatus[];
}

export interface ClusterStatus {
  readonly name: string;
  /** `not-in-care`: agents report, no plan yet. `released`: let go. `unknown`: a standby, which holds no plan. */
  readonly state:
    'ok' | 'degraded' | 'failing-over' | 'waiting' | 'paused' | 'released' | 'not-in-care' | 'unknown';
  readonly engine: EngineName | null;
  readonly care: Care | null;
  readonly epoch: number | null;
  readonly version: number | null;
  readonly leader: string | null;
  readonly profile: string | null;
  /** A4: under a hold, for how long a leader that fell silent now would not be replaced, at the most; null: no hold. */
  readonly heldMs: number | null;
  /** null: a standby; absent: a controller of an older version. */
  readonly durability?: DurabilityStatus | null;
  /** Damping: for how long yet another automatic failover would be held; null: it would be begun at once, or the cluster is in no automatic care. */
  readonly failoverHeldMs: number | null;
  /** What is being waited for or done, if anything. */
  readonly reason: Reason | null;
  /** What the ledger has of the change to this epoch; null: nothing, or no controller that knows; absent: a controller of an older version. */
  readonly change?: ChangeStatus | null;
  readonly members: readonly MemberStatus[];
}

/** What every write waits for, and what a failover may count on (S6). */
export interface DurabilityStatus {
  readonly mode: DurabilityPolicy['mode'];
  /** How many replicas are to confirm a write, by the policy. */
  readonly wanted: number;
  /** How many are known to have confirmed each: as many losses outlives what is acknowledged now. */
  readonly counted: number;
  /** Any of whom. */
  readonly replicas: readonly string[];
}

/** Which acknowledged writes the leader may lack, as the ledger has it by now. */
export interface ChangeStatus {
  readonly kind: LedgerKind;
  readonly from: string | null;
  readonly to: string;
  readonly loss: LossAccount['kind'];
  /** What this position of the log does not include; null: `none` or `unknown`. */
  readonly after: string | null;
  /** Of log: exactly so many, or how many are known of at least; null where that has no meaning, as below. */
  readonly bytes: number | null;
  readonly transactions: number | null;
  readonly rows: number | null;
  /** Where they were saved. */
  readonly salvagedBy: readonly string[];
}

export interface MemberStatus {
  readonly name: string;
  readonly role: 'leader' | 'replica' | 'unknown';
  readonly state: string;
  readonly connected: boolean;
  readonly eligible: boolean;
  readonly joining: boolean;
  readonly address: string;
  /** Where its agent answers, `host:port`. */
  readonly agentAddress: string;
  readonly position: string | null;
  /** Behind the leader's last reported position, in the engine's `LOG_UNIT`; null where that has no meaning. */
  readonly behind: number | null;
  readonly streaming: boolean;
  /** Whom it follows: a member's name if known, else `host:port`; null: nobody. */
  readonly upstream: string | null;
  readonly maintenance: boolean;
  readonly appoint: 'yes' | 'never';
  /** Who receives log from it and is no member: extra replicas, backups. */
  readonly followers: readonly string[];
  /** Of the leader: sessions that are outside of the cluster's durability, as far as can be seen; null: none. */
  readonly lowered: LoweredSessions | null;
  /** A copy of another member's data that is being made to replace this member's; `totalBytes` 0: not known yet. */
  readonly copying: { readonly from: string; readonly doneBytes: number; readonly totalBytes: number } | null;
  readonly heardMsAgo: number | null;
  readonly problem: { readonly code: string; readonly text: string } | null;
}
