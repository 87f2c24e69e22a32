/**
 * What an agent tells every controller with each heartbeat: its whole state, so that a lost message costs nothing
 * and a controller that has just been elected decides from knowledge. Positions in a report say *when* to act; only
 * one read after a seal decides (INV-3).
 */
import type { Epoch, Version } from '#core/brand.js';
import type { Plan } from '#core/plan.js';
import type { IdentifierReport } from '#core/identifiers.js';
import type { SalvageAccount } from '#core/ledger.js';
import type { Durability } from '#core/durability.js';
import type { Mark, Position } from '#core/position.js';

export interface Report {
  /** Random per start of the agent: what one incarnation said is nothing that another one promised. */
  readonly incarnation: string;
  /** Fresh for every transmission; a grant answers exactly one (rules L1, L3). */
  readonly nonce: bigint;
  readonly wantsLease: boolean;
  /** Highest epoch this agent durably knows of, by a plan or a seal (rule E5). */
  readonly highestEpoch: Epoch;
  readonly planEpoch: Epoch;
  readonly planVersion: Version;
  /** Highest epoch at which this member is closed for good (rules F1, F2). */
  readonly fencedEpoch: Epoch;
  /** Highest epoch that this member led, by the memory of this very agent's data. */
  readonly openedEpoch: Epoch;
  /** Set once this incarnation has cut every way by which log arrives for that epoch (rule S1). */
  readonly sealed: Sealed | undefined;
  readonly tail: TailReport | undefined;
  /** Set by the leader of `planEpoch` once it proved itself with a local write (rule S3). */
  readonly opened: OpenedReport | undefined;
  readonly database: DatabaseReport;
  readonly serving: Serving;
  /** S6, the leader's: what it has in force, in every sender of its engine. Undefined while that is being changed. */
  readonly durability: DurabilityReport | undefined;
  /** Whether a guard stands beside this agent (INV-6); a leader without one asks for no lease. */
  readonly guarded: boolean;
  /**
   * For how long the guard leaves this member's database open at `planEpoch` if its agent goes away now, ms: what it has acknowledged
   * itself. 0: not at all; infinite: without end (V6).
   */
  readonly guardedForMs: number;
  /** What this agent found when it was asked to look at another member from its own machine. */
  readonly probe: ProbeReport | undefined;
  /** The preparation for a switchover that is done here: the number of the request. */
  readonly prepared: bigint | undefined;
  /** A4: the request by which the rest of a hold was given up here, once the guard has acknowledged that too. */
  readonly heldBack: bigint | undefined;
  /** What was found here for `tanist adopt`. */
  readonly inspection: Inspection | undefined;
  /** E6: the whole plan that is durable here, in the report that follows the question for it and in no other. */
  readonly told: ToldReport | undefined;
  /** Highest epoch whose release is done here: nothing of ours is left in the database. */
  readonly releasedEpoch: Epoch;
  /** What it promised to a leader as a replica, while that binds it (rules V2, V3). */
  readonly vouched: VouchedReport | undefined;
  /** What keeps this member from its plan. */
  readonly problem: Problem | undefined;
}

/**
 * `primary`: proved writable at the committed epoch, and under a right that lasts. `replica`: follows as planned, and log arrives.
 * `none`: clients have no business there.
 */
export const SERVING_ROLES = ['none', 'primary', 'replica'] as const;
export type ServingRole = (typeof SERVING_ROLES)[number];

/** What clients may use the database for, at `planEpoch`. */
export interface Serving {
  readonly role: ServingRole;
  /** For how long that counts when nothing more is heard, ms: the profile's silence. */
  readonly goodForMs: number;
}

export interface ToldReport {
  /** The number of the question that it answers. */
  readonly request: bigint;
  /** Undefined: none is known here. */
  readonly plan: Plan | undefined;
}

export interface DurabilityReport extends Durability {
  /** Of the opening that it is in force for. */
  readonly epoch: Epoch;
  /** X: where the leader's log ended once it was in force. What was acknowledged before under less is below. */
  readonly holds: Position;
}

export interface VouchedReport {
  /** That the newest promise was given to; NO_EPOCH: none was, one is assumed since the agent's start (V3). */
  readonly epoch: Epoch;
  /** Since then, on the agent's clock. */
  readonly ageMs: number;
  /** Until this member may open after a leader that merely lapsed. */
  readonly leftMs: number;
}

/** How somebody answers on a new connection. `refuses`: its machine answers that nobody is there. `silent`: nothing came in time. */
export const ANSWERING = ['answers', 'refuses', 'silent'] as const;
export type Answering = (typeof ANSWERING)[number];

export interface ProbeReport {
  readonly member: string;
  readonly database: Answering;
  readonly agent: Answering;
  /** Since the look began, on the prober's clock. */
  readonly ageMs: number;
}

/** What one member found about itself, and which others it can replicate from. */
export interface Inspection {
  /** The number of the request that it answers. */
  readonly request: bigint;
  readonly findings: readonly Finding[];
}

/** `blocks`: cannot be taken into care like this. `hurts`: would hurt at a failover. `note`: good to know. */
export const SEVERITIES = ['blocks', 'hurts', 'note'] as const;

export interface Finding {
  readonly severity: (typeof SEVERITIES)[number];
  /** Stable, for scripts: `no-wal-log-hints`. */
  readonly code: string;
  readonly text: string;
  /** What to do about it. */
  readonly remedy: string;
}

export interface Sealed {
  readonly epoch: Epoch;
  readonly position: Position | undefined;
}

export interface TailReport {
  readonly epoch: Epoch;
  readonly result:
    | { readonly kind: 'taken'; readonly atLeast: Position; readonly bytes: number }
    | { readonly kind: 'failed'; readonly text: string };
}

export interface OpenedReport extends Mark {
  readonly position: Position;
  readonly lineage: string;
  /** Undefined: nothing can be missing, and so none had to jump; or the opening is proved, and the ledger has it. */
  readonly identifiers: IdentifierReport | undefined;
}

/**
 * Of a server's log, as something for a candidate: `readable` once it is dead or closed; `awaited`: not yet; `lost`: it is gone with the process that
 * had it, or the engine has no way to read it, and nobody waits for it.
 */
export const OWN_TAILS = ['readable', 'awaited', 'lost'] as const;
export type OwnTail = (typeof OWN_TAILS)[number];

export interface DatabaseReport {
  readonly state: DatabaseState;
  readonly role: DatabaseRole;
  readonly dataId: string;
  readonly position: Position | undefined;
  /** Received but not yet applied, in the engine's `LOG_UNIT`. */
  readonly backlog: number;
  /** Milliseconds since the newest canary that came back was *started*; undefined when there is none to wait for. */
  readonly canaryAgeMs: number | undefined;
  /** `host:port` of the leader that it is set to follow, and whether log is arriving. */
  readonly upstream: string | undefined;
  readonly streaming: boolean;
  /** Who receives log from this database now, by application name. */
  readonly followers: readonly string[];
  /** Sessions of a leader that are outside of the cluster's durability, as far as that can be seen. */
  readonly lowered: LoweredSessions;
  readonly ownTail: OwnTail;
  /** A copy of another member's data that is being made here, to replace this member's. */
  readonly copying: Copying | undefined;
  /** The newest salvage that lies here. */
  readonly salvaged: Salvaged | undefined;
}

export interface Salvaged extends Omit<SalvageAccount, 'member'> {
  /** Of the newest opening when it was made: whose leader lacks these writes. */
  readonly epoch: Epoch;
}

export interface Copying {
  /** The member that it is of. */
  readonly from: string;
  readonly doneBytes: number;
  /** 0: not known yet. */
  readonly totalBytes: number;
}

/** They have lowered their own durability, or somebody has for them: what is acknowledged to them may be on no replica. */
export interface LoweredSessions {
  /** How many there are now. */
  readonly sessions: number;
  /** Some of them, a few at most. Not empty without sessions: whoever connects next is one. */
  readonly named: readonly LoweredSession[];
}

/** In the words of the engine. */
export interface LoweredSession {
  readonly who: string;
  /** The program and its address, as far as they are known. */
  readonly where: string;
  /** The setting, and where it comes from. */
  readonly by: string;
  /** How many of the kind there are now. */
  readonly sessions: number;
}

export const NOBODY_LOWERED: LoweredSessions = { sessions: 0, named: [] };

/**
 * `stopped`: shut down cleanly, an administrator's act. `fenced`: stopped by its own agent. `crashed`: its process is gone
 * without either. `hung`: it runs but does not serve.
 */
export const DATABASE_STATES = [
  'unknown',
  'starting',
  'running',
  'hung',
  'stopped',
  'fenced',
  'crashed',
] as const;
export type DatabaseState = (typeof DATABASE_STATES)[number];
export const isDown = (state: DatabaseState): boolean =>
  state === 'crashed' || state === 'stopped' || state === 'fenced';

/** What the database itself says: `writable` accepts writes, `replica` only replays. */
export const DATABASE_ROLES = ['unknown', 'writable', 'replica'] as const;
export type DatabaseRole = (typeof DATABASE_ROLES)[number];

export interface Problem {
  readonly code: string;
  readonly text: string;
}
