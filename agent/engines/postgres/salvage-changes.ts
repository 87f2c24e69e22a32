/**
 * What this member's log did since it left the leader's, also by transactions that had begun before: their first rows lie in pages that the later
 * piece does not name, so the log is read backwards to before the oldest of them.
 */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { type PostgresPosition, type Fork, formatLsn } from '#core/positions/postgres.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { type Changes, gatherChanges } from '#agent/engines/postgres/log-changes.js';
import { type LogFiles, readLog } from '#agent/engines/postgres/log-dump.js';
import { lineOf, segmentName, segmentOf } from '#agent/engines/postgres/log-files.js';
import { commitOf, isOlder, type LogRecord, nextXidIn } from '#agent/engines/postgres/log-records.js';

export interface Found {
  readonly changes: Changes;
  /** The number of the first transaction that only one of the two logs has; undefined: nothing tells. */
  readonly firstOwnXid: number | undefined;
  /** Why some of it may be missing. */
  readonly gap: string | undefined;
}

export async function findChanges(
  files: LogFiles,
  own: PostgresPosition,
  { end }: Fork,
  bounds: Bounds,
): Promise<Found> {
  const committed: number[] = [];
  const piece = rememberLog(() => readLog(files, own, end, own.lsn, bounds));
  for await (const record of piece()) {
    const commit = commitOf(record);
    if (commit !== undefined) committed.push(commit.xid, ...commit.parts);
  }
  const { from, before, firstOwnXid, straddling, isTold } = await findStart(
    files,
    own,
    end,
    committed,
    bounds,
  );
  const gathering = gatherChanges();
  if (straddling.size > 0) {
    for await (const record of before()) gathering.addEarlier(record, straddling);
  }
  for await (const record of piece()) gathering.add(record);
  const gap = `what transactions wrote that had begun before ${formatLsn(from)} cannot be told: no older log is left`;
  return { changes: gathering.end(), firstOwnXid, gap: isTold ? undefined : gap };
}

type Records = () => AsyncIterable<LogRecord>;

/** Some 20 MB. */
const MOST_REMEMBERED = 50_000;

/** For log that is gone through more than once: it is read once, unless it is long. */
function rememberLog(read: Records): Records {
  let remembered: readonly LogRecord[] | undefined;
  return async function* () {
    if (remembered !== undefined) return yield* remembered;
    const all: LogRecord[] = [];
    for await (const record of read()) {
      if (all.length <= MOST_REMEMBERED) all.push(record);
      yield record;
    }
    if (all.length <= MOST_REMEMBERED) remembered = all;
  };
}

interface Start {
  readonly from: bigint;
  /** The log from there to where the logs parted. */
  readonly before: Records;
  readonly firstOwnXid: number | undefined;
  /** Of the committed, those that had begun when the logs parted. */
  readonly straddling: ReadonlySet<number>;
  /** Whether all that these wrote lies after `from`. */
  readonly isTold: boolean;
}

/**
 * Backwards, by more each time, until a record tells that the oldest of them had not begun when it was written. What was read before is read again: a
 * record may lie across any place at which one would go on.
 */
async function findStart(
  files: LogFiles,
  own: PostgresPosition,
  end: bigint,
  committed: readonly number[],
  bounds: Bounds,
): Promise<Start> {
  for (let reach = FIRST_REACH; ; reach *= 4n) {
    const from = startWithin(files, own, end, reach);
    const before = rememberLog(() => readLog(files, own, from, end, bounds));
    const told: number[] = [];
    let next: number | undefined;
    if (from < end) {
      for await (const record of before()) {
        const number = nextXidIn(record);
        if (number !== undefined) told.push(number);
        const possible = number ?? (record.xid === 0 ? undefined : (record.xid + 1) >>> 0);
        if (possible !== undefined && (next === undefined || isOlder(next, possible))) next = possible;
      }
    }
    const first = next;
    const straddling = new Set(first === undefined ? [] : committed.filter((xid) => isOlder(xid, first)));
    if (first !== undefined) {
      const oldest = [...straddling].reduce((a, b) => (isOlder(a, b) ? a : b), first);
      if (told.some((number) => !isOlder(oldest, number)))
        return { from, before, firstOwnXid: first, straddling, isTold: true };
    }
    if (from > end - reach)
      return { from, before, firstOwnXid: first, straddling, isTold: committed.length === 0 };
  }
}

/** Within it there is a record that tells, as a rule, unless a transaction has been open for long. */
const FIRST_REACH = 1n << 18n;

/**
 * How far back the log is there, at most so far; of older files the whole, for one that was left before it was full ends in nothing that could be
 * read from its midst. Where the logs parted between two files, the one before is older.
 */
function startWithin({ logDir, sizes }: LogFiles, own: PostgresPosition, end: bigint, reach: bigint): bigint {
  const wanted = end > reach ? end - reach : 0n;
  let start = end;
  while (start > wanted) {
    const segment = segmentOf(start - 1n, sizes);
    if (!existsSync(join(logDir, segmentName(lineOf(segment, own, sizes), segment, sizes)))) return start;
    start = segment * BigInt(sizes.segmentBytes);
  }
  return segmentOf(wanted, sizes) === segmentOf(end, sizes) ? wanted : start;
}
