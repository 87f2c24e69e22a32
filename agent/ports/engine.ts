/**
 * A database, as the agent sees it: it is observed, and asked for one action at a time. Actions are steps toward a plan: each can be
 * repeated, each ends with a result, none decides. Engine differences live behind this port.
 */
import type { DurationMs, Epoch, MonotonicMs } from '#core/brand.js';
import type { Durability } from '#core/durability.js';
import type { IdentifierGap } from '#core/identifiers.js';
import type { Opening, PlanMember, ProvedOpening } from '#core/plan.js';
import type { EngineName, Position } from '#core/position.js';
import type { ComparedRow, SalvagedRow } from '#core/salvage.js';
import type { Answering, DatabaseReport, Finding, OpenedReport } from '#core/report.js';

export interface Engine {
  /** Checks the configuration against the real thing (data directory, credentials); rejects with TanistError. */
  check(): Promise<EngineIdentity>;
  /**
   * Open, and yet to come up closed at its next start: an agent opened it, and none has closed it or let it go since. Asks no session, so it
   * can be told also when `check` rejects.
   */
  isLeftOpen(): boolean;
  /** Watches the database until `stop` and tells every change at once, and the whole at least every heartbeat. */
  start(emit: (event: EngineEvent) => void): void;
  stop(): Promise<void>;
  /** Runs one action. Never rejects. `fence` and `seal` may be asked for while another action runs, which they end. */
  run(action: EngineAction): Promise<ActionResult>;
  /** Reads what a dead or closed server's log holds from a position on, for a candidate (DESIGN 6.4). */
  readTail(request: TailRequest): Promise<TailAnswer>;
  /**
   * Copies its running database for another member whose engine is copied from agent to agent; others refuse. One at a time, and no longer than
   * until `over`.
   */
  giveCopy(over: AbortSignal): Promise<CopyAnswer>;
  /** Whether that member's database answers a new connection from here. Never rejects. */
  probe(member: PlanMember, timeoutMs: DurationMs): Promise<Answering>;
  /** How salvaged rows stand to what the database holds now, which is to be up to date. Changes nothing. May reject at any row. */
  compare(rows: AsyncIterable<SalvagedRow>): AsyncIterable<ComparedRow>;
  /** What would hurt at a failover, and whether each peer can be replicated from. Changes nothing. Never rejects. */
  inspect(peers: readonly PlanMember[]): Promise<readonly Finding[]>;
  /** Called before `start`, and whenever the cluster's profile changes. */
  setTimings(timings: EngineTimings): void;
  /** Called once a plan is known, and whenever its policy changes. */
  setRetention(retention: Retention): void;
  /** Called once a plan is known, and with every further one. Of an engine that knows other members by their addresses only. */
  setMembers?(members: readonly PlanMember[]): void;
}

export interface EngineIdentity {
  readonly engine: EngineName;
  readonly dataId: string;
  /**
   * Tells this copy of the data from every other one: a clone or a backup that was put in its place has another. Undefined: nothing here
   * tells.
   */
  readonly copyId: string | undefined;
  /** The copy that this one has replaced, when an agent made it and ended before it was known to be here. */
  readonly replacedCopyId: string | undefined;
}

/** How long what lies beside the data is kept. */
export interface Retention {
  readonly oldDataMs: DurationMs;
  /** 0: for good. */
  readonly salvageMs: DurationMs;
}

export interface EngineTimings {
  readonly heartbeatMs: DurationMs;
  readonly canaryTimeoutMs: DurationMs;
}

export interface Observation extends DatabaseReport {
  /** When the newest canary that came back was *started*; a canary proves only what was true then. */
  readonly canaryAt: MonotonicMs | undefined;
  /** True once the server's processes are known to be all gone. */
  readonly processesGone: boolean;
  /** Whether the boot-closed marker lies in place (DESIGN 7.3). */
  readonly bootClosed: boolean;
}

export interface EngineEvent {
  readonly kind: 'observed';
  /** When the look began: a step that ended after this has changed what it saw. */
  readonly at: MonotonicMs;
  readonly observation: Observation;
}

export type EngineAction =
  /** Makes the database refuse writes and ends every client session and orphan, within `withinMs` (rule F2). */
  | { readonly kind: 'fence'; readonly withinMs: DurationMs }
  /** Starts a stopped server closed. */
  | { readonly kind: 'start' }
  /** S1: cuts every way by which log arrives and reads the position, received and flushed. */
  | { readonly kind: 'seal'; readonly epoch: Epoch }
  | {
      readonly kind: 'takeTail';
      readonly epoch: Epoch;
      readonly agentAddress: string;
      readonly timeoutMs: DurationMs;
    }
  /** Opens for writes: applies all received log, sees to the durability, promotes, lays the boot-closed marker, writes the mark, reports. */
  | {
      readonly kind: 'open';
      readonly epoch: Epoch;
      readonly mark: string;
      readonly opening: Opening;
      /** The number that this opening's line of history must take (rule S2); undefined: no opening is known yet. */
      readonly timeline: number | undefined;
      readonly openings: readonly ProvedOpening[];
      readonly replicas: readonly string[];
      /** In force before the first client gets in, and once this has been reported in every sender of the engine. */
      readonly durability: Durability;
      /** How far identifiers jump before clients write; undefined: not at all. */
      readonly identifierGap: IdentifierGap | undefined;
      readonly timeoutMs: DurationMs;
      /** L4: asked right before what cannot be taken back, for since this was decided the agent may have stood still. */
      readonly mayOpen: () => boolean;
    }
  /**
   * S6, on the leader: who has to have a write before it is acknowledged. Ends when every sender has it, and tells where the log ended then.
   * Nobody: as it was found.
   */
  | { readonly kind: 'setDurability'; readonly durability: Durability; readonly timeoutMs: DurationMs }
  /** Code LOG_GONE: what comes next in the log is not there any more, and a copy is needed. */
  | {
      readonly kind: 'follow';
      readonly leader: PlanMember;
      readonly openings: readonly ProvedOpening[];
      /** The slot there that keeps log for this member; undefined: there is none. */
      readonly slot: string | undefined;
      /** S6: it confirms that leader's writes, where replicas are told (`ENFORCES`). */
      readonly confirms: boolean;
    }
  /** Writes everything to disk, so that a stop that follows is short. */
  | { readonly kind: 'checkpoint'; readonly timeoutMs: DurationMs }
  /**
   * Copies the data of `source`, the leader or a replica of it, beside this closed member's own, saves what only this one has, and puts the copy in
   * its place; the server is then to be started. Codes: SALVAGE_FAILED and RECLONE_IMPOSSIBLE (nothing changed, an operator is needed); any
   * other is worth another try.
   */
  | {
      readonly kind: 'reclone';
      readonly leader: PlanMember;
      readonly source: PlanMember;
      /** Members whose data does as well, if nobody wishes for the source: an engine may spare the leader. */
      readonly instead: readonly PlanMember[];
      readonly openings: readonly ProvedOpening[];
      /** The operator's wish that it fulfils; undefined: none. */
      readonly wish: string | undefined;
      readonly salvageWaived: boolean;
      readonly timeoutMs: DurationMs;
    }
  /**
   * Takes a closed member whose log has diverged back to where the leader's history leaves it, keeps what that destroys, and starts it
   * closed. Codes: REWIND_IMPOSSIBLE (nothing changed), REWIND_BROKEN (to be cloned anew, a start says so too); any other is worth another try.
   */
  | {
      readonly kind: 'rewind';
      readonly leader: PlanMember;
      readonly openings: readonly ProvedOpening[];
      readonly timeoutMs: DurationMs;
    }
  /** Lets the database go as it was found: nothing of ours is left in it. */
  | {
      readonly kind: 'release';
      readonly epoch: Epoch;
      readonly peers: readonly PlanMember[];
      readonly timeoutMs: DurationMs;
    }
  /** On the leader: a slot per replica; drops those absent that hold back more than the bound. */
  | { readonly kind: 'keepSlots'; readonly replicas: readonly string[]; readonly retentionBytes: number };

export type ActionResult =
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
  /** `copyId`: of what is there now, see EngineIdentity. */
  | { readonly kind: 'recloned'; readonly copyId: string | undefined }
  | { readonly kind: 'released' }
  | { readonly kind: 'failed'; readonly code: string; readonly text: string };

export interface TailRequest {
  /** Where the candidate's log ends. */
  readonly from: Position;
}

export type TailAnswer =
  | { readonly kind: 'tail'; readonly atLeast: Position; readonly files: AsyncIterable<TailChunk> }
  | { readonly kind: 'refused'; readonly text: string };

/** A piece of a log file: `data` belongs at `offset` of the file `name`, which is `size` bytes long in the end. */
export interface TailChunk {
  readonly name: string;
  readonly size: number;
  readonly offset: number;
  readonly data: Buffer;
}

/** Fetches another member's tail; the engine is handed one that speaks to agents. */
export interface TailSource {
  fetch(agentAddress: string, request: TailRequest, timeoutMs: DurationMs): Promise<TailAnswer>;
}

export type CopyAnswer =
  | {
      readonly kind: 'copy';
      /** About what will come. */
      readonly bytes: number;
      /** Opaque to everybody but the engine; whole only with its end. */
      readonly pieces: AsyncIterable<CopyPiece>;
    }
  | { readonly kind: 'refused'; readonly text: string };

export type CopyPiece =
  | { readonly kind: 'data'; readonly data: Buffer }
  /** Nothing follows. `at`: where the log of the copy stands. */
  | { readonly kind: 'end'; readonly at: Position };

/** Fetches a copy of another member's data; the engine is handed one that speaks to agents. */
export interface CopySource {
  /** Throws COPY_UNAVAILABLE, also from the pieces. */
  fetch(agentAddress: string, over: AbortSignal): Promise<CopyAnswer>;
}
