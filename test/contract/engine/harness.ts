// Problem: an engine that is simulated proves something only if it does what the real one does, and the real one has to do what
// decide relies on.
// Rule: one suite (suite.ts) in the words of the port; a bed is what it needs beyond the port: databases with somebody who writes
// to them, kills, pauses and starts them. Time belongs to the bed: the suite waits by `pass` and `waitUntil` alone, and reads no clock.
// Consequence: every promise that a bed hands out, its engines' too, is settled by the bed's own time. One in virtual time moves
// its clock on while any of them is awaited.
import { asDuration } from '#core/brand.js';
import type { EngineName } from '#core/position.js';
import type { EngineTimings, Observation } from '#agent/ports/engine.js';
import type { Actor } from '#test/contract/engine/steps.js';

/** What the engines of a bed are set to. */
export const TIMINGS: EngineTimings = { heartbeatMs: asDuration(100), canaryTimeoutMs: asDuration(600) };
export const NAMES = ['ann', 'bob', 'cid'] as const;

type Count = 1 | 2 | 3;
type Members<Size extends Count> = {
  1: [BedMember];
  2: [BedMember, BedMember];
  3: [BedMember, BedMember, BedMember];
}[Size];

/** What engines differ in, by name. A case that rests on one of these runs where it holds. */
export interface Properties {
  readonly engine: EngineName;
  /** Processes of a server can outlive it and commit. */
  readonly hasOrphans: boolean;
  /** A seal leaves what was received unapplied until the opening; else it applies it first, and no position counts it before. */
  readonly sealsUnapplied: boolean;
  /** A fence with time to spare lets the replicas receive everything; else the tail brings it. */
  readonly fencesInOrder: boolean;
  /** A fence with time to spare leaves no client in doubt: what was not acknowledged was not written. */
  readonly leavesNoDoubt: boolean;
  /** A fence ends the server; else it closes it, and leaves it running for its log's sake. */
  readonly fenceStops: boolean;
  /** What a dead server acknowledged and did not hand over can be read; else only a closed one's. */
  readonly logOutlivesServer: boolean;
  /** A server that was restarted has its data, and does not know how far along its line that goes. */
  readonly restartForgets: boolean;
  /** A leader knows which of those that are connected confirm nothing any more. */
  readonly seesSilence: boolean;
  /** A replica knows that nothing comes from its leader any more, though it is connected; else its leader's word has to do. */
  readonly hearsSilence?: true;
  /** A log that has diverged can be taken back. */
  readonly rewinds: boolean;
  /** For so many replicas a write can be made to wait. */
  readonly mostAcknowledgements: number;
  /** Nothing that it has received is ever found unapplied. */
  readonly appliesAtOnce?: true;
}

export const ALL_OF_POSTGRES: Properties = {
  ...{ engine: 'postgres', hasOrphans: true, sealsUnapplied: true, seesSilence: true },
  ...{
    fencesInOrder: true,
    leavesNoDoubt: true,
    fenceStops: true,
    logOutlivesServer: true,
    restartForgets: false,
  },
  ...{ rewinds: true, mostAcknowledgements: Number.POSITIVE_INFINITY },
};

export interface EngineBed {
  readonly properties: Properties;
  /**
   * Once per bed: a cluster as adoption finds it. The first of NAMES is open, though not by an agent; the others stream from it. Every
   * engine is started and has its timings, and reads tails from the others' by their agentAddress.
   */
  members<Size extends Count>(count: Size): Promise<Members<Size>>;
  pass(ms: number): Promise<void>;
  /** Fails, with `what`, when it does not come to be within a time that is generous for a database. A throw is a "not yet". */
  waitUntil(what: string, condition: () => boolean | Promise<boolean>): Promise<void>;
  /** Ends whatever is left. */
  stop(): Promise<void>;
}

export interface BedMember extends Actor {
  /** All that its engine has told, oldest first. */
  readonly observations: readonly Observation[];
  /** The newest of them. */
  observation(): Observation;
  /** The first that comes from a look which began after this call. Of a server that answers. */
  look(): Promise<Observation>;

  /** Opens a session, writes one value, leaves. */
  write(value: string): Promise<Written>;
  openSession(): Promise<Session>;
  /** Every value that is there, in alphabetical order, on a session of its own. */
  values(): Promise<readonly string[]>;

  /** Its processes are killed, as a crash. */
  killServer(): void;
  /** The same, but one process that is busy committing does not notice, and goes on. */
  killButOrphan(): Promise<void>;
  /** Shuts it down in order, as its administrator would; resolves once it is down. */
  stopServer(): Promise<void>;
  /** Starts it, once it is down, by other means than its agent's; resolves once it answers. */
  startBySomebodyElse(): Promise<void>;
  /** It stands still, with everything that it has open, until it is resumed. */
  pauseServer(): void;
  resumeServer(): void;
  /** Log goes on being received, and nothing of it is applied until somebody needs it; resolves once that is so. */
  pauseReplay(): Promise<void>;
}

/** A session that stays, whatever becomes of its server. */
export interface Session {
  write(value: string): Promise<Written>;
  /** Fails when the session has ended. */
  values(): Promise<readonly string[]>;
}

/** `ok`: acknowledged. `failed`: certainly not written. `unknown`: nobody said. */
export type Written = 'ok' | 'failed' | 'unknown';
