/** What a controller sees, in the form that `tanist status --json` prints. Numbers that people read; nothing here decides. */
import type { Reason } from '#core/reasons.js';

export interface StatusDocument {
  readonly controller: string;
  readonly active: boolean;
  /** Term of the active controller; null on a standby. */
  readonly term: string | null;
  readonly clusters: readonly ClusterStatus[];
}

export interface ClusterStatus {
  readonly name: string;
  /** `not-in-care`: agents report, no plan yet. `unknown`: a standby, which holds no plan. */
  readonly state: 'ok' | 'degraded' | 'failing-over' | 'waiting' | 'not-in-care' | 'unknown';
  readonly epoch: number | null;
  readonly version: number | null;
  readonly leader: string | null;
  readonly profile: string | null;
  /** What is being waited for or done, if anything. */
  readonly reason: Reason | null;
  readonly members: readonly MemberStatus[];
}

export interface MemberStatus {
  readonly name: string;
  readonly role: 'leader' | 'replica' | 'unknown';
  readonly state: string;
  readonly connected: boolean;
  readonly eligible: boolean;
  readonly joining: boolean;
  readonly address: string;
  readonly position: string | null;
  /** Bytes behind the leader's last reported position; null where that has no meaning. */
  readonly behindBytes: number | null;
  readonly streaming: boolean;
  readonly heardMsAgo: number | null;
  readonly problem: { readonly code: string; readonly text: string } | null;
}
