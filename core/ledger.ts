/**
 * The durable record of one decision: who leads since when and why, on what evidence, how long each phase took, and
 * what may be lost. One entry per committed epoch, stored beside the plan in the same transaction.
 */
import type { Epoch, WallMs } from '#core/brand.js';
import type { IdentifierReport } from '#core/identifiers.js';
import type { Comparison, Position } from '#core/position.js';
import type { Reason } from '#core/reasons.js';

export interface LedgerEntry {
  readonly cluster: string;
  readonly epoch: Epoch;
  readonly kind: LedgerKind;
  readonly leader: string;
  readonly previousLeader: string | undefined;
  /** When it was committed, on the deciding controller's wall clock; for people. */
  readonly at: WallMs;
  readonly controller: string;
  readonly term: string;
  readonly reason: Reason;
  readonly candidates: readonly Candidate[];
  readonly tail: TailAccount;
  readonly loss: LossAccount;
  /** What members saved that turned out to have written what this epoch's leader lacks. */
  readonly salvaged: readonly SalvageAccount[];
  /** Which identifiers jumped, for writes may be missing; undefined: none had to, or it is not known yet. */
  readonly identifiers: IdentifierReport | undefined;
  /** Milliseconds from the first sign of trouble to the end of each phase, in order. */
  readonly phases: readonly Phase[];
  readonly outcome: 'pending' | 'proved' | 'failed';
}

/** `renew`: the same leader goes on at a new epoch without being closed. `reopen`: it was closed and is opened again. `restore`: etcd had lost this epoch. */
export const LEDGER_KINDS = ['adopt', 'failover', 'switchover', 'reopen', 'renew', 'restore'] as const;
export type LedgerKind = (typeof LEDGER_KINDS)[number];

export interface Candidate {
  readonly member: string;
  readonly position: Position | undefined;
  /** How it stood to the chosen one. */
  readonly compared: Comparison | undefined;
  readonly verdict: 'chosen' | 'passed-over' | 'refused' | 'silent';
  readonly reason: Reason;
}

export type TailAccount =
  | { readonly kind: 'taken'; readonly from: string; readonly bytes: number }
  | { readonly kind: 'not-needed' }
  | { readonly kind: 'failed'; readonly text: string };

/**
 * Which acknowledged writes the cluster may lack since. `none` is proved. `at-most`: what an old leader's log has after a position of the
 * leader's own line, and that leader accepted before this was committed (L5 keeps it from accepting any after). `exactly`: that leader is back, and
 * this is all that only it had. `unknown`: no range can be named.
 */
export type LossAccount =
  | { readonly kind: 'none' }
  | {
      readonly kind: 'at-most';
      readonly after: Position;
      /** How far past `after` the old leader was heard of. */
      readonly atLeastBytes: bigint;
    }
  | ({ readonly kind: 'exactly'; readonly after: Position } & Counts)
  | { readonly kind: 'unknown'; readonly text: string };

/** A salvage (DESIGN 8), as `tanist salvage show` finds it. */
export interface SalvageAccount extends Counts {
  readonly member: string;
  /** Of its folder on that member. */
  readonly name: string;
}

export interface Counts {
  readonly transactions: number;
  readonly rows: number;
  /** Of log. */
  readonly bytes: number;
}

export type PhaseName = 'suspected' | 'sealed' | 'tail' | 'committed' | 'proved' | 'followed';
export interface Phase {
  readonly phase: PhaseName;
  readonly ms: number;
}
