/**
 * Records of the log (WAL) as pg_waldump describes them. Its words differ from version to version: 14 and 15 say `off 3`, 16 and newer
 * `off: 3` and `old_off: 3`. Only what a salvage needs is read: who committed what when, and which pages of which relations were touched.
 */
import { parseLsn } from '#core/positions/postgres.js';

export interface LogRecord {
  /** Where it starts, and where the one before it does. */
  readonly lsn: bigint;
  readonly previous: bigint;
  readonly bytes: number;
  readonly manager: string;
  /** Of the transaction, or of a part of it; 0: none. */
  readonly xid: number;
  /** `INSERT`, `HOT_UPDATE`, `COMMIT`. */
  readonly kind: string;
  /** The page was empty before. */
  readonly beginsPage: boolean;
  /** All that is said of it. */
  readonly text: string;
}

/** A page of the main fork of a relation. */
export interface Page {
  /** Tablespace, database and file number, as in `1663/5/16384`. */
  readonly relation: string;
  readonly block: number;
}

const RECORD =
  /^rmgr: (\S+) +len \(rec\/tot\): +\d+\/ *(\d+), tx: +(\d+), lsn: ([0-9A-F]+\/[0-9A-F]+), prev ([0-9A-F]+\/[0-9A-F]+), desc: ([A-Z_]+)(\+INIT)?(.*)$/;

/** Undefined: the line describes no record. */
export function parseRecord(line: string): LogRecord | undefined {
  const found = RECORD.exec(line);
  if (found === null) return undefined;
  const [, manager = '', bytes, xid, lsn = '', previous = '', kind = '', begins, text = ''] = found;
  return {
    ...{ manager, kind, text, beginsPage: begins !== undefined },
    ...{ bytes: Number(bytes), xid: Number(xid) },
    ...{ lsn: parseLsn(lsn) ?? 0n, previous: parseLsn(previous) ?? 0n },
  };
}

/** By its number; a reference to another fork (free space, visibility) is none. */
export function pagesOf({ text }: LogRecord): ReadonlyMap<number, Page> {
  const pages = new Map<number, Page>();
  for (const [, number, relation = '', block] of text.matchAll(PAGE))
    pages.set(Number(number), { relation, block: Number(block) });
  return pages;
}

const PAGE = /blkref #(\d+): rel (\d+\/\d+\/\d+) blk (\d+)/g;

/**
 * The line pointers that a change of rows names. Those of rows that are inserted together are told from 16 on, and where they begin a
 * page; empty: they are not told.
 */
export function offsetsOf({ text, beginsPage }: LogRecord): {
  readonly old: number | undefined;
  readonly created: readonly number[];
} {
  const [, old] = /(?:\bold_off:|^ off:?|, off:) (\d+)/.exec(text) ?? [];
  const [, one] = /\bnew[_ ]off:? (\d+)/.exec(text) ?? [];
  const [, several = ''] = /\boffsets: \[([^\]]*)\]/.exec(text) ?? [];
  const [, many] = /^ (\d+) tuples/.exec(text) ?? [];
  const told = [one, ...several.split(',')].map(numberOf).filter((offset) => offset !== undefined);
  const created =
    beginsPage && many !== undefined ? Array.from({ length: Number(many) }, (_, i) => i + 1) : told;
  return { old: numberOf(old), created };
}

export interface Commit {
  readonly xid: number;
  /** Parts of it that had numbers of their own, and were committed with it. */
  readonly parts: readonly number[];
  /** As the log has it, in UTC: `2026-01-31 12:00:00.123456`. */
  readonly at: string;
  /** Files of relations that ended with it: dropped, truncated or rewritten; as in `base/5/16384`. */
  readonly dropped: readonly string[];
}

/** Undefined: it commits nothing. */
export function commitOf({ manager, kind, xid, text }: LogRecord): Commit | undefined {
  if (manager !== 'Transaction' || !kind.startsWith('COMMIT')) return undefined;
  // One that was prepared beforehand names itself.
  const [, prepared] = /^ (\d+):/.exec(text) ?? [];
  const [, at = ''] = /(\d{4}-\d\d-\d\d \d\d:\d\d:\d\d\.\d+) UTC/.exec(text) ?? [];
  const listed = (name: string): readonly string[] =>
    (new RegExp(`; ${name}: ([^;]*)`).exec(text)?.[1] ?? '').split(' ').filter((one) => one !== '');
  return {
    xid: numberOf(prepared) ?? xid,
    parts: listed('subxacts').map(Number),
    at,
    dropped: listed('rels'),
  };
}

/** The number that the next transaction would have got when this was written; undefined: it does not say. */
export function nextXidIn({ manager, kind, text }: LogRecord): number | undefined {
  const pattern =
    manager === 'Standby' && kind === 'RUNNING_XACTS'
      ? /nextXid (\d+)/
      : manager === 'XLOG' && kind.startsWith('CHECKPOINT')
        ? /\bxid \d+:(\d+);/
        : undefined;
  return numberOf(pattern?.exec(text)?.[1]);
}

const numberOf = (text: string | undefined): number | undefined =>
  text === undefined || text.trim() === '' ? undefined : Number(text);

/** Numbers of transactions go round: whether `a` is older than `b`, of two that are less than 2^31 apart. */
export const isOlder = (a: number, b: number): boolean => ((a - b) | 0) < 0;
