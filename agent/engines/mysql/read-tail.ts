/**
 * Tail first (DESIGN 6.4): the rest of a dead or closed server's log, for a candidate that has `from`, as one file of log that it can take for
 * received: from the first transaction on that it lacks, to the last that is whole.
 */
import { type ChildProcess, spawn } from 'node:child_process';
import { randomUUID } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, open as openFile, rm, stat } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { createInterface } from 'node:readline';
import { asEpoch } from '#core/brand.js';
import type { Mark } from '#core/position.js';
import { ofEngine } from '#core/position.js';
import {
  compareGtidSets,
  formatGtidSet,
  type GtidSet,
  subtractGtids,
  uniteGtids,
} from '#core/positions/gtid-set.js';
import type { MysqlLine } from '#core/positions/mysql.js';
import type { TailAnswer, TailChunk, TailRequest } from '#agent/ports/engine.js';
import { boundBy } from '#agent/engines/bounds.js';
import { beforeFile, filesOf, type LogFile, readLogFile } from '#agent/engines/mysql/binary-log.js';
import { identityOf } from '#agent/engines/mysql/identity.js';
import { readLine } from '#agent/engines/mysql/marks.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { hasAll, readStatus } from '#agent/engines/mysql/status.js';
import { knownLogPlaces } from '#agent/engines/mysql-family/log-places.js';

export const TAIL_FILE = 'tail.log';
const CHUNK_BYTES = 256 * 1024;
const READ_WITHIN_MS = 60_000;
const LOOK_WITHIN_MS = 500;
const LOOK_EVERY_MS = 20;
/** Of a server that is being started: the heir asks at the very moment when the old leader comes up again, closed. */
const ANSWERS_WITHIN_MS = 5_000;
const MAGIC = Buffer.from('fe62696e', 'hex');

export async function readTail(server: Server, request: TailRequest): Promise<TailAnswer> {
  const from = ofEngine(request.from, 'mysql');
  const refuse = (text: string): TailAnswer => ({ kind: 'refused', text });
  const dataId = await identityOf(server, LOOK_WITHIN_MS);
  if (from.dataId !== dataId) return refuse(`this is data ${dataId}, not ${from.dataId}`);
  if (await mayGrow(server))
    return refuse('the server accepts writes, or receives them: its log may still grow');
  const places = knownLogPlaces(server);
  if (places === undefined) return refuse('nothing tells where its binary log lies');
  const paths = await filesFrom(await filesOf(places.written), from.gtids);
  if (paths.length === 0)
    return refuse(`this log does not reach back to ${formatGtidSet(from.gtids)} any more`);
  const files: LogFile[] = [];
  for (const path of paths) files.push(await readLogFile(path, from.gtids));
  const gtids = files.reduce<GtidSet>((all, file) => uniteGtids(all, file.gtids), []);
  const stands = compareGtidSets(from.gtids, gtids);
  if (stands !== 'equal' && stands !== 'behind')
    return refuse(`this log does not hold ${formatGtidSet(subtractGtids(from.gtids, gtids))}`);
  if (stands === 'equal') return { kind: 'tail', atLeast: from, files: nothing() };
  const path = join(server.stateDir, `given-tail-${randomUUID()}`, TAIL_FILE);
  await writeTail(path, files);
  const { marks, lines } = await openingsIn(server, path);
  const isNew = ({ epoch }: { readonly epoch: bigint }): boolean => epoch > (from.lines.at(-1)?.epoch ?? 0n);
  const atLeast = {
    ...{ ...from, gtids },
    marks: [...from.marks, ...marks.filter(isNew)],
    lines: [...from.lines, ...lines.filter(isNew)],
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
  const { closed, source, tail } = await readStatus(server, LOOK_WITHIN_MS);
  return !closed || source !== undefined || tail !== undefined;
}

/** From the newest on that begins at or before the position. */
async function filesFrom(files: readonly string[], gtids: GtidSet): Promise<readonly string[]> {
  for (let index = files.length - 1; index >= 0; index -= 1)
    if (hasAll(gtids, await beforeFile(files[index] ?? ''))) return files.slice(index);
  return [];
}

/** Of each file how to read it, and its transactions from the first on that is lacking; what is not lacking in between is passed over by whoever applies it. */
async function writeTail(path: string, files: readonly LogFile[]): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const target = await openFile(path, 'wx', 0o600);
  try {
    let isFirst = true;
    for (const { path: source, format, previous, begin, end } of files) {
      if (begin === undefined) continue;
      // Once, at its beginning, a log has to say what was written before.
      await target.write(isFirst ? Buffer.concat([MAGIC, format, previous]) : format);
      isFirst = false;
      for await (const piece of createReadStream(source, { start: begin, end: end - 1 }))
        await target.write(piece as Buffer);
    }
  } finally {
    await target.close();
  }
}

/** The rows of `tanist.openings` that it inserts, as mysqlbinlog comments them: `###   @1=2`. */
async function openingsIn(
  server: Server,
  path: string,
): Promise<{ readonly marks: Mark[]; readonly lines: MysqlLine[] }> {
  const found = { marks: [] as Mark[], lines: [] as MysqlLine[] };
  let columns: Map<number, string> | undefined;
  const finish = (): void => {
    const [epoch, mark, , by, line] = [1, 2, 3, 4, 5].map((number) => columns?.get(number));
    columns = undefined;
    if (epoch === undefined || mark === undefined || by === undefined || line === undefined) return;
    found.marks.push({ epoch: asEpoch(BigInt(epoch)), mark });
    found.lines.push(readLine(epoch, by, line));
  };
  const args = ['--no-defaults', '--base64-output=decode-rows', '--verbose', '--database=tanist', path];
  const child = spawn(server.tool('mysqlbinlog'), args, {
    ...{ stdio: ['ignore', 'pipe', 'pipe'], timeout: READ_WITHIN_MS, killSignal: 'SIGKILL' },
  });
  const ended = endOf(child);
  for await (const text of createInterface({ input: child.stdout })) {
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
  await ended;
  return found;
}

function endOf(child: ChildProcess): Promise<void> {
  let said = '';
  child.stderr?.on('data', (data: Buffer | string) => (said += String(data)));
  const ended = new Promise<void>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', (code) => {
      if (code === 0) resolve();
      else reject(new Error(`mysqlbinlog: code ${String(code)}: ${said.trim()}`));
    });
  });
  ended.catch(() => undefined); // looked at once all is read
  return ended;
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
