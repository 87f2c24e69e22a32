/** What a controller sees, in the form that `tanist status --json` prints. Numbers that people read; nothing here decides. */
import type { Care } from '#core/plan.js';
import type { MemberPolicy } from '#core/policy.js';
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
  /**
   * `paused`, `released`: as `care` says, when nothing is under way. `not-in-care`: agents report, no plan yet. `unknown`: a standby,
   * which holds no plan.
   */
  readonly state:
    'ok' | 'degraded' | 'failing-over' | 'waiting' | 'paused' | 'released' | 'not-in-care' | 'unknown';
  /** Of the plan; null where there is none. */
  readonly care: Care | null;
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
  /** Somebody works on it: not eligible, and its absence means nothing. */
  readonly maintenance: boolean;
  /** Of the policy: `never` is never eligible. */
  readonly appoint: MemberPolicy['appoint'];
  readonly address: string;
  readonly position: string | null;
  /** Bytes behind the leader's last reported position; null where that has no meaning. */
  readonly behindBytes: number | null;
  readonly streaming: boolean;
  /** Whom it follows now: a member's name, `host:port` of anybody else, null for nobody. */
  readonly upstream: string | null;
  /** Who receives log from it and is no member, by the names under which they connect. */
  readonly followers: readonly string[];
  readonly heardMsAgo: number | null;
  readonly problem: { readonly code: string; readonly text: string } | null;
}
