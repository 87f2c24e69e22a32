/**
 * Tail first (DESIGN 6.4): the rest of a dead or closed server's log, for a candidate that stands at `from`, as the statements that mariadb-binlog
 * makes of it. They carry each transaction's own number, and end where the last whole transaction does.
 */
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { open as openFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { asEpoch } from '#core/brand.js';
import type { Mark } from '#core/position.js';
import { ofEngine } from '#core/position.js';
import { compareGtids, formatGtids, type Gtid, type GtidLine } from '#core/positions/mariadb.js';
import type { TailAnswer, TailChunk, TailRequest } from '#agent/ports/engine.js';
import { boundBy } from '#agent/engines/bounds.js';
import { beginOf, filesOf, scanLog } from '#agent/engines/mariadb/binary-log.js';
import { identityOf } from '#agent/engines/mariadb/identity.js';
import { knownLogPlaces } from '#agent/engines/mysql-family/log-places.js';
import { readLine } from '#agent/engines/mariadb/marks.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { dumpTo } from '#agent/engines/mariadb/statements.js';
import { readStatus } from '#agent/engines/mariadb/status.js';

export const TAIL_FILE = 'tail.sql';
const CHUNK_BYTES = 256 * 1024;
const LOOK_WITHIN_MS = 500;
const LOOK_EVERY_MS = 20;
/** Of a server that is being started: the heir asks at the very moment when the old leader comes up again, closed. */
const ANSWERS_WITHIN_MS = 5_000;

export async function readTail(server: Server, request: TailRequest): Promise<TailAnswer> {
  const from = ofEngine(request.from, 'mariadb');
  const refuse = (text: string): TailAnswer => ({ kind: 'refused', text });
  const dataId = await identityOf(server, LOOK_WITHIN_MS);
  if (from.dataId !== dataId) return refuse(`this is data ${dataId}, not ${from.dataId}`);
  if (await mayGrow(server))
    return refuse('the server accepts writes, or receives them: its log may still grow');
  const places = knownLogPlaces(server);
  if (places === undefined) return refuse('nothing tells where its binary log lies');
  const files = await filesFrom(await filesOf(places.written), from.gtids);
  if (files.length === 0)
    return refuse(`this log does not reach back to ${formatGtids(from.gtids)} any more`);
  const end = await scanLog(files, from.gtids);
  const stands = compareGtids(from.gtids, end.gtids);
  if (end.missing.length > 0 || (stands !== 'equal' && stands !== 'behind'))
    return refuse(
      `this log, which ends at ${formatGtids(end.gtids)}, does not contain ${formatGtids(from.gtids)}`,
    );
  if (stands === 'equal') return { kind: 'tail', atLeast: from, files: nothing() };
  const path = join(server.stateDir, `given-tail-${randomUUID()}`, TAIL_FILE);
  await dumpTo(server, path, from.gtids, files, end.offset);
  const { marks, lines } = await openingsIn(path);
  const atLeast = {
    ...from,
    gtids: end.gtids,
    marks: [...from.marks, ...marks],
    lines: [...from.lines, ...lines],
  };
  return { kind: 'tail', atLeast, files: chunks(path) };
}

/** A closed server that receives from nobody writes no log. */
async function mayGrow(server: Server): Promise<boolean> {
  const process = server.findMain();
  if (process === undefined) return false;
  if (server.memos.isNoted('promoted', process)) return true;
  const bounds = boundBy(server.now, ANSWERS_WITHIN_MS, new AbortController().signal);
  const answers = async (): Promise<boolean> =>
    server.findMain() === undefined || (await server.connection.connect(LOOK_WITHIN_MS)).kind === 'ready';
  await bounds.until(answers, LOOK_EVERY_MS);
  if (server.findMain() === undefined) return false;
  const { closed, source } = await readStatus(server, LOOK_WITHIN_MS);
  return !closed || source !== undefined;
}

/** From the newest on that begins at or before the position. */
async function filesFrom(files: readonly string[], gtids: readonly Gtid[]): Promise<readonly string[]> {
  for (let index = files.length - 1; index >= 0; index -= 1) {
    const stands = compareGtids(await beginOf(files[index] ?? ''), gtids);
    if (stands === 'behind' || stands === 'equal') return files.slice(index);
  }
  return [];
}

/** As mariadb-binlog comments the rows of `tanist.openings`: `###   @1=2`. */
async function openingsIn(path: string): Promise<{ readonly marks: Mark[]; readonly lines: GtidLine[] }> {
  const found = { marks: [] as Mark[], lines: [] as GtidLine[] };
  let columns: Map<number, string> | undefined;
  const finish = (): void => {
    const [epoch, mark, , server, line] = [1, 2, 3, 4, 5].map((number) => columns?.get(number));
    columns = undefined;
    if (epoch === undefined || mark === undefined || server === undefined || line === undefined) return;
    found.marks.push({ epoch: asEpoch(BigInt(epoch)), mark });
    found.lines.push(readLine(epoch, server, line));
  };
  for await (const text of createInterface({ input: createReadStream(path) })) {
    if (text.startsWith('### INSERT INTO `tanist`.`openings`')) {
      finish();
      columns = new Map();
    } else if (columns !== undefined) {
      const [, number, value] = /^###   @(\d+)=(.*)$/.exec(text) ?? [];
      if (number !== undefined) columns.set(Number(number), plain(value ?? ''));
      else if (!text.startsWith('### SET')) finish();
    }
  }
  finish();
  return found;
}

/** A text without its quotes; of a number the one in parentheses, where it is told twice, since columns do not say that they have no sign. */
const plain = (value: string): string =>
  /^-\d+ \((\d+)\)$/.exec(value)?.[1] ?? value.replace(/^'(.*)'$/, '$1');

async function* chunks(path: string): AsyncGenerator<TailChunk> {
  const { size } = await stat(path);
  const file = await openFile(path, 'r');
  try {
    for (let offset = 0; offset < size;) {
      const data = Buffer.alloc(Math.min(CHUNK_BYTES, size - offset));
      const { bytesRead } = await file.read(data, 0, data.length, offset);
      if (bytesRead === 0) throw new Error(`${path} ends at ${offset}, before ${size}`);
      yield { name: TAIL_FILE, size, offset, data: data.subarray(0, bytesRead) };
      offset += bytesRead;
    }
  } finally {
    await file.close();
    await rm(dirname(path), { recursive: true, force: true });
  }
}

async function* nothing(): AsyncGenerator<TailChunk> {
  // the candidate lacks nothing
}
