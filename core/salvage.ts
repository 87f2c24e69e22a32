/**
 * What a salvage saved (DESIGN 8): the writes that only an old leader had, before a rejoin destroys them. One form for all engines, as it lies
 * on the old leader's disk in `salvage.json` and `rows.jsonl`.
 */

export interface SalvageRecord {
  /** Of the folder: no other salvage of this member has it. */
  readonly name: string;
  readonly member: string;
  readonly dataId: string;
  /** The newest opening when this was saved, and its leader: who lacks these writes. */
  readonly epoch: number;
  readonly leader: string;
  /** Where the log left the leader's history, and where it ends. */
  readonly from: string;
  readonly to: string;
  /** Of log between the two. */
  readonly bytes: number;
  readonly transactions: {
    readonly count: number;
    /** Commit times, UTC; null: there is none. */
    readonly first: string | null;
    readonly last: string | null;
  };
  readonly tables: readonly TableSalvage[];
  /** The last number that each sequence may have given out here, decimal, by `database.schema.sequence`. */
  readonly identifiers: Readonly<Record<string, string>>;
  /** What is told and not saved as rows: changes of the schema, tables truncated or rewritten, what cannot be recovered. */
  readonly notes: readonly string[];
  /** With statements, by database. */
  readonly statements: Readonly<Record<string, string>>;
  /** Of the log. */
  readonly files: readonly string[];
}

export interface TableSalvage {
  readonly database: string;
  readonly table: string;
  readonly inserted: number;
  readonly updated: number;
  readonly deleted: number;
  /** Of the deleted, those of which only the place is known. */
  readonly notRecoverable: number;
}

export const RECORD_FILE = 'salvage.json';
export const ROWS_FILE = 'rows.jsonl';

/** By column, each in its type's own text form. */
export type RowValues = Readonly<Record<string, string | null>>;

/**
 * How a salvaged row stands to what the database holds now. `same`: it is as the old leader had it, gone where that had deleted it. `missing`:
 * it is not, and nobody has touched it since. `conflicting`: somebody has. `unknown`: the row is not recoverable, or its table is gone.
 */
export const STANDS = ['same', 'missing', 'conflicting', 'unknown'] as const;

export interface ComparedRow extends SalvagedRow {
  readonly stands: (typeof STANDS)[number];
  /** What is there in its place; null: nothing. */
  readonly now: RowValues | null;
}

/** A line of `rows.jsonl`. */
export interface SalvagedRow {
  readonly database: string;
  readonly table: string;
  readonly kind: 'inserted' | 'updated' | 'deleted';
  /** Where it lies in this member's data, or lay. */
  readonly place: string;
  readonly transaction: number;
  /** When that was committed, UTC. */
  readonly committed: string;
  /** Null: the row is not recoverable. */
  readonly values: RowValues | null;
  /** Of an updated row, as the new leader has it. Null: it has changed it, or cannot be asked. */
  readonly before?: RowValues | null;
}
