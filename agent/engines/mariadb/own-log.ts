/**
 * What is in this member's log and in nobody else's (DESIGN 8), transaction by transaction. Read from the files themselves: what mariadb-binlog
 * prints of rows can be read in more ways than one, a line feed and the four characters \x0a look the same there.
 */
import { basename } from 'node:path';
import { TanistError } from '#core/errors.js';
import { formatGtids, type Gtid } from '#core/positions/mariadb.js';
import { inflated } from '#agent/engines/mysql-family/bytes.js';
import { eventsOf, isEnd, isOfFile, readGtid, readList, TYPE } from '#agent/engines/mariadb/binary-log.js';
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

interface Transaction extends OwnTransaction {
  readonly gtid: Gtid;
}

type IsShared = (gtid: Gtid) => boolean;

/** `all`: the files of the log, oldest first. Throws SALVAGE_FAILED where they do not reach back far enough. */
export async function findOwnLog(
  all: readonly string[],
  isShared: IsShared,
): Promise<OwnLog<readonly Gtid[]>> {
  const { files, before } = await filesFrom(all, isShared);
  const newest = new Map(before.map((gtid) => [gtid.domain, gtid]));
  async function* transactions(): AsyncGenerator<OwnTransaction> {
    for await (const transaction of transactionsOf(files, isShared))
      if (isShared(transaction.gtid)) newest.set(transaction.gtid.domain, transaction.gtid);
      else yield transaction;
  }
  return {
    ...{ files, transactions },
    async skim(bounds) {
      const all = transactions();
      while ((await all.next()).done !== true) bounds.check();
    },
    shared: () => [...newest.values()].sort((a, b) => a.domain - b.domain),
  };
}

/** From the newest on before which there is nothing of this member alone. */
async function filesFrom(
  all: readonly string[],
  isShared: IsShared,
): Promise<{ readonly files: readonly string[]; readonly before: readonly Gtid[] }> {
  let oldest: readonly Gtid[] = [];
  for (let index = all.length - 1; index >= 0; index -= 1) {
    oldest = await listOf(all[index] ?? '');
    if (oldest.every(isShared)) return { files: all.slice(index), before: oldest };
  }
  throw new TanistError(
    'SALVAGE_FAILED',
    `its log begins after ${formatGtids(oldest)}: what was written there before is gone, and is not the leader's`,
  );
}

async function listOf(file: string): Promise<readonly Gtid[]> {
  for await (const { type, body } of eventsOf(file)) if (type === TYPE.gtidList) return readList(body);
  return [];
}

const isWanted = (type: number): boolean =>
  isRowsEvent(type) ||
  (
    [TYPE.format, TYPE.gtidList, TYPE.gtid, TYPE.query, TYPE.queryCompressed, TYPE.tableMap] as number[]
  ).includes(type);

/** What is shared is not read any further, and has no changes. */
async function* transactionsOf(files: readonly string[], isShared: IsShared): AsyncGenerator<Transaction> {
  let begun:
    (Omit<Transaction, 'changes'> & { changes: OwnChange[]; readonly isShared: boolean }) | undefined;
  let isStandalone = false;
  const maps = new Map<bigint, TableMap>();
  for (const file of files) {
    let sumBytes = 0;
    for await (const event of eventsOf(file, isWanted)) {
      const { type, begin, end } = event;
      if (type === TYPE.encryption)
        throw new TanistError('SALVAGE_FAILED', `${file} is encrypted: it cannot be read`);
      if (type === TYPE.format) sumBytes = checksumBytes(event.body);
      if (isOfFile(type)) continue;
      const body = event.body.subarray(0, Math.max(0, event.body.length - sumBytes));
      if (type === TYPE.gtid) {
        const { gtid, isStandalone: alone } = readGtid(event);
        isStandalone = alone;
        maps.clear();
        const at = new Date(event.at * 1000).toISOString();
        begun = {
          gtid,
          number: gtid.sequence,
          at,
          file,
          bytes: end - begin,
          changes: [],
          isShared: isShared(gtid),
        };
        continue;
      }
      if (begun === undefined) continue;
      begun = { ...begun, bytes: begun.bytes + end - begin };
      const isLast = isStandalone || isEnd(type, body);
      if (!begun.isShared) {
        const change = changeIn(type, body, `${basename(file)}:${begin}`, maps);
        // BEGIN, COMMIT and their like say nothing.
        if (change !== undefined && !(isLast && !isStandalone)) begun.changes.push(change);
      }
      if (!isLast) continue;
      yield begun;
      begun = undefined;
    }
  }
}

function changeIn(
  type: number,
  body: Buffer,
  place: string,
  maps: Map<bigint, TableMap>,
): OwnChange | undefined {
  if (type === TYPE.tableMap) {
    const map = readTableMap(Buffer.from(body));
    maps.set(map.id, map);
    return undefined;
  }
  if (isRowsEvent(type)) return { kind: 'rows', ...readRowsEvent(type, Buffer.from(body), place, maps) };
  if (type !== TYPE.query && type !== TYPE.queryCompressed) return undefined;
  const { database, text: plain } = readQuery(body);
  const text = (type === TYPE.queryCompressed ? inflated(plain) : plain).toString('utf8');
  return /^(BEGIN|START TRANSACTION)$/i.test(text) ? undefined : { kind: 'statement', database, text };
}
