/**
 * What an operator asks of the active controller, and what it answers. Every command is one question with one answer; whatever it
 * started goes on by itself if the asker leaves.
 */
import type { DurationMs } from '#core/brand.js';
import type { Plan } from '#core/plan.js';
import type { Policy } from '#core/policy.js';
import type { EngineName } from '#core/position.js';
import type { Reason } from '#core/reasons.js';
import type { Finding } from '#core/report.js';

export type OperatorCommand =
  /** What `adopt` would take into care, and what would hurt at a failover. Changes nothing. */
  | { readonly kind: 'inspect' }
  /** Commits the first plan around the leader that runs already. */
  /** `leaderIsOff`: the operator states that the machine of whoever led before is off, if that one has not let go. */
  | {
      readonly kind: 'adopt';
      readonly policy: Policy;
      readonly by: string;
      readonly leaderIsOff: boolean;
    }
  /** Undoes all that `adopt` and what followed did; answered when every connected member has. */
  | { readonly kind: 'release'; readonly by: string }
  /** What a switchover or failover would do and lose. Changes nothing. `to` undefined: whoever is chosen. */
  | {
      readonly kind: 'forecast';
      readonly of: 'switchover' | 'failover';
      readonly to: string | undefined;
      readonly leaderIsOff: boolean;
    }
  | { readonly kind: 'switchover'; readonly to: string | undefined; readonly by: string }
  /**
   * `acceptLoss`: `to` may lack writes that another member has. `leaderIsOff`: the operator states, for the ledger, that the leader's
   * machine is off and stays off (V7): then nothing is waited out, and a member that is not eligible may lead.
   */
  | {
      readonly kind: 'failover';
      readonly to: string | undefined;
      readonly by: string;
      readonly acceptLoss: boolean;
      readonly leaderIsOff: boolean;
    }
  | { readonly kind: 'pause'; readonly by: string }
  | { readonly kind: 'resume'; readonly by: string }
  /** A4: the leader's agent is to be away for as long as `forMs`. Answered when the leader's guard has acknowledged a lease that reaches so far. */
  | { readonly kind: 'hold'; readonly forMs: DurationMs; readonly by: string }
  /** The agent is back: a silent leader is soon replaced again. Answered when the leader has given up the rest, or does not answer. */
  | { readonly kind: 'endHold'; readonly by: string }
  | { readonly kind: 'maintenance'; readonly member: string; readonly on: boolean; readonly by: string }
  /**
   * A copy is to replace a replica's data: of `from`, another replica, or the leader. `waiveSalvage`: the operator does without the writes that only
   * this member has, if they cannot be saved. Answered when the plan says so; the member begins by itself.
   */
  | {
      readonly kind: 'reinit';
      readonly member: string;
      readonly from: string | undefined;
      readonly waiveSalvage: boolean;
      readonly by: string;
    }
  /** What was wished for a member's data is wished no more; a copy that has taken its place by now stays. */
  | { readonly kind: 'cancelReinit'; readonly member: string; readonly by: string }
  | { readonly kind: 'setPolicy'; readonly policy: Policy; readonly by: string };

export type OperatorAnswer =
  /** adopt, release, pause, resume, maintenance, reinit, cancelReinit, setPolicy. */
  | { readonly kind: 'plan'; readonly plan: Plan }
  | { readonly kind: 'inspected'; readonly inspection: ClusterInspection }
  | { readonly kind: 'forecast'; readonly forecast: Forecast }
  | { readonly kind: 'handedOver'; readonly handover: Handover }
  | { readonly kind: 'held'; readonly held: Held };

/** How far a hold reaches, or what is left of one that was ended; as of the answer. */
export interface Held {
  readonly leader: string;
  /** How long the leader's agent may be away, ms; undefined: without end, for nobody may supersede the leader (V6). */
  readonly awayMs: number | undefined;
  /** How long a leader that falls silent now is not replaced, at the most, ms. */
  readonly promiseMs: number;
}

export interface ClusterInspection {
  readonly cluster: string;
  /** The one member that accepts writes; undefined: none, or several (which is a finding). */
  readonly leader: string | undefined;
  readonly members: readonly InspectedMember[];
  /** `member` undefined: about the cluster as a whole. */
  readonly findings: readonly (Finding & { readonly member: string | undefined })[];
}

export interface InspectedMember {
  readonly name: string;
  readonly role: 'leader' | 'replica' | 'unknown';
  readonly address: string;
  /** `host:port` that it follows. */
  readonly upstream: string | undefined;
  readonly streaming: boolean;
  /** Would be eligible at once. */
  readonly eligible: boolean;
}

export interface Forecast {
  readonly of: 'switchover' | 'failover';
  readonly leader: string;
  readonly engine: EngineName;
  /** Who would lead; undefined: nobody can. */
  readonly candidate: string | undefined;
  /** Log that the leader last reported and the candidate had not, in the engine's `LOG_UNIT`; undefined: not comparable. */
  readonly behind: bigint | undefined;
  /** What would be lost: nothing, or why that cannot be known beforehand. */
  readonly loss: { readonly kind: 'none' } | { readonly kind: 'possible'; readonly text: string };
  /** How long the old leader's lease has to be waited out before anybody else may be appointed, ms. */
  readonly waitMs: number;
  /** What keeps it from being done now; undefined: nothing. */
  readonly refused: Reason | undefined;
  /** Every other member, and why it is not the candidate. */
  readonly others: readonly { readonly member: string; readonly reason: Reason }[];
}

export interface Handover {
  readonly from: string;
  readonly to: string;
  readonly epoch: Plan['epoch'];
  /** From when the old leader was told to close until the new one had proved itself, ms. */
  readonly closedMs: number;
}
