/** What was saved before it was destroyed, as it lies on this member's disk. Changes nothing. */
export interface Salvages {
  /** The texts of all records that are whole. */
  list(): Promise<readonly string[]>;
  /** A file of the one of that name; rejects when there is none. */
  read(name: string, file: string): Promise<AsyncIterable<Buffer>>;
  /** Its rows, each with how it stands to what the database holds now: `ComparedRow` as JSON, one in each line. Rejects when there is none. */
  compare(name: string): Promise<AsyncIterable<Buffer>>;
}
