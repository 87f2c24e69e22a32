/**
 * The files of the log (WAL). Their names and the header of each page are read here; what a record is, and which is the last
 * valid one, only PostgreSQL's own pg_waldump says.
 */
import { spawn } from 'node:child_process';
import { closeSync, openSync, readSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import { type PostgresPosition, formatLsn, parseLsn } from '#core/positions/postgres.js';
import { hex8 } from '#agent/engines/postgres/lineage.js';

/** Sizes are settled by initdb and by the build: 16 MB and 8 kB as a rule. */
export interface Sizes {
  readonly segmentBytes: number;
  readonly pageBytes: number;
}

export const SEGMENT_NAME = /^[0-9A-F]{24}$/;

export const segmentOf = (lsn: bigint, sizes: Sizes): bigint => lsn / BigInt(sizes.segmentBytes);

export function segmentName(timeline: number, segment: bigint, sizes: Sizes): string {
  const perFile = 0x1_0000_0000n / BigInt(sizes.segmentBytes);
  return hex8(timeline) + hex8(Number(segment / perFile)) + hex8(Number(segment % perFile));
}

/** Of a file by its name. */
export const segmentOfName = (name: string, sizes: Sizes): bigint =>
  BigInt(`0x${name.slice(8, 16)}`) * (0x1_0000_0000n / BigInt(sizes.segmentBytes)) +
  BigInt(`0x${name.slice(16)}`);

/** A file carries the newest line that had begun before its end: that is the one recovery looks for. */
export function lineOf(
  segment: bigint,
  { timeline, forks }: Pick<PostgresPosition, 'timeline' | 'forks'>,
  sizes: Sizes,
): number {
  const begun = forks.filter((fork) => segmentOf(fork.end, sizes) > segment);
  return begun[0]?.timeline ?? timeline;
}

/** Where in its segment the page lies that holds the byte at `lsn`. */
export const pageOffset = (lsn: bigint, sizes: Sizes): number => {
  const offset = Number(lsn % BigInt(sizes.segmentBytes));
  return offset - (offset % sizes.pageBytes);
};

/** A page is the one that belongs there only if its header says so: a recycled file holds pages of an older time. */
export function isPageAt(page: Buffer, address: bigint): boolean {
  // magic u16, flags u16, timeline u32, address u64; a page never written is zero throughout
  return page.length >= 16 && page.readUInt16LE(0) !== 0 && page.readBigUInt64LE(8) === address;
}

/** Whether the page that holds the byte at `lsn` is there. */
export function hasPage(logDir: string, timeline: number, lsn: bigint, sizes: Sizes): boolean {
  const offset = pageOffset(lsn, sizes);
  const header = Buffer.alloc(16);
  let file: number;
  try {
    file = openSync(join(logDir, segmentName(timeline, segmentOf(lsn, sizes), sizes)), 'r');
  } catch {
    return false; // recycled meanwhile
  }
  try {
    readSync(file, header, 0, header.length, offset);
  } finally {
    closeSync(file);
  }
  return isPageAt(header, segmentOf(lsn, sizes) * BigInt(sizes.segmentBytes) + BigInt(offset));
}

/**
 * Where the last valid record at or after `from` starts; undefined when there is none. Every record in between is read
 * and its checksum checked, since after a loss of power a hole may lie before pages that look well.
 */
export async function lastRecordStart(
  binDir: string,
  logDir: string,
  timeline: number,
  from: bigint,
  sizes: Sizes,
  signal: AbortSignal,
): Promise<bigint | undefined> {
  const segment = segmentOf(from, sizes);
  // Not there, or made beforehand and not begun.
  if (!hasPage(logDir, timeline, segment * BigInt(sizes.segmentBytes), sizes)) return undefined;
  // Not told which file to begin with, pg_waldump takes the size of all from whichever it sees first, which may be one that is not begun.
  const first = segmentName(timeline, segment, sizes);
  const range = [first, newestOf(logDir, timeline) ?? first];
  const args = ['--path', logDir, '--timeline', String(timeline), '--start', formatLsn(from), ...range];
  return (await lastRecord(binDir, args, signal))?.start;
}

/** Whether the log goes from this very file to the next one, be it full or not; all of its records at or after `from` are read. */
export async function endsWithSwitch(
  binDir: string,
  logDir: string,
  timeline: number,
  from: bigint,
  sizes: Sizes,
  signal: AbortSignal,
): Promise<boolean> {
  const file = segmentName(timeline, segmentOf(from, sizes), sizes);
  const args = ['--path', logDir, '--timeline', String(timeline), '--start', formatLsn(from), file];
  const last = await lastRecord(binDir, args, signal);
  return last?.manager === 'XLOG' && last.kind === 'SWITCH';
}

interface LogRecord {
  readonly start: bigint;
  readonly manager: string;
  readonly kind: string;
}

async function lastRecord(
  binDir: string,
  args: readonly string[],
  signal: AbortSignal,
): Promise<LogRecord | undefined> {
  const env = { LC_ALL: 'C', PATH: process.env['PATH'] };
  const dump = spawn(join(binDir, 'pg_waldump'), args, { env, signal, stdio: ['ignore', 'pipe', 'pipe'] });
  let last: RegExpMatchArray | undefined;
  let line = '';
  let complaint = '';
  dump.stdout.setEncoding('latin1').on('data', (text: string) => {
    last = [...(line + text).matchAll(RECORD)].at(-1) ?? last;
    // The start of a line that has not ended yet; how a record is described may take megabytes.
    line = (line + text).slice((line + text).lastIndexOf('\n') + 1).slice(0, LONGEST_HEAD);
  });
  dump.stderr
    .setEncoding('latin1')
    .on('data', (text: string) => (complaint = (complaint + text).slice(-LONGEST_COMPLAINT)));
  const code = await new Promise((resolve, reject) => dump.once('error', reject).once('close', resolve));
  // Unless the newest file is full, it ends with an error; one that does not mean the end of the log means that the log was not read.
  if (code !== 0 && !ENDS_OF_LOG.test(complaint))
    throw new TanistError('TAIL_UNAVAILABLE', `pg_waldump says: ${complaint.trim()}`);
  const [, manager = '', lsn = '', kind = ''] = last ?? [];
  const start = parseLsn(lsn);
  return start === undefined ? undefined : { start, manager, kind };
}

/** Names of one line sort as the log goes. */
const newestOf = (logDir: string, timeline: number): string | undefined =>
  readdirSync(logDir)
    .filter((name) => SEGMENT_NAME.test(name) && name.startsWith(hex8(timeline)))
    .sort()
    .at(-1);

const RECORD =
  /^rmgr: (\S+) +len \(rec\/tot\): +\d+\/ *\d+, tx: +\d+, lsn: ([0-9A-F]+\/[0-9A-F]+), prev (?:[0-9A-F]+\/[0-9A-F]+(?:, desc: (\S+))?)?/gm;
/** How pg_waldump says that it finds no valid record any more; any other complaint means that the log was not read. */
export const ENDS_OF_LOG = /error in WAL record at|could not find a valid record after|could not find file/;
const LONGEST_HEAD = 512;
const LONGEST_COMPLAINT = 1 << 16;
