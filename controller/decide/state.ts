/**
 * What a controller knows. Standbys hold the same picture of the agents as the active one; plans are read only after winning (E4).
 * Whether it may act is never a field here, but a function of this and the time.
 */
import {
  type DurationMs,
  type Epoch,
  highest,
  LONG_AGO,
  type MonotonicMs,
  NO_EPOCH,
  type Revision,
  type WallMs,
} from '#core/brand.js';
import type { Directive } from '#core/directive.js';
import type { ErrorCode } from '#core/errors.js';
import type { Candidate, LedgerEntry, Phase, TailAccount } from '#core/ledger.js';
import type { OperatorAnswer, OperatorCommand } from '#core/operator.js';
import { isBeingAdopted, type Plan, type PlanMember } from '#core/plan.js';
import type { Policy } from '#core/policy.js';
import type { EngineName, Position } from '#core/position.js';
import type { Reason } from '#core/reasons.js';
import type { Report } from '#core/report.js';
import type { Guard } from '#core/rules/epochs.js';
import type { Rules } from '#core/rules/index.js';
import type { OwnTerm } from '#core/term.js';

export interface ControllerState {
  readonly name: string;
  /** Name of the machine that this controller runs on (A3). */
  readonly host: string | undefined;
  readonly role: Role;
  /** When somebody to hand the active role to was last looked for (A3). */
  readonly standbysAskedAt: MonotonicMs;
  /** When it decided last: a long gap is a stall of its own. */
  readonly decidedAt: MonotonicMs;
  readonly clusters: Readonly<Record<string, ClusterState>>;
  /** Those that listen here, by the number of their call. */
  readonly routers: Readonly<Record<string, Router>>;
}

/** One that can hold clients back of these clusters. */
export interface Router {
  readonly name: string;
  readonly clusters: readonly string[];
  /** By cluster, the pause for which it does so. */
  readonly paused: Readonly<Record<string, bigint | undefined>>;
}

export type Role =
  | { readonly kind: 'standby' }
  | {
      readonly kind: 'active';
      readonly term: OwnTerm;
      readonly electedAt: MonotonicMs;
      /** A1: past it nothing is sent, granted or written. */
      readonly authorityUntil: MonotonicMs;
      readonly resigned: Resigned | undefined;
      /** False until all plans were read in this term (E4). */
      readonly loaded: boolean;
    };

export interface Resigned {
  readonly controller: string;
  readonly promises: Readonly<Record<string, DurationMs>>;
}

export interface ClusterState {
  readonly name: string;
  readonly stored: Stored | undefined;
  readonly members: Readonly<Record<string, MemberPicture>>;
  /** The highest of any plan that was ever heard of here, whoever has forgotten it since: no client is sent to an older one's leader. */
  readonly knownEpoch: Epoch;
  /** While something is decided: who reports under a member's name with another identity than the plan has, set aside (E5). */
  readonly replaced: Readonly<Record<string, MemberPicture>>;
  /** L2: until when no other member may be appointed. */
  readonly promise: MonotonicMs;
  /** L5: until when a leader before the plan's own may be open on its replicas' vouches. */
  readonly vouchedUntil: MonotonicMs;
  /** Since when the leader is heard and well without a break. */
  readonly wellSince: MonotonicMs | undefined;
  /** Why the leader is suspected, and since when. */
  readonly suspicion: Suspicion | undefined;
  readonly attempt: Attempt | undefined;
  /** A switchover or failover that an operator asked for, until replicas are sealed for it. */
  readonly order: Order | undefined;
  /** What `adopt` asked of the agents. */
  readonly inspecting: Inspecting | undefined;
  /** A4: a hold under way with this controller. */
  readonly hold: Hold | undefined;
  /** A4: until when what was granted beyond D_H, by this controller or one before it, may be outstanding. */
  readonly heldPromise: MonotonicMs;
  /** E6: what members say of the plans that a restored etcd may have lost. */
  readonly repair: Repair | undefined;
  /** Counts what was asked of agents. */
  readonly questions: number;
  /** The operator who waits until everybody has let go. */
  readonly releasing: Releasing | undefined;
  /** When replicas were last asked to look at a silent leader. */
  readonly probedAt: MonotonicMs;
  readonly write: WriteUnderWay | undefined;
  /** Counts this controller's writes, so that a late outcome is never taken for a newer one's. */
  readonly writes: number;
  /** The ledger entry of the present epoch, to be completed when its opening is proved. */
  readonly entry: LedgerEntry | undefined;
  /** When the leader was first heard to hold the plan that names a member joining (V4). */
  readonly joiningAcknowledgedAt: MonotonicMs | undefined;
  /** What holds this cluster up at the moment, as it was logged. */
  readonly said: Reason | undefined;
}

/** Names come from anybody: `constructor` may well be none of a cluster, and every object has one. */
export const clusterOf = (
  { clusters }: Pick<ControllerState, 'clusters'>,
  name: string,
): ClusterState | undefined => (Object.hasOwn(clusters, name) ? clusters[name] : undefined);

/** The highest of any plan that this controller knows of. */
export const newestEpoch = ({ stored, knownEpoch }: ClusterState): Epoch =>
  highest(knownEpoch, stored?.plan.epoch ?? NO_EPOCH);

export function emptyCluster(name: string): ClusterState {
  return {
    name,
    stored: undefined,
    members: {},
    knownEpoch: NO_EPOCH,
    replaced: {},
    promise: LONG_AGO,
    vouchedUntil: LONG_AGO,
    wellSince: undefined,
    suspicion: undefined,
    attempt: undefined,
    order: undefined,
    inspecting: undefined,
    hold: undefined,
    heldPromise: LONG_AGO,
    repair: undefined,
    questions: 0,
    releasing: undefined,
    probedAt: LONG_AGO,
    write: undefined,
    writes: 0,
    entry: undefined,
    joiningAcknowledgedAt: undefined,
    said: undefined,
  };
}

/** As etcd has it. */
export interface ReadCluster {
  readonly plan: Plan;
  readonly revision: Revision;
  readonly policy: Policy;
  /** The ledger's, of the plan's epoch. */
  readonly entry: LedgerEntry | undefined;
}

export interface Stored extends Omit<ReadCluster, 'entry'> {
  readonly readIn: OwnTerm;
}

export interface MemberPicture {
  readonly member: PlanMember;
  readonly host: string | undefined;
  readonly engine: EngineName | undefined;
  readonly incarnation: string;
  readonly connected: boolean;
  readonly report: Report | undefined;
  readonly receivedAt: MonotonicMs;
  /** The same on the clock of expiries: until when its word to clients counts, which no standstill of ours prolongs. */
  readonly saidAt: MonotonicMs;
  /** When it was last heard to have a guard (V4). */
  readonly guardedAt: MonotonicMs;
  /** When the leader was last heard to send it log (S6). */
  readonly followedAt: MonotonicMs;
  /** It was logged that it writes by an older plan than the one of this epoch. */
  readonly saidBehind?: Epoch;
}

export interface Suspicion {
  readonly reason: Reason;
  readonly since: MonotonicMs;
}

/** A failover under way: seal, choose, tail, commit, open. One epoch each; a failed one is followed by another. */
export interface Attempt {
  /** Sealed for, and then committed. */
  readonly epoch: Epoch;
  readonly reason: Reason;
  readonly suspectedAt: MonotonicMs;
  readonly stage: 'sealing' | 'tail' | 'committing' | 'opening';
  /** When the present stage began. */
  readonly stageAt: MonotonicMs;
  /** When the seals were last repeated. */
  readonly resentAt?: MonotonicMs;
  /** When the old leader's log could not be fetched, without which `strict` appoints nobody: it is tried again at the next epoch. */
  readonly tailFailedAt?: MonotonicMs;
  /** Appointed earlier in this outage without proof. */
  readonly failed: readonly string[];
  readonly choice: Choice | undefined;
  /** The operator who asked for it, if one did. */
  readonly wish: Wish | undefined;
  /** Only the old leader is to be opened again, for this reason. */
  readonly goBack: Reason | undefined;
  readonly phases: readonly Phase[];
}

/** What an operator wishes of the next leader. */
export interface Wish {
  readonly kind: 'switchover' | 'failover';
  readonly to: string | undefined;
  readonly by: string;
  readonly acceptLoss: boolean;
  /** V7: the leader of which the operator states that its machine is off; nothing is said of any other. */
  readonly off: string | undefined;
  /** Undefined once it is answered. */
  readonly request: number | undefined;
  /** When the old leader was told to close; undefined: not yet. */
  readonly closedAt: MonotonicMs | undefined;
  /** Under this number routers hold clients back, from just before the old leader closes on; undefined: not yet. */
  readonly pause: bigint | undefined;
}

/** The part of a switchover that comes before the seals: the leader is open, or about to close. */
export interface Order {
  readonly wish: Wish;
  readonly stage: 'nearing' | 'preparing' | 'pausing' | 'stepping-down';
  readonly stageAt: MonotonicMs;
  /** Names the preparation that is asked for. */
  readonly question: bigint;
  /** When the leader was last told. */
  readonly toldAt: MonotonicMs;
}

/**
 * Asked for and not yet in etcd; granted, until the guard has acknowledged it; running; given up by the leader. `request`: the operator who
 * waits; undefined once answered.
 */
export type Hold =
  | { readonly stage: 'committing'; readonly forMs: DurationMs; readonly request: number }
  | {
      readonly stage: 'reaching';
      readonly forMs: DurationMs;
      readonly until: MonotonicMs;
      readonly request: number;
    }
  | { readonly stage: 'holding'; readonly forMs: DurationMs; readonly until: MonotonicMs }
  | {
      readonly stage: 'ending';
      /** Names what the leader is asked for. */
      readonly question: bigint;
      readonly request: number | undefined;
      readonly since: MonotonicMs;
      readonly toldAt: MonotonicMs;
    };

export interface Inspecting {
  readonly question: bigint;
  readonly request: number;
  readonly since: MonotonicMs;
}

export interface Repair {
  /** One for this term: whoever answers it takes up nothing any more that was sent in an earlier one. */
  readonly question: bigint;
  readonly since: MonotonicMs;
  readonly askedAt: MonotonicMs;
  readonly told: readonly Told[];
}

/** What one memory holds, whoever answers under that name later (E5). */
export interface Told {
  readonly member: PlanMember;
  readonly dataId: string;
  readonly plan: Plan | undefined;
}

export interface Releasing {
  readonly request: number;
  readonly since: MonotonicMs;
}

/** The wait for a plan's opening, with its time limit; undefined for one that is proved or is being adopted. */
export function openingOf(plan: Plan, why: Reason, now: MonotonicMs): Attempt | undefined {
  if (plan.opening.state !== 'pending' || isBeingAdopted(plan)) return undefined;
  return {
    epoch: plan.epoch,
    reason: why,
    suspectedAt: now,
    stage: 'opening',
    stageAt: now,
    failed: [],
    choice: undefined,
    wish: undefined,
    goBack: undefined,
    phases: [],
  };
}

export interface Choice {
  readonly member: string;
  /** Of its agent, which read the position (INV-3). */
  readonly incarnation: string;
  /** Undefined: it could not be asked (`leader-itself.ts`). */
  readonly position: Position | undefined;
  readonly candidates: readonly Candidate[];
  readonly sealed: readonly string[];
  /** S5: no acknowledged write can be missing there, whatever becomes of the tail. */
  readonly isComplete: boolean;
  readonly tail: TailAccount;
  readonly atLeast: Position | undefined;
}

/** One guarded write at a time per cluster, until its outcome is known (E2, E3). */
export interface WriteUnderWay {
  readonly id: number;
  readonly write: Write;
  /** Settling an unknown outcome: the first version whose fate is open. */
  readonly settling: boolean;
  /** The operator's request that its commit answers with the plan. */
  readonly request: number | undefined;
}

/** The plan as it is to be written; the adapter's form of it is made by the loop. */
export interface Write {
  readonly guard: Guard;
  readonly plan: Plan;
  readonly entry: LedgerEntry | undefined;
  readonly policy: Policy | undefined;
  readonly forgetUpTo: Epoch | undefined;
}

export type Input =
  | { readonly kind: 'tick' }
  | {
      readonly kind: 'elected';
      readonly term: OwnTerm;
      readonly sentAt: MonotonicMs;
      readonly resigned: Resigned | undefined;
    }
  | {
      readonly kind: 'proof';
      readonly term: OwnTerm;
      readonly keepaliveSentAt: MonotonicMs;
      readonly checkSentAt: MonotonicMs;
    }
  | { readonly kind: 'deposed'; readonly term: OwnTerm; readonly text: string }
  | {
      readonly kind: 'loaded';
      readonly term: OwnTerm;
      readonly clusters: readonly ReadCluster[];
    }
  | { readonly kind: 'load-failed'; readonly term: OwnTerm; readonly text: string }
  | {
      readonly kind: 'agent-connected';
      readonly cluster: string;
      readonly member: PlanMember;
      readonly incarnation: string;
      readonly host: string | undefined;
      readonly engine: EngineName | undefined;
    }
  | {
      readonly kind: 'agent-report';
      readonly cluster: string;
      readonly member: string;
      readonly report: Report;
      readonly receivedAt: MonotonicMs;
    }
  | {
      readonly kind: 'agent-disconnected';
      readonly cluster: string;
      readonly member: string;
      readonly incarnation: string;
    }
  | {
      readonly kind: 'written';
      readonly cluster: string;
      readonly id: number;
      readonly outcome:
        | { readonly kind: 'committed'; readonly revision: Revision }
        | { readonly kind: 'refused' }
        | { readonly kind: 'unknown'; readonly text: string };
    }
  /** The plan as etcd has it after a refused write; undefined: there is none. */
  | {
      readonly kind: 'reread';
      readonly cluster: string;
      readonly id: number;
      readonly stored: ReadCluster | undefined;
    }
  | {
      readonly kind: 'reread-failed';
      readonly cluster: string;
      readonly id: number;
      readonly corrupt: boolean;
      readonly text: string;
    }
  | {
      readonly kind: 'operate';
      readonly cluster: string;
      readonly command: OperatorCommand;
      readonly request: number;
    }
  /** A router that can hold clients back of these clusters listens here. `call`: of all calls this one; one that connects again is another for a while. */
  | {
      readonly kind: 'router-connected';
      readonly call: string;
      readonly router: string;
      readonly clusters: readonly string[];
    }
  | { readonly kind: 'router-disconnected'; readonly call: string }
  /** It holds them back: none of them has a transaction open. */
  | {
      readonly kind: 'router-paused';
      readonly router: string;
      readonly cluster: string;
      readonly pause: bigint;
    }
  /** Where the controllers run that could take the active role (A3). */
  | { readonly kind: 'standbys'; readonly term: OwnTerm; readonly hosts: readonly (string | undefined)[] }
  /** Shutting down, or moving the active role elsewhere. */
  | { readonly kind: 'resign' };

/** `at` is read on the clock of waits, `authorityAt` on that of expiries (`core/clock.ts`), as are a proof's own instants. */
export type Event = Input & {
  readonly at: MonotonicMs;
  readonly authorityAt: MonotonicMs;
  readonly wall: WallMs;
};

export type Effect =
  | { readonly kind: 'load'; readonly term: OwnTerm }
  | { readonly kind: 'write'; readonly cluster: string; readonly id: number; readonly write: Write }
  | { readonly kind: 'reread'; readonly cluster: string; readonly id: number }
  | {
      readonly kind: 'send';
      readonly cluster: string;
      readonly member: string;
      readonly directive: Directive;
    }
  | {
      readonly kind: 'refuse';
      readonly cluster: string;
      readonly member: string;
      readonly code: ErrorCode;
      readonly text: string;
    }
  | { readonly kind: 'resign'; readonly record: Resigned | undefined }
  | { readonly kind: 'findStandbys'; readonly term: OwnTerm }
  | { readonly kind: 'reply'; readonly request: number; readonly answer: Answer }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly cluster: string | undefined;
      readonly reason: Reason;
    };

export type Answer =
  | { readonly kind: 'done'; readonly answer: OperatorAnswer }
  | { readonly kind: 'error'; readonly code: ErrorCode; readonly text: string };

/** What one decision sees beside the state: the time, the rules, and where its effects go. */
export interface Context {
  readonly now: MonotonicMs;
  readonly authorityNow: MonotonicMs;
  readonly wall: WallMs;
  readonly controller: string;
  readonly role: Role;
  readonly rules: Rules;
  readonly routers: ControllerState['routers'];
  readonly emit: (effect: Effect) => void;
}
