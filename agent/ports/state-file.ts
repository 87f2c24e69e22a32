/** The agent's durable memory (rule E5), on the data's volume. */
import type { Epoch } from '#core/brand.js';
import type { Plan } from '#core/plan.js';

export interface Durable {
  readonly cluster: string;
  readonly member: string;
  /** Random, drawn when this memory began. Whoever lost it, or was handed a copy, begins another one. */
  readonly identity: string;
  /** The machine on which it was written; undefined: it has no name. */
  readonly hostId: string | undefined;
  /** The system identifier of the data beside which this file lies; another one makes it another member. */
  readonly dataId: string;
  /** Which copy of that data (ports/engine.ts); undefined: the file system does not tell. */
  readonly copyId: string | undefined;
  readonly highestEpoch: Epoch;
  readonly plan: Plan | undefined;
  readonly sealedEpoch: Epoch;
  readonly fencedEpoch: Epoch;
  /** Highest epoch that this agent opened itself. */
  readonly openedEpoch: Epoch;
  /** Highest epoch whose opening this agent began. */
  readonly openingEpoch: Epoch;
  /** Highest epoch of a plan by which this database was let go. */
  readonly releasedEpoch: Epoch;
  /** The last wish (`RecloneWish`) that was fulfilled. */
  readonly recloned: string | undefined;
}

/** What lies there. */
export type Found =
  /** `isLost`: an agent has worked here before, and left a file. */
  | { readonly kind: 'nothing'; readonly isLost: boolean }
  | { readonly kind: 'whole'; readonly durable: Durable }
  /** Its content is not what was written: nothing in it can be relied on. */
  | { readonly kind: 'torn'; readonly text: string }
  /** Whole, and written by a version whose promises this one cannot read. */
  | { readonly kind: 'unknown'; readonly text: string };

/** What an agent starts with. */
export interface Memory {
  readonly durable: Durable;
  /** An agent has worked beside this data before, and what it promised is not known any more. */
  readonly hasForgotten: boolean;
}

export interface StateFile {
  read(): Promise<Found>;
  /** Keeps what lies there under another name, for people; resolves to that name once it is on disk. Undefined: nothing lies there. */
  putAside(): Promise<string | undefined>;
  /**
   * Replaces the whole file; resolves once it and its folder are fsynced. Rejects with STATE_UNWRITABLE when the disk refuses: it may
   * then hold the old or the new one, and the same may be asked for again.
   */
  write(durable: Durable): Promise<void>;
}
