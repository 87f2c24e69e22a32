/**
 * What an agent knows. `durable` is what it would know after a restart (E5); everything else is of this incarnation only.
 */
import {
  asMonotonic,
  type DurationMs,
  type Epoch,
  LONG_AGO,
  type MonotonicMs,
  NEVER,
  NO_EPOCH,
} from '#core/brand.js';
import type { Directive } from '#core/directive.js';
import type { IdentifierGap } from '#core/identifiers.js';
import type { Durability } from '#core/durability.js';
import type { ErrorCode } from '#core/errors.js';
import type { Opening, Plan, PlanMember, ProvedOpening } from '#core/plan.js';
import type { Position } from '#core/position.js';
import type {
  Answering,
  DatabaseReport,
  DurabilityReport,
  Finding,
  Inspection,
  OpenedReport,
  Problem,
  Report,
  Sealed,
  TailReport,
} from '#core/report.js';
import type { Rules } from '#core/rules/index.js';
import type { Term } from '#core/term.js';
import { type Timings, timingsOf } from '#core/timings.js';
import type { VouchAnswer, VouchQuestion } from '#core/vouch.js';

export interface AgentState {
  readonly cluster: string;
  readonly member: string;
  readonly incarnation: string;
  /** When it decided last: a long gap is a stall of its own. */
  readonly decidedAt: MonotonicMs;
  /** The database's silence counts from here: before, nobody listened. */
  readonly listeningSince: MonotonicMs;
  /** When it started, on the clock of waits, and whether an earlier incarnation had stored a plan: what V3 assumes. */
  readonly startedWaitAt: MonotonicMs;
  readonly knewPlan: boolean;
  readonly durable: DurableState;
  /** An earlier agent's promises about this database are not known any more (E5). */
  readonly hasForgotten: boolean;
  /** The newest plan that names this member by another identity than its own (E5). */
  readonly replacedBy: Plan | undefined;
  readonly controllers: Readonly<Record<string, Session>>;
  /** Highest term heard from any controller; directives of a lower one are not followed. */
  readonly term: Term | undefined;
  readonly lease: Lease;
  /** Heartbeats sent and not too old: which of them a grant answers, and when it left (L1, L3). */
  readonly sent: readonly Transmission[];
  readonly nonce: bigint;
  /** As leader: what replicas promised (V1). */
  readonly vouching: Vouching;
  /** As replica: what it promised itself (V2); `at` and `until` on the clock of waits. */
  readonly vouched: Vouched | undefined;
  readonly nextHeartbeatAt: MonotonicMs;
  /** What was said last, to say it again at once when it changes. */
  readonly lastSaid: Report | undefined;
  readonly database: Observed | undefined;
  readonly action: ActionUnderWay | undefined;
  readonly actions: number;
  /** When the last step ended: what a look that began before it saw is old. */
  readonly actedAt: MonotonicMs;
  readonly sealed: Sealed | undefined;
  readonly tail: TailReport | undefined;
  readonly tailWanted: TailWanted | undefined;
  readonly opened: (OpenedReport & { readonly at: MonotonicMs }) | undefined;
  /** As leader: what its database has in force (S6); undefined: it is being changed, or nothing is known. */
  readonly inForce: DurabilityReport | undefined;
  /** Whom `follow` was done for, at which epoch. */
  readonly followed: Followed | undefined;
  /** The epoch at which neither the log of its leader nor a rewind brings this member there: only a copy does. */
  readonly recloneEpoch: Epoch;
  /** The epoch at which this leader was told to close in order. */
  readonly stepDownEpoch: Epoch;
  readonly prepare: Prepare | undefined;
  /** A4: the rest of a hold was given up. */
  readonly holdEnd: HoldEnd | undefined;
  readonly guard: GuardState;
  readonly probing: Probing | undefined;
  readonly probed: Probed | undefined;
  readonly inspection: Inspection | undefined;
  /** E6: the question for the whole plan that the next report answers. */
  readonly planWanted: bigint | undefined;
  /** True while the database goes or is down because this agent stopped it to fence. */
  readonly stoppedByFence: boolean;
  /** When the database was first seen down. */
  readonly downSince: MonotonicMs | undefined;
  readonly problem: Problem | undefined;
  /** A step that failed is not tried again before this instant. */
  readonly retryAt: MonotonicMs;
  readonly slotsAt: MonotonicMs;
  /** A fence that failed is not tried again before this instant. */
  readonly fenceAgainAt: MonotonicMs;
}

export interface DurableState {
  readonly cluster: string;
  readonly member: string;
  readonly identity: string;
  readonly hostId: string | undefined;
  readonly dataId: string;
  readonly copyId: string | undefined;
  readonly highestEpoch: Epoch;
  readonly plan: Plan | undefined;
  readonly sealedEpoch: Epoch;
  readonly fencedEpoch: Epoch;
  readonly openedEpoch: Epoch;
  /** The epoch whose opening was begun: a database that dies after that is closed at it (F1), also for the next incarnation. */
  readonly openingEpoch: Epoch;
  readonly releasedEpoch: Epoch;
  /** The operator's wish for a copy that was fulfilled last. */
  readonly recloned: string | undefined;
}

export interface Followed {
  readonly epoch: Epoch;
  readonly upstream: string;
  /** Undefined: a step toward another setting failed, and may have gone halfway. */
  readonly confirms: boolean | undefined;
}

/** A request to make a stop short, and whether that is done. */
export interface Prepare {
  readonly request: bigint;
  readonly done: boolean;
}

/** Grants that answer heartbeats up to `nonce` give no more than D_H any more, whenever they come. */
export interface HoldEnd {
  readonly request: bigint;
  readonly nonce: bigint;
}

/** What is known of the guard, and what it was told last. */
export interface GuardState {
  /** It is to stand: the database is in care. */
  readonly kept: boolean;
  readonly standing: boolean;
  /** What it said that it holds. */
  readonly holds: GuardOrder | undefined;
  readonly told: GuardOrder | undefined;
}

export interface GuardOrder {
  readonly epoch: Epoch;
  readonly until: MonotonicMs;
}

/** A look at another member that is under way. */
export interface Probing {
  readonly member: string;
  readonly startedAt: MonotonicMs;
}

/** What the last look found. */
export interface Probed extends Probing {
  readonly database: Answering;
  readonly agent: Answering;
}

export interface Session {
  readonly connected: boolean;
}

/** L3. Whether it is held is a function of this and the time. */
export interface Lease {
  readonly epoch: Epoch;
  readonly expiry: MonotonicMs;
}

export interface Transmission {
  readonly nonce: bigint;
  readonly sentAt: MonotonicMs;
}

/** A leader's rounds of questions while its grants are overdue. */
export interface Vouching {
  /** Of the plan that they are asked under. */
  readonly epoch: Epoch;
  /** When the newest heartbeat that was granted was sent, or else when controllers were last known to be well. */
  readonly renewedAt: MonotonicMs;
  readonly nonce: bigint;
  readonly rounds: readonly Transmission[];
  /** Per member: when the newest round that it answered with a promise was sent. */
  readonly answered: Readonly<Record<string, MonotonicMs>>;
  /** When the last promise came; L3 does not look at it. */
  readonly answeredAt: MonotonicMs;
  /** Per member: why it last refused. */
  readonly refused: Readonly<Record<string, string>>;
  readonly nextAt: MonotonicMs;
  readonly askingSince: MonotonicMs | undefined;
  /** Who was last said to be missing. */
  readonly said: string;
}

/** The newest promise, and until when the longest lasts. */
export interface Vouched {
  readonly epoch: Epoch;
  readonly at: MonotonicMs;
  readonly until: MonotonicMs;
}

export interface Observed extends DatabaseReport {
  readonly at: MonotonicMs;
  readonly canaryAt: MonotonicMs | undefined;
  readonly processesGone: boolean;
  readonly bootClosed: boolean;
}

export interface ActionUnderWay {
  readonly id: number;
  /** Of the plan that it serves. */
  readonly epoch: Epoch;
  readonly action: Action;
  readonly startedAt: MonotonicMs;
}

export interface TailWanted {
  readonly epoch: Epoch;
  readonly agentAddress: string;
  readonly timeoutMs: DurationMs;
}

/** The steps that an engine can take; `agent/ports/engine.ts` says what each does. The loop adds what no value can be (`mayOpen`). */
export type Action =
  | { readonly kind: 'fence'; readonly withinMs: DurationMs }
  | { readonly kind: 'start' }
  | { readonly kind: 'seal'; readonly epoch: Epoch }
  | {
      readonly kind: 'takeTail';
      readonly epoch: Epoch;
      readonly agentAddress: string;
      readonly timeoutMs: DurationMs;
    }
  | {
      readonly kind: 'open';
      readonly epoch: Epoch;
      readonly mark: string;
      readonly opening: Opening;
      readonly timeline: number | undefined;
      readonly openings: readonly ProvedOpening[];
      readonly replicas: readonly string[];
      readonly durability: Durability;
      readonly identifierGap: IdentifierGap | undefined;
      readonly timeoutMs: DurationMs;
    }
  | { readonly kind: 'setDurability'; readonly durability: Durability; readonly timeoutMs: DurationMs }
  | {
      readonly kind: 'follow';
      readonly leader: PlanMember;
      readonly openings: readonly ProvedOpening[];
      readonly slot: string | undefined;
      readonly confirms: boolean;
    }
  | { readonly kind: 'checkpoint'; readonly timeoutMs: DurationMs }
  | {
      readonly kind: 'reclone';
      readonly leader: PlanMember;
      readonly source: PlanMember;
      readonly instead: readonly PlanMember[];
      readonly openings: readonly ProvedOpening[];
      readonly wish: string | undefined;
      readonly salvageWaived: boolean;
      readonly timeoutMs: DurationMs;
    }
  | {
      readonly kind: 'rewind';
      readonly leader: PlanMember;
      readonly openings: readonly ProvedOpening[];
      readonly timeoutMs: DurationMs;
    }
  | {
      readonly kind: 'release';
      readonly epoch: Epoch;
      readonly peers: readonly PlanMember[];
      readonly timeoutMs: DurationMs;
    }
  | { readonly kind: 'keepSlots'; readonly replicas: readonly string[]; readonly retentionBytes: number };

export type Result =
  | { readonly kind: 'fenced'; readonly clientSessions: number; readonly orphans: number }
  | { readonly kind: 'started' }
  | { readonly kind: 'sealed'; readonly position: Position }
  | { readonly kind: 'tailTaken'; readonly atLeast: Position; readonly bytes: number }
  | {
      readonly kind: 'opened';
      readonly opened: OpenedReport;
      /** When the write of the mark was begun, or a later one that came back too: what it proves was true then. */
      readonly provedAt: MonotonicMs;
    }
  | { readonly kind: 'durabilitySet'; readonly holds: Position }
  | { readonly kind: 'following' }
  | { readonly kind: 'slotsKept' }
  | { readonly kind: 'checkpointed' }
  | { readonly kind: 'rewound' }
  | { readonly kind: 'recloned'; readonly copyId: string | undefined }
  | { readonly kind: 'released' }
  | { readonly kind: 'failed'; readonly code: string; readonly text: string };

export type Input =
  | { readonly kind: 'tick' }
  /** `lookedAt`: when the look began; a step that ended later has changed what it saw. */
  | { readonly kind: 'observed'; readonly lookedAt: MonotonicMs; readonly observation: Omit<Observed, 'at'> }
  | { readonly kind: 'controller-connected'; readonly controller: string }
  | { readonly kind: 'controller-disconnected'; readonly controller: string }
  | { readonly kind: 'directive'; readonly controller: string; readonly directive: Directive }
  | { readonly kind: 'refused'; readonly controller: string; readonly code: string; readonly text: string }
  | { readonly kind: 'guard-standing'; readonly order: GuardOrder | undefined }
  | { readonly kind: 'guard-lost'; readonly text: string }
  | {
      readonly kind: 'probed';
      readonly member: string;
      readonly database: Answering;
      readonly agent: Answering;
    }
  /** Another agent's question; `id` names it for the answer. */
  | { readonly kind: 'vouch-asked'; readonly id: number; readonly question: VouchQuestion }
  /** `member` answered a question of this one. */
  | ({ readonly kind: 'vouched'; readonly member: string } & VouchAnswer)
  | { readonly kind: 'inspected'; readonly request: bigint; readonly findings: readonly Finding[] }
  | { readonly kind: 'done'; readonly id: number; readonly endedAt: MonotonicMs; readonly result: Result };

/**
 * `at` is read on the clock of expiries, `waitAt` on that of waits (`core/clock.ts`). `random`: a fresh random word drawn by the loop, for
 * marks; decide draws nothing itself.
 */
export type Event = Input & {
  readonly at: MonotonicMs;
  readonly waitAt: MonotonicMs;
  readonly random: string;
};

export type Effect =
  | { readonly kind: 'send'; readonly controller: string; readonly report: Report }
  | { readonly kind: 'run'; readonly id: number; readonly action: Action }
  | { readonly kind: 'keepGuard' }
  | { readonly kind: 'arm'; readonly order: GuardOrder }
  | { readonly kind: 'dismissGuard' }
  | { readonly kind: 'probe'; readonly member: PlanMember }
  /** An answer that comes later than `withinMs` is of no use; none at all is no event. */
  | {
      readonly kind: 'askVouch';
      readonly member: PlanMember;
      readonly question: VouchQuestion;
      readonly withinMs: DurationMs;
    }
  | { readonly kind: 'answerVouch'; readonly id: number; readonly answer: VouchAnswer }
  | { readonly kind: 'inspect'; readonly request: bigint; readonly peers: readonly PlanMember[] }
  | {
      readonly kind: 'log';
      readonly level: 'info' | 'warn' | 'error';
      readonly code: string;
      readonly fields: Readonly<Record<string, string | number | boolean>>;
    }
  /** Going on would be wrong or useless; the loop ends the program with this error. */
  | { readonly kind: 'exit'; readonly code: ErrorCode; readonly text: string };

export interface Decision {
  readonly state: AgentState;
  /** Fsynced before any of `effects` leaves (E5); undefined: unchanged. */
  readonly persist: DurableState | undefined;
  readonly effects: readonly Effect[];
  readonly wakeAt: MonotonicMs;
}

export interface Context {
  readonly now: MonotonicMs;
  readonly waitNow: MonotonicMs;
  readonly random: string;
  readonly rules: Rules;
  readonly timings: Timings;
  readonly emit: (effect: Effect) => void;
}

export function startState(start: {
  readonly durable: DurableState;
  readonly hasForgotten: boolean;
  readonly incarnation: string;
  readonly controllers: readonly string[];
  readonly now: MonotonicMs;
  /** On the clock of waits. */
  readonly waitNow: MonotonicMs;
  /** What the guard of an earlier agent holds: until then its lease runs on. */
  readonly guard: GuardOrder | undefined;
}): AgentState {
  return {
    cluster: start.durable.cluster,
    member: start.durable.member,
    incarnation: start.incarnation,
    decidedAt: start.now,
    listeningSince: start.now,
    startedWaitAt: start.waitNow,
    knewPlan: start.durable.plan !== undefined,
    durable: start.durable,
    hasForgotten: start.hasForgotten,
    replacedBy: undefined,
    controllers: Object.fromEntries(start.controllers.map((name) => [name, { connected: false }])),
    term: undefined,
    lease: inheritedLease(start.durable, start.guard),
    sent: [],
    nonce: 0n,
    vouching: noVouches(start.durable.plan?.epoch ?? NO_EPOCH, renewedAt(start), 0n),
    vouched: undefined,
    nextHeartbeatAt: start.now,
    lastSaid: undefined,
    database: undefined,
    action: undefined,
    actions: 0,
    actedAt: LONG_AGO,
    sealed: undefined,
    tail: undefined,
    tailWanted: undefined,
    opened: undefined,
    inForce: undefined,
    followed: undefined,
    recloneEpoch: NO_EPOCH,
    stepDownEpoch: NO_EPOCH,
    prepare: undefined,
    holdEnd: undefined,
    guard: { kept: false, standing: false, holds: start.guard, told: start.guard },
    probing: undefined,
    probed: undefined,
    inspection: undefined,
    planWanted: undefined,
    stoppedByFence: false,
    downSince: undefined,
    problem: undefined,
    retryAt: asMonotonic(start.now),
    slotsAt: LONG_AGO,
    fenceAgainAt: LONG_AGO,
  };
}

/** Of this epoch nobody was asked yet. */
export function noVouches(epoch: Epoch, renewedAt: MonotonicMs, nonce: bigint): Vouching {
  return {
    ...{ epoch, renewedAt, nonce },
    rounds: [],
    answered: {},
    answeredAt: LONG_AGO,
    refused: {},
    nextAt: LONG_AGO,
    askingSince: undefined,
    said: '',
  };
}

/** A lease that was inherited tells how old its newest grant is; without one, controllers have yet to be heard. */
function renewedAt({ durable, guard, now }: Parameters<typeof startState>[0]): MonotonicMs {
  const { expiry } = inheritedLease(durable, guard);
  if (durable.plan === undefined || expiry === LONG_AGO) return now;
  return asMonotonic(expiry - timingsOf(durable.plan.policy.profile).holdMs);
}

/**
 * A guard without a deadline inherits no lease: then the plan says why none is needed (V6), or the leader is being adopted. Nor does one
 * whose plan is not known any more: that lease was another identity's (E5).
 */
function inheritedLease({ plan }: DurableState, guard: GuardOrder | undefined): Lease {
  if (guard === undefined || guard.until === NEVER || plan === undefined)
    return { epoch: NO_EPOCH, expiry: LONG_AGO };
  return { epoch: guard.epoch, expiry: guard.until };
}
