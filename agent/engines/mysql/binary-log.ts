/**
 * A log as it lies on disk, of a server that is dead or closed. Only heads of events are read: which transactions it holds, where each begins, and where
 * the last whole one ends.
 */
import { open } from 'node:fs/promises';
import { type GtidSet, type Origin, uniteGtids } from '#core/positions/gtid-set.js';
import { FLAGS_AT, HEAD_BYTES, IN_USE, MAGIC, windowOn } from '#agent/engines/mysql-family/log-files.js';

export const TYPE = {
  query: 2,
  format: 15,
  tableMap: 19,
  gtid: 33,
  anonymous: 34,
  previous: 35,
  xaPrepare: 38,
  payload: 40,
  tagged: 42,
} as const;
const LONGEST_EVENT = 2 ** 31;
/** Much more than any such event needs, but for `previous`, which is read whole. */
const BEGIN_BYTES = 512;

export interface LogFile {
  readonly path: string;
  /** The events that say how to read all others, and what was written before. */
  readonly format: Buffer;
  readonly previous: Buffer;
  /** All that was written up to the end of the last transaction here that is whole. */
  readonly gtids: GtidSet;
  /** Where the first transaction begins that was looked for; undefined: none is here. */
  readonly begin: number | undefined;
  /** Behind the last transaction that is whole. */
  readonly end: number;
}

/** All that was written before that file began. */
export async function beforeFile(path: string): Promise<GtidSet> {
  for await (const { type, body } of eventsOf(path)) if (type === TYPE.previous) return readSet(body);
  return [];
}

/** Throws where it is encrypted, or holds transactions without a number. `known`: what is not looked for. */
export async function readLogFile(path: string, known: GtidSet): Promise<LogFile> {
  const seen = collectGtids();
  let [before, format, previous]: [GtidSet, Buffer, Buffer] = [[], EMPTY, EMPTY];
  let [begin, end]: [number | undefined, number] = [undefined, 4];
  let begun: Numbered | undefined;
  for await (const event of eventsOf(path)) {
    const { type, body } = event;
    if (type === TYPE.format) format = withoutUse(event.head, body);
    if (type === TYPE.previous) [before, previous] = [readSet(body), Buffer.concat([event.head, body])];
    if (type === TYPE.anonymous) throw new Error(`${path} holds transactions without a number`);
    begun = gtidOf(event) ?? begun;
    if (begun === undefined || event.end < begun.end) continue;
    // Whole, for its last event is.
    if (begin === undefined && !contains(known, begun)) ({ begin } = begun);
    seen.add(begun);
    ({ end } = begun);
    begun = undefined;
  }
  return { path, format, previous, gtids: uniteGtids(before, seen.all()), begin, end };
}

export function contains(set: GtidSet, { server, tag, number }: Numbered): boolean {
  const origin = set.find((each) => each.server === server && each.tag === tag);
  return origin?.intervals.some(({ first, last }) => first <= number && number <= last) ?? false;
}

/** There are a great many, and nearly each follows the one before. */
function collectGtids(): { add(gtid: Numbered): void; all(): GtidSet } {
  const byName = new Map<
    string,
    { server: string; tag: string; intervals: { first: bigint; last: bigint }[] }
  >();
  return {
    add({ server, tag, number }) {
      const name = `${server}:${tag}`;
      const intervals: { first: bigint; last: bigint }[] = byName.get(name)?.intervals ?? [];
      const newest = intervals.at(-1);
      if (newest !== undefined && newest.last + 1n === number) newest.last = number;
      else intervals.push({ first: number, last: number });
      byName.set(name, { server, tag, intervals });
    },
    all: () => uniteGtids([...byName.values()], []),
  };
}

export interface Event {
  readonly type: number;
  readonly begin: number;
  /** Behind it. */
  readonly end: number;
  readonly head: Buffer;
  /** As much of it as anybody needs. */
  readonly body: Buffer;
}

/** Up to the first that is not whole. `needed`: how much of each, behind its head. */
export async function* eventsOf(path: string, needed = bytesNeeded): AsyncGenerator<Event> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const read = windowOn(file, size);
    if ((await read(0, MAGIC.length))?.equals(MAGIC) !== true)
      throw new Error(`${path} is no log that can be read: is it encrypted?`);
    for (let begin = 4; ;) {
      const head = await read(begin, HEAD_BYTES);
      if (head === undefined) return;
      const [type, length] = [head.readUInt8(4), head.readUInt32LE(9)];
      const end = begin + length;
      if (length < HEAD_BYTES || length > LONGEST_EVENT || end > size) return;
      const kept = Buffer.from(head);
      const body = await read(begin + HEAD_BYTES, needed(type, length - HEAD_BYTES));
      if (body === undefined) return;
      yield { type, begin, end, head: kept, body };
      begin = end;
    }
  } finally {
    await file.close();
  }
}

function bytesNeeded(type: number, length: number): number {
  if (type === TYPE.format || type === TYPE.previous) return length;
  return type === TYPE.gtid || type === TYPE.tagged ? Math.min(length, BEGIN_BYTES) : 0;
}

const EMPTY = Buffer.alloc(0);

/** As a server that closed the file would have left it; its checksum is that of this form. */
function withoutUse(head: Buffer, body: Buffer): Buffer {
  const event = Buffer.concat([head, body]);
  event.writeUInt16LE(event.readUInt16LE(FLAGS_AT) & ~IN_USE, FLAGS_AT);
  return event;
}

// --- how events say what they are about

export interface Numbered {
  readonly server: string;
  readonly tag: string;
  readonly number: bigint;
  /** Of the whole transaction, in the file. */
  readonly begin: number;
  readonly end: number;
}

/** With which a transaction begins; undefined: that is another event. */
export function gtidOf(event: Event): Numbered | undefined {
  if (event.type === TYPE.gtid) return readGtid(event);
  return event.type === TYPE.tagged ? readTagged(event) : undefined;
}

/** flags 1, server 16, number 8, kind of clock 1, clock 16, committed 7 or 14, length: as in the server's own format. */
function readGtid({ begin, body }: Event): Numbered {
  const committedTwice = (body.readUInt8(48) & 0x80) !== 0;
  const length = readLength(body, committedTwice ? 56 : 49);
  if (length === 0) throw new Error('a transaction that does not say how long it is');
  const server = formatServer(body.subarray(1, 17));
  return { server, tag: '', number: body.readBigUInt64LE(17), begin, end: begin + length };
}

/** A number whose first byte says how many follow. */
function readLength(body: Buffer, at: number): number {
  const first = body.readUInt8(at);
  if (first < 251) return first;
  if (first === 252) return body.readUIntLE(at + 1, 2);
  if (first === 253) return body.readUIntLE(at + 1, 3);
  return Number(body.readBigUInt64LE(at + 1));
}

/** Fields with numbers of their own, in order; some may be left out. */
/** Before them: the version, the size, and the last of the fields that must be known. */
const TAGGED_HEAD = 3;
const FIELD = { server: 1, number: 2, tag: 3, length: 8 } as const;

function readTagged({ begin, body }: Event): Numbered {
  const read = packedIn(body);
  for (let passed = 0; passed < TAGGED_HEAD; passed += 1) read.unsigned();
  let [server, tag, number] = ['', '', 0n];
  for (;;) {
    const field = Number(read.unsigned());
    if (field === FIELD.server)
      server = formatServer(Buffer.from(Array.from({ length: 16 }, () => Number(read.unsigned()))));
    else if (field === FIELD.number) number = read.unsigned() >> 1n;
    else if (field === FIELD.tag) tag = read.text();
    else if (field === FIELD.length)
      return { server, tag, number, begin, end: begin + Number(read.unsigned()) };
    else if (field < FIELD.length) read.unsigned();
    else throw new Error('a transaction that does not say how long it is');
  }
}

/** Numbers packed as small as they are: as many more bytes follow as the first one has ones at its lower end. */
function packedIn(body: Buffer, from = 0): { unsigned(): bigint; text(): string; at(): number } {
  let at = from;
  const unsigned = (): bigint => {
    const more = trailingOnes(body.readUInt8(at));
    const bytes = Buffer.alloc(9);
    body.copy(bytes, 0, at, at + more + 1);
    at += more + 1;
    const [low, high] = [bytes.readBigUInt64LE(0), bytes.readBigUInt64LE(1)];
    return more === 8 ? high : (low & ((1n << BigInt(8 * (more + 1))) - 1n)) >> BigInt(more + 1);
  };
  return {
    unsigned,
    at: () => at,
    text() {
      const length = Number(unsigned());
      at += length;
      return body.toString('utf8', at - length, at);
    },
  };
}

function trailingOnes(byte: number): number {
  let ones = 0;
  while (ones < 8 && (byte & (1 << ones)) !== 0) ones += 1;
  return ones;
}

/** Of each server, and tag where there are any, the intervals, whose ends lie behind them. */
function readSet(body: Buffer): GtidSet {
  const isTagged = body.readUInt8(7) !== 0;
  const count = isTagged ? body.readUIntLE(1, 6) : body.readUIntLE(0, 6);
  const origins: Origin[] = [];
  let at = 8;
  for (let n = 0; n < count; n += 1) {
    const server = formatServer(body.subarray(at, at + 16));
    at += 16;
    let tag = '';
    if (isTagged) {
      const read = packedIn(body, at);
      tag = read.text();
      at = read.at();
    }
    const many = body.readUIntLE(at, 6);
    at += 8;
    const intervals = Array.from({ length: many }, (_, index) => ({
      first: body.readBigUInt64LE(at + index * 16),
      last: body.readBigUInt64LE(at + index * 16 + 8) - 1n,
    }));
    at += many * 16;
    origins.push({ server, tag, intervals });
  }
  return uniteGtids(origins, []);
}

function formatServer(bytes: Buffer): string {
  const hex = bytes.toString('hex');
  return [hex.slice(0, 8), hex.slice(8, 12), hex.slice(12, 16), hex.slice(16, 20), hex.slice(20)].join('-');
}
