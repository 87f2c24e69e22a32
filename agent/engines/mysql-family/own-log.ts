/** What is in a member's log and in nobody else's (DESIGN 8), transaction by transaction, as each of the two servers' logs is read to tell it. */
import type { Bounds } from '#agent/engines/bounds.js';
import type { RowsEvent } from '#agent/engines/mysql-family/row-events.js';

export interface OwnTransaction {
  /** Of those of its server. */
  readonly number: bigint;
  /** When it was begun, UTC. */
  readonly at: string;
  readonly file: string;
  /** Of log. */
  readonly bytes: number;
  readonly changes: readonly OwnChange[];
}

/** Rows; or a statement, as whoever changes a schema gives one. */
export type OwnChange =
  | ({ readonly kind: 'rows' } & RowsEvent)
  | { readonly kind: 'statement'; readonly database: string; readonly text: string };

export interface OwnLog<Gtids> {
  /** Those that hold something of it, oldest first. */
  readonly files: readonly string[];
  transactions(): AsyncGenerator<OwnTransaction>;
  /** Reads them for `shared` alone. */
  skim(bounds: Bounds): Promise<void>;
  /** Once all transactions were read: which of the leader's history this member has. */
  shared(): Gtids;
}

/** Behind every event of a file, as its first one says. */
export const checksumBytes = (body: Buffer): number => (body.at(-5) === 1 ? 4 : 0);

const QUERY_HEAD = 13;

/** A statement, behind its head: in which schema, and its text, which may be compressed. */
export function readQuery(body: Buffer): { readonly database: string; readonly text: Buffer } {
  const database = QUERY_HEAD + body.readUInt16LE(11);
  const end = database + body.readUInt8(8);
  return { database: body.subarray(database, end).toString('utf8'), text: body.subarray(end + 1) };
}
