/**
 * Tail first (DESIGN 6.4): the rest of a dead or closed server's log, for a candidate that stands at `from`. A record is valid when
 * its checksum holds; a page belongs where it lies when its header says so. What is sent beyond the last valid record does
 * no harm, what is missing before it would.
 */
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import { ofEngine, formatPosition } from '#core/position.js';
import { comparePostgres, type PostgresPosition, formatLsn } from '#core/positions/postgres.js';
import type { TailAnswer, TailChunk, TailRequest } from '#agent/ports/engine.js';
import { boundBy } from '#agent/engines/bounds.js';
import { forksOf, historyFile, newestLine, readLineage } from '#agent/engines/postgres/lineage.js';
import {
  type Sizes,
  isPageAt,
  lastRecordStart,
  lineOf,
  pageOffset,
  segmentName,
  segmentOf,
} from '#agent/engines/postgres/log-files.js';
import { findPostmaster, findOrphans } from '#agent/engines/postgres/processes.js';
import { reaches } from '#agent/engines/postgres/reach.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { readStatus } from '#agent/engines/postgres/status.js';

const CHUNK_BYTES = 256 * 1024;
const LOOK_WITHIN_MS = 500;
const LOOK_EVERY_MS = 20;
/** Of a server that is being started. Whoever asks has a limit of its own, and does not wait for so long. */
const ANSWERS_WITHIN_MS = 5_000;
const READ_WITHIN_MS = 60_000;

export async function readTail(server: Server, request: TailRequest): Promise<TailAnswer> {
  const from = ofEngine(request.from, 'postgres');
  const refuse = (text: string): TailAnswer => ({ kind: 'refused', text });
  const { dataId, ...sizes } = await server.facts();
  if (from.dataId !== dataId) return refuse(`this is data ${dataId}, not ${from.dataId}`);
  if (await mayGrow(server))
    return refuse('the server still runs, or its children do: its log may still grow');
  const timeline = newestLine(server.logDir, (await server.controlFile()).timeline);
  const forks = forksOf(server.logDir, timeline);
  // Marks need no look: where the lines of history agree and one contains the other's end, so do the marks in it.
  const here: PostgresPosition = {
    ...from,
    timeline,
    forks,
    lsn: timeline === from.timeline ? from.lsn : MAX_LSN,
  };
  const stands = comparePostgres(from, here);
  if (stands !== 'equal' && stands !== 'behind')
    return refuse(`timeline ${timeline} of this log does not contain the position asked for`);
  // The two logs must join: a page that has been recycled since would look like the end.
  if (!(await reaches(server, lineOf(segmentOf(from.lsn - 1n, sizes), here, sizes), from.lsn)))
    return refuse(`this log does not reach back to ${formatPosition(from)} any more`);
  // On a newer line the file in which it begins holds a copy of the older one up to there.
  const begin = forks.at(-1)?.end ?? 0n;
  const scanFrom = timeline === from.timeline ? from.lsn : begin;
  const start = await lastRecordStart(
    server.binDir(),
    server.logDir,
    timeline,
    scanFrom,
    sizes,
    AbortSignal.timeout(READ_WITHIN_MS),
  );
  // Any position above the start of the last record means that the record was applied.
  const atLeast = start === undefined ? { ...here, lsn: scanFrom } : { ...here, lsn: start + 1n };
  if (start === undefined && timeline === from.timeline)
    return { kind: 'tail', atLeast: from, files: nothing() };
  return { kind: 'tail', atLeast, files: files(server, from, atLeast, sizes) };
}

const MAX_LSN = (1n << 64n) - 1n;

/**
 * A server in recovery that receives from nobody writes no log. One that is being started cannot say so yet, and to refuse its log would
 * lose what only it holds: the heir asks at the very moment when the old leader comes up again, closed.
 */
async function mayGrow(server: Server): Promise<boolean> {
  const isGone = (): boolean => findPostmaster(server.dataDir) === undefined;
  const isSettled = async (): Promise<boolean> => {
    if (isGone()) return true;
    const answer = await server.connection.connect(LOOK_WITHIN_MS);
    return answer.kind === 'ready' || answer.kind === 'refused';
  };
  const bounds = boundBy(server.now, ANSWERS_WITHIN_MS, new AbortController().signal);
  await bounds.until(isSettled, LOOK_EVERY_MS);
  if (findOrphans(server.dataDir).length > 0) return true;
  if (isGone()) return false;
  const { closed, receiver } = await readStatus(server, false, LOOK_WITHIN_MS);
  return !closed || receiver !== undefined;
}

async function* files(
  server: Server,
  from: PostgresPosition,
  atLeast: PostgresPosition,
  sizes: Sizes,
): AsyncGenerator<TailChunk> {
  for (let timeline = from.timeline + 1; timeline <= atLeast.timeline; timeline += 1) {
    const text = readLineage(server.logDir, timeline);
    if (text === undefined) continue;
    const data = Buffer.from(text);
    yield { name: historyFile(timeline), size: data.length, offset: 0, data };
  }
  // On its own line the candidate has the pages before; of another line it needs whole files.
  let offset = atLeast.timeline === from.timeline ? pageOffset(from.lsn, sizes) : 0;
  for (let segment = segmentOf(from.lsn, sizes); ; segment += 1n) {
    const line = lineOf(segment, atLeast, sizes);
    const name = segmentName(line, segment, sizes);
    let end = offset;
    for await (const chunk of validPages(join(server.logDir, name), name, segment, offset, sizes)) {
      end = chunk.offset + chunk.data.length;
      yield chunk;
    }
    if (end < sizes.segmentBytes) {
      const reached = segment * BigInt(sizes.segmentBytes) + BigInt(end);
      if (reached >= atLeast.lsn) return;
      // What lies behind a switch is nothing to send: the heir's own server passes over it.
      if (!(await reaches(server, line, (segment + 1n) * BigInt(sizes.segmentBytes))))
        throw new TanistError('TAIL_UNAVAILABLE', `the log breaks off at ${formatLsn(reached)}`);
    }
    offset = 0;
  }
}

async function* validPages(
  path: string,
  name: string,
  segment: bigint,
  start: number,
  sizes: Sizes,
): AsyncGenerator<TailChunk> {
  const file = await open(path, 'r').catch((error: unknown) => {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  });
  if (file === undefined) return;
  const base = segment * BigInt(sizes.segmentBytes);
  try {
    for (let offset = start; offset < sizes.segmentBytes;) {
      const data = Buffer.alloc(Math.min(CHUNK_BYTES, sizes.segmentBytes - offset));
      const { bytesRead } = await file.read(data, 0, data.length, offset);
      let valid = 0;
      while (
        valid + sizes.pageBytes <= bytesRead &&
        isPageAt(data.subarray(valid), base + BigInt(offset + valid))
      )
        valid += sizes.pageBytes;
      if (valid > 0) yield { name, size: sizes.segmentBytes, offset, data: data.subarray(0, valid) };
      if (valid < data.length) return;
      offset += valid;
    }
  } finally {
    await file.close();
  }
}

async function* nothing(): AsyncGenerator<TailChunk> {
  // the candidate lacks nothing
}
