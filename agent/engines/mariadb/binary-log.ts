/**
 * A log as it lies on disk, of a server that is dead or closed. Only heads of events are read: whether the log contains a position, and where
 * its last whole transaction ends; what is in a transaction is mariadb-binlog's to tell.
 */
import { open } from 'node:fs/promises';
import type { Gtid } from '#core/positions/mariadb.js';
import { HEAD_BYTES, MAGIC, windowOn } from '#agent/engines/mysql-family/log-files.js';

export const TYPE = {
  query: 2,
  rotate: 4,
  format: 15,
  xid: 16,
  tableMap: 19,
  xaPrepare: 38,
  gtid: 162,
  gtidList: 163,
  encryption: 164,
  queryCompressed: 165,
} as const;
const READ: ReadonlySet<number> = new Set([TYPE.query, TYPE.gtid, TYPE.gtidList]);
/** Of the file, not of any transaction. */
const OF_FILE: ReadonlySet<number> = new Set([TYPE.rotate, TYPE.format, TYPE.gtidList]);
/** In the flags of a GTID event: the next event alone is all of the transaction. */
const STANDALONE = 0x1;
const LONGEST_EVENT = 1 << 30;
const QUERY_HEAD = 13;

export interface LogEnd {
  /** Behind the last transaction that is whole, in the last file. */
  readonly offset: number;
  /** The newest transaction of each domain, up to there. */
  readonly gtids: readonly Gtid[];
  /** Of those that were looked for, what these files do not name. */
  readonly missing: readonly Gtid[];
}

/** What stood before the first event of a file of a binary log. */
export async function beginOf(file: string): Promise<readonly Gtid[]> {
  for await (const event of eventsOf(file))
    if (event.type === TYPE.gtidList) return newestOf(readList(event.body));
  return [];
}

/** Reads these files in order. Throws where they are encrypted. */
export async function scanLog(files: readonly string[], wanted: readonly Gtid[] = []): Promise<LogEnd> {
  const whole = new Map<number, Gtid>();
  const missing = new Map(wanted.map((gtid) => [keyOf(gtid), gtid]));
  const see = (gtid: Gtid): void => {
    whole.set(gtid.domain, gtid);
    missing.delete(keyOf(gtid));
  };
  let [begun, isStandalone, offset]: [Gtid | undefined, boolean, number] = [undefined, false, 4];
  for (const file of files) {
    offset = 4;
    for await (const event of eventsOf(file)) {
      const { type, end, body } = event;
      if (type === TYPE.encryption) throw new Error(`${file} is encrypted: it cannot be read`);
      if (type === TYPE.gtidList) readList(body).forEach(see);
      if (type === TYPE.gtid) {
        ({ gtid: begun, isStandalone } = readGtid(event));
      } else if (begun === undefined) offset = end;
      else if (!OF_FILE.has(type) && (isStandalone || isEnd(type, body))) {
        see(begun);
        begun = undefined;
        offset = end;
      }
    }
  }
  const gtids = [...whole.values()].sort((a, b) => a.domain - b.domain);
  return { offset, gtids, missing: [...missing.values()] };
}

const keyOf = ({ domain, server, sequence }: Gtid): string => `${domain}-${server}-${sequence}`;

export interface Event {
  /** Seconds since 1970, when it was begun. */
  readonly at: number;
  readonly type: number;
  readonly server: number;
  readonly begin: number;
  /** Behind it. */
  readonly end: number;
  /** Empty of a kind that is not wanted. Good until the next event is asked for. */
  readonly body: Buffer;
}

/** Up to the first that is not whole. */
export async function* eventsOf(
  path: string,
  isWanted = (type: number): boolean => READ.has(type),
): AsyncGenerator<Event> {
  const file = await open(path, 'r');
  try {
    const { size } = await file.stat();
    const read = windowOn(file, size);
    if ((await read(0, MAGIC.length))?.equals(MAGIC) !== true) return;
    for (let offset = 4; ;) {
      const head = await read(offset, HEAD_BYTES);
      if (head === undefined) return;
      const [type, server, length] = [head.readUInt8(4), head.readUInt32LE(5), head.readUInt32LE(9)];
      if (length < HEAD_BYTES || length > LONGEST_EVENT || offset + length > size) return;
      const [at, begin] = [head.readUInt32LE(0), offset];
      const body = isWanted(type) ? await read(offset + HEAD_BYTES, length - HEAD_BYTES) : EMPTY;
      if (body === undefined) return;
      offset += length;
      yield { at, type, server, begin, end: offset, body };
    }
  } finally {
    await file.close();
  }
}

const EMPTY = Buffer.alloc(0);

/** Of each domain and server the newest; the last one that is listed of a domain is where it stands. */
export function readList(body: Buffer): readonly Gtid[] {
  const count = body.readUInt32LE(0) & 0xfffffff;
  return Array.from({ length: count }, (_, n) => {
    const at = 4 + n * 16;
    return {
      domain: body.readUInt32LE(at),
      server: body.readUInt32LE(at + 4),
      sequence: body.readBigUInt64LE(at + 8),
    };
  });
}

const newestOf = (listed: readonly Gtid[]): readonly Gtid[] =>
  [...new Map(listed.map((gtid) => [gtid.domain, gtid])).values()].sort((a, b) => a.domain - b.domain);

/** The GTID with which a transaction begins, and whether the next event alone is all of it. */
export function readGtid({ body, server }: Event): { readonly gtid: Gtid; readonly isStandalone: boolean } {
  const gtid = { sequence: body.readBigUInt64LE(0), domain: body.readUInt32LE(8), server };
  return { gtid, isStandalone: (body.readUInt8(12) & STANDALONE) !== 0 };
}

/** Of the file, and not of any transaction. */
export const isOfFile = (type: number): boolean => OF_FILE.has(type);

/** A commit, a preparation (XA), or the end of a transaction on tables that know none. */
export function isEnd(type: number, body: Buffer): boolean {
  if (type === TYPE.xid || type === TYPE.xaPrepare) return true;
  if (type !== TYPE.query || body.length < QUERY_HEAD) return false;
  const begin = QUERY_HEAD + body.readUInt16LE(11) + body.readUInt8(8) + 1;
  return /^(COMMIT|ROLLBACK(?! TO))/.test(body.subarray(begin, begin + 12).toString('latin1'));
}
