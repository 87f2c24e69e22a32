/**
 * Tail first (DESIGN 6.4): the rest of a dead or closed server's log, for a candidate that has `from`, as one file. What is in it, and how it is
 * taken, differs; who may be given one, and that it goes once it is given, does not.
 */
import { randomUUID } from 'node:crypto';
import { open as openFile, rm, stat } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';
import { asEpoch } from '#core/brand.js';
import { type Mark, ofEngine, type Position } from '#core/position.js';
import type { TailAnswer, TailChunk, TailRequest } from '#agent/ports/engine.js';
import { boundBy } from '#agent/engines/bounds.js';
import { identityOf } from '#agent/engines/mysql-family/identity.js';
import { filesOf } from '#agent/engines/mysql-family/log-files.js';
import { knownLogPlaces } from '#agent/engines/mysql-family/log-places.js';
import type { Openings, ReadLine } from '#agent/engines/mysql-family/marks.js';
import type { Kind, Server } from '#agent/engines/mysql-family/server.js';

const CHUNK_BYTES = 256 * 1024;
const LOOK_WITHIN_MS = 500;
const LOOK_EVERY_MS = 20;
/** Of a server that is being started: the heir asks at the very moment when the old leader comes up again, closed. */
const ANSWERS_WITHIN_MS = 5_000;

/** Where this log stands to a position: it ends there, or cannot be given to who is there; else `write` makes a file of the rest, and tells where that ends. */
export type Rest<Of extends Position> =
  | { readonly kind: 'nothing' }
  | { readonly kind: 'refused'; readonly text: string }
  | { readonly kind: 'rest'; readonly write: (path: string) => Promise<Of> };

/** `findRest`: in these files of the log, oldest first. */
export async function giveTail<Of extends Position & { readonly engine: Kind['engine'] }>(
  server: Server,
  request: TailRequest,
  engine: Of['engine'],
  fileName: string,
  findRest: (from: Of, files: readonly string[]) => Promise<Rest<Of>>,
): Promise<TailAnswer> {
  const from = ofEngine(request.from, engine) as Of;
  const refuse = (text: string): TailAnswer => ({ kind: 'refused', text });
  const dataId = await identityOf(server, LOOK_WITHIN_MS);
  if (from.dataId !== dataId) return refuse(`this is data ${dataId}, not ${from.dataId}`);
  if (await mayGrow(server))
    return refuse('the server accepts writes, or receives them: its log may still grow');
  const places = knownLogPlaces(server);
  if (places === undefined) return refuse('nothing tells where its binary log lies');
  const rest = await findRest(from, await filesOf(places.written));
  if (rest.kind === 'refused') return rest;
  if (rest.kind === 'nothing') return { kind: 'tail', atLeast: from, files: nothing() };
  const path = join(server.stateDir, `given-tail-${randomUUID()}`, fileName);
  return { kind: 'tail', atLeast: await rest.write(path), files: chunks(path) };
}

/** The position at the end of the rest, with the openings that are told there; some of the rest may be there already. */
export function extended<Of extends { readonly marks: readonly Mark[]; readonly lines: readonly Opened[] }>(
  from: Of,
  gtids: Of extends { readonly gtids: infer Gtids } ? Gtids : never,
  { marks, lines }: Openings<Of['lines'][number]>,
): Of {
  const isNew = ({ epoch }: Opened): boolean => epoch > (from.lines.at(-1)?.epoch ?? 0n);
  return {
    ...{ ...from, gtids },
    marks: [...from.marks, ...marks.filter(isNew)],
    lines: [...from.lines, ...lines.filter(isNew)],
  };
}
interface Opened {
  readonly epoch: bigint;
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
  const { closed, source, takesTail } = await server.kind.readStatus(server, LOOK_WITHIN_MS);
  return !closed || source !== undefined || takesTail;
}

/** The rows of `tanist.openings` that a log inserts, as the programs that read logs comment them: `###   @1=2`. */
export async function openingsIn<Line>(
  texts: AsyncIterable<string>,
  readLine: ReadLine<Line>,
): Promise<Openings<Line>> {
  const found = { marks: [] as Mark[], lines: [] as Line[] };
  let columns: Map<number, string> | undefined;
  const finish = (): void => {
    const [epoch, mark, , server, line] = [1, 2, 3, 4, 5].map((number) => columns?.get(number));
    columns = undefined;
    if (epoch === undefined || mark === undefined || server === undefined || line === undefined) return;
    found.marks.push({ epoch: asEpoch(BigInt(epoch)), mark });
    found.lines.push(readLine(epoch, server, line));
  };
  for await (const text of texts) {
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

/** The file goes, and its folder, once it is given. */
async function* chunks(path: string): AsyncGenerator<TailChunk> {
  const { size } = await stat(path);
  const file = await openFile(path, 'r');
  try {
    for (let offset = 0; offset < size;) {
      const data = Buffer.alloc(Math.min(CHUNK_BYTES, size - offset));
      const { bytesRead } = await file.read(data, 0, data.length, offset);
      if (bytesRead === 0) throw new Error(`${path} ends at ${offset}, before ${size}`);
      yield { name: basename(path), size, offset, data: data.subarray(0, bytesRead) };
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
