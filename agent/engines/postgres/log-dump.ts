/**
 * A piece of a log, record by record, as pg_waldump reads it. It ends quietly where it finds no valid record any more; so whoever needs all of
 * a piece must be sure that it was: each record names the one before it, and the last must reach the end.
 */
import { spawn } from 'node:child_process';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { TanistError } from '#core/errors.js';
import { type PostgresPosition, formatLsn } from '#core/positions/postgres.js';
import type { Bounds } from '#agent/engines/bounds.js';
import {
  ENDS_OF_LOG,
  lineOf,
  segmentName,
  segmentOf,
  type Sizes,
} from '#agent/engines/postgres/log-files.js';
import { type LogRecord, parseRecord } from '#agent/engines/postgres/log-records.js';

export interface LogFiles {
  readonly binDir: string;
  readonly logDir: string;
  readonly sizes: Sizes;
}

/** Of the log of a member that stands at `own`, from one place to another; rejects when any of it cannot be read. */
export async function* readLog(
  files: LogFiles,
  own: Pick<PostgresPosition, 'timeline' | 'forks'>,
  from: bigint,
  to: bigint,
  bounds: Bounds,
): AsyncGenerator<LogRecord> {
  const signal = AbortSignal.timeout(Math.ceil(bounds.left()) + 1);
  let last: LogRecord | undefined;
  for (const stretch of stretches(files, own, from, to)) {
    for await (const record of dump(files, stretch, signal)) {
      if (last !== undefined && record.previous !== last.lsn)
        throw incomplete(
          `records between ${formatLsn(last.lsn)} and ${formatLsn(record.lsn)} cannot be read`,
        );
      last = record;
      bounds.check();
      yield record;
    }
  }
  const end = last === undefined ? from : lastPossibleEnd(last, files.sizes);
  if (end < to) throw incomplete(`it cannot be read beyond ${formatLsn(end)}, and ends at ${formatLsn(to)}`);
}

const incomplete = (text: string): TanistError =>
  new TanistError('SALVAGE_FAILED', `the log holds writes that nobody else has, and ${text}`);

/** A record fills up to 8 bytes, and each page that it begins has a header; after a switch the rest of the file is empty. */
function lastPossibleEnd(
  { lsn, bytes, manager, kind }: LogRecord,
  { segmentBytes, pageBytes }: Sizes,
): bigint {
  const segment = BigInt(segmentBytes);
  if (manager === 'XLOG' && kind === 'SWITCH') return (lsn / segment + 1n) * segment + LONGEST_HEADER;
  const pages = BigInt(Math.ceil(bytes / pageBytes) + 1);
  return lsn + BigInt(bytes) + 8n + pages * LONGEST_HEADER;
}

const LONGEST_HEADER = 40n;

interface Stretch {
  readonly timeline: number;
  readonly from: bigint;
  readonly to: bigint;
}

/**
 * A line is read from its own files as far as there are any: where it was left in the midst of a file, that may have been renamed, and the next
 * line's file begins with a copy of it.
 */
function* stretches(
  { logDir, sizes }: LogFiles,
  { timeline, forks }: Pick<PostgresPosition, 'timeline' | 'forks'>,
  from: bigint,
  to: bigint,
): Generator<Stretch> {
  const lines = [...forks, { timeline, end: to }].filter(({ end }) => end > from);
  let at = from;
  for (const [i, { timeline: line, end }] of lines.entries()) {
    const stop = end < to ? end : to;
    const lastFile = segmentOf(stop - 1n, sizes);
    const isThere = existsSync(join(logDir, segmentName(line, lastFile, sizes)));
    if (isThere || i === lines.length - 1) {
      yield { timeline: line, from: at, to: stop };
    } else {
      const begin = lastFile * BigInt(sizes.segmentBytes);
      if (begin > at) yield { timeline: line, from: at, to: begin };
      const beside = lineOf(lastFile, { timeline, forks }, sizes);
      yield { timeline: beside, from: begin > at ? begin : at, to: stop };
    }
    at = stop;
    if (at >= to) return;
  }
}

async function* dump(
  { binDir, logDir, sizes }: LogFiles,
  { timeline, from, to }: Stretch,
  signal: AbortSignal,
): AsyncGenerator<LogRecord> {
  // Not told the files, pg_waldump takes their size from whichever it sees first, which may be one that is not begun.
  const names = [from, to - 1n].map((lsn) => segmentName(timeline, segmentOf(lsn, sizes), sizes));
  const args = ['--path', logDir, '--timeline', String(timeline)];
  args.push('--start', formatLsn(from), '--end', formatLsn(to), ...new Set(names));
  const env = { LC_ALL: 'C', TZ: 'UTC', PATH: process.env['PATH'] };
  const child = spawn(join(binDir, 'pg_waldump'), args, { env, signal, stdio: ['ignore', 'pipe', 'pipe'] });
  let complaint = '';
  child.stderr
    .setEncoding('latin1')
    .on('data', (text: string) => (complaint = (complaint + text).slice(-LONGEST_COMPLAINT)));
  const ended = new Promise<number | null>((resolve, reject) =>
    child.once('error', reject).once('close', resolve),
  );
  ended.catch(() => undefined); // told below
  child.stdout.setEncoding('latin1');
  try {
    for await (const line of createInterface({ input: child.stdout, crlfDelay: Infinity })) {
      const record = parseRecord(line);
      // One that starts before the piece but reaches into it is left out by itself.
      if (record !== undefined && record.lsn < to) yield record;
    }
    const code = await ended;
    if (code !== 0 && !ENDS_OF_LOG.test(complaint)) throw incomplete(`pg_waldump says: ${complaint.trim()}`);
  } finally {
    child.kill('SIGKILL');
  }
}

const LONGEST_COMPLAINT = 1 << 16;
