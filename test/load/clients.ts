// Problem: what is asked of clients is the same on every engine, and each engine's statements, errors and drivers are its own.
// Rule: an engine brings sessions that make two kinds of write and say what became of each; all else (pacing, the search for the leader,
// the book of what was answered) is written once, above this. Nothing here rejects to say "no": an outcome is a value.
// Consequence: a figure of one engine means the same as that of another.

/** Of one server: how an application gets at it. */
export interface Clients {
  /**
   * Makes the application's account and what it writes to, where they are lacking: asked of an open leader that is in care. Again is
   * harmless.
   */
  prepare(): Promise<void>;
  /**
   * As the application: an account that has no way around a closed database. An attempt that hangs is given up after half a second
   * (ANSWER_WITHIN_MS), whatever `waits` says. Rejects where nobody lets it in.
   */
  connect(patience: Patience): Promise<ClientSession>;
  /** All that this server has of a run, whoever it follows. */
  rowsOf(run: string): Promise<readonly RowId[]>;
  /** Empty lists, 1 to `keys`, of a run. */
  beginLists(run: number, keys: number): Promise<void>;
  /** Of each key the values, in the order in which this server has them. */
  listsOf(run: number): Promise<ReadonlyMap<number, readonly number[]>>;
}

/** An attempt to connect, or a statement, that hangs is given up after this long. */
export const ANSWER_WITHIN_MS = 500;

export interface Patience {
  /** For the answer to a statement. */
  readonly waits: 'half a second' | 'without end';
  /**
   * By how many replicas a write is to be held before it counts, where clients have to ask for that themselves (Redis); engines whose
   * leader sees to it ignore this. Default 0.
   */
  readonly confirmedBy?: number;
}

/** After anything but `ok` whoever has it leaves it. */
export interface ClientSession {
  /** The member's own word: it is open. */
  acceptsWrites(): Promise<boolean>;
  /** One row, that nobody else writes. */
  insert(row: Row): Promise<Written>;
  /** A value to the end of a list, whose place in it is part of the answer. */
  append(append: Appending): Promise<Written & { readonly place?: number }>;
  /** Once it is of no use any more, by whoever's doing. */
  onceEnded(listener: () => void): void;
  /** Does not wait: one that hangs never says goodbye. Whatever it still waits for ends, as `unknown`. */
  leave(): void;
}

export interface RowId {
  readonly writer: number;
  readonly number: number;
}

export interface Row extends RowId {
  /** Keeps the rows of different runs apart. */
  readonly run: string;
}

export interface Appending {
  readonly run: number;
  readonly key: number;
  readonly value: number;
}

/**
 * `ok`: acknowledged as the cluster's durability promises; a write that was taken with less is `unknown`. `failed`: certainly nothing was
 * written, and nothing will be. `unknown`: all else.
 */
export type Written =
  | {
      readonly outcome: 'ok';
      /** The line of history that it was written on: of two openings the later one has the higher. Told by the member, in the same step as the write. */
      readonly line: number;
      /** Where the log ended before this write, in the engine's own words; undefined where it cannot tell. */
      readonly logEnd?: string;
    }
  | { readonly outcome: 'failed' | 'unknown'; readonly why: string };
