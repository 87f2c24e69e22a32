/**
 * How far a line of history reaches in a server's own files, and so on which line its log ends. A server that waits has no name
 * for it: its control file lags, and its receiver is gone.
 *
 * A page says itself where it belongs. But behind a switch to the next file (pg_switch_wal, archive_timeout) PostgreSQL zeroes the headers of
 * all pages that are left, and counts them as log: a server that has all of it stands where the file ends. So there the switch speaks for them.
 */
import { readdirSync } from 'node:fs';
import { isLine } from '#agent/engines/postgres/lineage.js';
import {
  endsWithSwitch,
  hasPage,
  SEGMENT_NAME,
  segmentName,
  segmentOf,
  type Sizes,
} from '#agent/engines/postgres/log-files.js';
import type { Server } from '#agent/engines/postgres/server.js';

const READ_WITHIN_MS = 5_000;

type Files = Pick<Server, 'logDir' | 'binDir' | 'facts'>;

/** The newest line that has the byte before `lsn`; where none has, the one that the control file knows. */
export async function timelineAt(server: Files & Pick<Server, 'controlFile'>, lsn: bigint): Promise<number> {
  for (const timeline of await linesWith(server, lsn)) {
    if (isLine(server.logDir, timeline) && (await reaches(server, timeline, lsn))) return timeline;
  }
  return (await server.controlFile()).timeline;
}

/** Whether this line has the byte before `lsn`. */
export async function reaches(server: Files, timeline: number, lsn: bigint): Promise<boolean> {
  const sizes = await server.facts();
  if (hasPage(server.logDir, timeline, lsn - 1n, sizes)) return true;
  const page = lastPageBefore(server.logDir, timeline, lsn - 1n, sizes);
  if (page === undefined) return false;
  // The switch begins on the last page that is there, or on the one before it.
  const begin = segmentOf(page, sizes) * BigInt(sizes.segmentBytes);
  const from = page === begin ? begin : page - BigInt(sizes.pageBytes);
  const signal = AbortSignal.timeout(READ_WITHIN_MS);
  return endsWithSwitch(server.binDir(), server.logDir, timeline, from, sizes, signal);
}

/** Of those that have a file for it, the newest first. */
async function linesWith(server: Files, lsn: bigint): Promise<number[]> {
  if (lsn === 0n) return [];
  const sizes = await server.facts();
  const segment = segmentName(0, segmentOf(lsn - 1n, sizes), sizes).slice(8);
  return readdirSync(server.logDir)
    .filter((name) => SEGMENT_NAME.test(name) && name.endsWith(segment))
    .map((name) => Number.parseInt(name.slice(0, 8), 16))
    .sort((a, b) => b - a);
}

/** Where the last page begins that is there, in the file of a byte whose own page is not. A file is filled from its beginning. */
function lastPageBefore(logDir: string, timeline: number, lsn: bigint, sizes: Sizes): bigint | undefined {
  const size = BigInt(sizes.pageBytes);
  const begin = segmentOf(lsn, sizes) * BigInt(sizes.segmentBytes);
  if (!hasPage(logDir, timeline, begin, sizes)) return undefined;
  let [there, missing] = [0n, (lsn - begin) / size];
  while (missing - there > 1n) {
    const middle = (there + missing) / 2n;
    if (hasPage(logDir, timeline, begin + middle * size, sizes)) there = middle;
    else missing = middle;
  }
  return begin + there * size;
}
