/**
 * What is in this member's log and in nobody else's, transaction by transaction. Read from the files themselves: what mysqlbinlog prints of rows can be
 * read in more ways than one.
 */
import { basename } from 'node:path';
import { TanistError } from '#core/errors.js';
import { formatGtidSet, type GtidSet, intersectGtids, subtractGtids } from '#core/positions/gtid-set.js';
import {
  beforeFile,
  contains,
  eventsOf,
  gtidOf,
  type Numbered,
  TYPE,
} from '#agent/engines/mysql/binary-log.js';
import { createPayloads, type Payloads } from '#agent/engines/mysql/payloads.js';
import type { Server } from '#agent/engines/mysql/server.js';
import {
  checksumBytes,
  type OwnChange,
  type OwnLog,
  type OwnTransaction,
  readQuery,
} from '#agent/engines/mysql-family/own-log.js';
import {
  isRowsEvent,
  readRowsEvent,
  readTableMap,
  type TableMap,
} from '#agent/engines/mysql-family/row-events.js';

/** `all`: the files of the log, oldest first. Throws SALVAGE_FAILED where they do not reach back far enough. */
export async function findOwnLog(
  server: Pick<Server, 'tool'>,
  all: readonly string[],
  own: GtidSet,
  shared: GtidSet,
): Promise<OwnLog<GtidSet>> {
  const files = await filesFrom(all, subtractGtids(own, shared));
  return {
    files,
    transactions: () => transactionsOf(server, files, shared),
    skim: () => Promise.resolve(),
    shared: () => shared,
  };
}

/** From the newest on before which there is nothing of this member alone. */
async function filesFrom(all: readonly string[], alone: GtidSet): Promise<readonly string[]> {
  let before: GtidSet = [];
  for (let index = all.length - 1; index >= 0; index -= 1) {
    before = intersectGtids(await beforeFile(all[index] ?? ''), alone);
    if (before.length === 0) return all.slice(index);
  }
  throw new TanistError(
    'SALVAGE_FAILED',
    `its log begins after ${formatGtidSet(before)}, which is gone, and is not the leader's`,
  );
}

interface Begun extends Omit<OwnTransaction, 'changes'> {
  readonly gtid: Numbered;
  readonly changes: OwnChange[];
}

async function* transactionsOf(
  server: Pick<Server, 'tool'>,
  files: readonly string[],
  shared: GtidSet,
): AsyncGenerator<OwnTransaction> {
  for (const file of files) {
    const payloads = createPayloads(server, file);
    try {
      yield* transactionsIn(file, shared, payloads);
    } finally {
      payloads.end();
    }
  }
}

async function* transactionsIn(
  file: string,
  shared: GtidSet,
  payloads: Payloads,
): AsyncGenerator<OwnTransaction> {
  const maps = new Map<bigint, TableMap>();
  let sumBytes = 0;
  let begun: Begun | undefined;
  for await (const event of eventsOf(file, bytesNeeded)) {
    const { type, begin, end, head } = event;
    if (type === TYPE.format) sumBytes = checksumBytes(event.body);
    if (type === TYPE.anonymous)
      throw new TanistError('SALVAGE_FAILED', `${file} holds transactions without a number`);
    const gtid = gtidOf(event);
    if (gtid !== undefined) {
      maps.clear();
      const at = new Date(head.readUInt32LE(0) * 1000).toISOString();
      const isShared = contains(shared, gtid);
      const bytes = gtid.end - gtid.begin;
      begun = isShared ? undefined : { gtid, number: gtid.number, at, file, bytes, changes: [] };
      continue;
    }
    if (begun === undefined) continue;
    const place = `${basename(file)}:${begin}`;
    const whole = event.body.subarray(0, Math.max(0, event.body.length - sumBytes));
    if (type === TYPE.payload)
      for (const inner of await payloads.at(begin, begun.gtid.begin))
        begun.changes.push(...changesIn(inner.type, withoutSum(inner.body, sumBytes), place, maps));
    else if (type === TYPE.xaPrepare && !isOnePhase(whole))
      begun.changes.splice(0, Infinity, preparedOnly(begun));
    else begun.changes.push(...changesIn(type, whole, place, maps));
    if (end < begun.gtid.end) continue;
    yield begun;
    begun = undefined;
  }
}

const withoutSum = (body: Buffer, sumBytes: number): Buffer => body.subarray(0, body.length - sumBytes);

const WHOLE: ReadonlySet<number> = new Set([
  TYPE.format,
  TYPE.previous,
  TYPE.query,
  TYPE.tableMap,
  TYPE.xaPrepare,
  TYPE.gtid,
  TYPE.tagged,
]);

const bytesNeeded = (type: number, length: number): number =>
  WHOLE.has(type) || isRowsEvent(type) ? length : 0;

/** BEGIN, COMMIT and their like say nothing. */
const SILENT = /^(BEGIN|START TRANSACTION|COMMIT|SAVEPOINT\b.*|ROLLBACK TO\b.*|XA (START|END)\b.*)$/i;

function changesIn(
  type: number,
  body: Buffer,
  place: string,
  maps: Map<bigint, TableMap>,
): readonly OwnChange[] {
  if (type === TYPE.tableMap) {
    const map = readTableMap(Buffer.from(body));
    maps.set(map.id, map);
    return [];
  }
  if (isRowsEvent(type)) return [{ kind: 'rows', ...readRowsEvent(type, Buffer.from(body), place, maps) }];
  if (type !== TYPE.query) return [];
  const { database, text } = readQuery(body);
  const said = text.toString('utf8');
  return SILENT.test(said) ? [] : [{ kind: 'statement', database, text: said }];
}

const isOnePhase = (body: Buffer): boolean => body.readUInt8(0) !== 0;

/** Whether it was committed is told elsewhere, if at all. */
const preparedOnly = ({ gtid }: Begun): OwnChange => ({
  ...{ kind: 'statement', database: '' },
  text: `XA PREPARE: the rows of ${gtid.server}:${gtid.number} are in the copied log alone`,
});
