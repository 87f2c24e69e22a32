/**
 * What an agent tells every controller with each heartbeat: its whole state, so that a lost message costs nothing
 * and a controller that has just been elected decides from knowledge. Positions in a report say *when* to act; only
 * one read after a seal decides (INV-3).
 */
import type { Epoch, Version } from '#core/brand.js';
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
  /** Set once this incarnation has cut every way by which log arrives for that epoch (rule S1). */
  readonly sealed: Sealed | undefined;
  readonly tail: TailReport | undefined;
  /** Set by the leader of `planEpoch` once it proved itself with a local write (rule S3). */
  readonly opened: OpenedReport | undefined;
  readonly database: DatabaseReport;
  /** What keeps this member from its plan. */
  readonly problem: Problem | undefined;
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
}

export interface DatabaseReport {
  readonly state: DatabaseState;
  readonly role: DatabaseRole;
  readonly dataId: string;
  readonly position: Position | undefined;
  /** Received but not yet applied, bytes. */
  readonly backlogBytes: number;
  /** Milliseconds since the newest canary that came back was *started*; undefined when there is none to wait for. */
  readonly canaryAgeMs: number | undefined;
  /** `host:port` of the leader that it is set to follow, and whether log is arriving. */
  readonly upstream: string | undefined;
  readonly streaming: boolean;
  /** True when the log of a dead or closed server can be read and handed to a candidate. */
  readonly tailReadable: boolean;
}

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
/** What the database itself says: `writable` accepts writes, `replica` only replays. */
export const DATABASE_ROLES = ['unknown', 'writable', 'replica'] as const;
export type DatabaseRole = (typeof DATABASE_ROLES)[number];

export interface Problem {
  readonly code: string;
  readonly text: string;
}
