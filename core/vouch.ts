/** What the leader's agent asks of a replica's when its grants are overdue (rule V1), and what it is told (V2). */
import type { DurationMs, Epoch } from '#core/brand.js';

export interface VouchQuestion {
  readonly cluster: string;
  /** The leader that asks. */
  readonly from: string;
  /** Who is asked: under an address that was this member's another one may answer now, and that one's word says nothing. */
  readonly to: string;
  /** The epoch that the asker leads. */
  readonly epoch: Epoch;
  /** Names the round: when it was sent only the asker knows, and counts from there (V1). */
  readonly nonce: bigint;
  readonly incarnation: string;
  /** D_G: for how long, from receipt, the asked one is not to open. */
  readonly promiseMs: DurationMs;
}

export interface VouchAnswer {
  /** These three as they were asked. */
  readonly incarnation: string;
  readonly nonce: bigint;
  readonly epoch: Epoch;
  readonly promised: boolean;
  /** Why not; empty when it promised. */
  readonly because: string;
}
