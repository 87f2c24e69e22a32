// What a piece of log did to rows, from lines as pg_waldump of 15 and of 16 writes them.
import { describe, expect, it } from 'vitest';
import { type Changes, gatherChanges } from '#agent/engines/postgres/log-changes.js';
import { type LogRecord, parseRecord } from '#agent/engines/postgres/log-records.js';

const T = '1663/5/16384';

const record = (manager: string, xid: number, text: string): LogRecord => {
  const line = `rmgr: ${manager} len (rec/tot): 54/ 54, tx: ${xid}, lsn: 0/100, prev 0/80, desc: ${text}`;
  const parsed = parseRecord(line);
  if (parsed === undefined) throw new Error(line);
  return parsed;
};
const heap = (xid: number, text: string, block = 0): LogRecord =>
  record('Heap', xid, `${text}, blkref #0: rel ${T} blk ${block}`);
const commit = (xid: number, more = ''): LogRecord =>
  record('Transaction', xid, `COMMIT 2026-11-29 09:50:25.106057 UTC${more}`);

function changesOf(...records: readonly LogRecord[]): Changes {
  const gathering = gatherChanges();
  for (const one of records) gathering.add(one);
  return gathering.end();
}
const at = (offset: number, block = 0): { relation: string; block: number; offset: number } => ({
  ...{ relation: T, block, offset },
});

describe('a piece of the log', () => {
  it('names the pages that hold what was committed, and by whom', () => {
    const changes = changesOf(
      heap(7, 'INSERT off 1 flags 0x00', 3),
      heap(8, 'INSERT off 2 flags 0x00', 4),
      commit(7, '; subxacts: 9'),
    );
    expect([...changes.committed.keys()]).toEqual([7, 9]);
    expect([...(changes.pages.get(T) ?? [])]).toEqual([3, 4]);
    expect(changes.transactions).toEqual([{ xid: 7, parts: [9], at: '2026-11-29 09:50:25.106057' }]);
  });

  it.each([
    [
      '15',
      'UPDATE off 1 xmax 7 flags 0x00 ; new off 5 xmax 0',
      'HOT_UPDATE off 5 xmax 8 flags 0x00 ; new off 6 xmax 0',
    ],
    [
      '16',
      'UPDATE old_xmax: 7, old_off: 1, old_infobits: [], flags: 0x00, new_xmax: 0, new_off: 5',
      'HOT_UPDATE old_xmax: 8, old_off: 5, old_infobits: [], flags: 0x00, new_xmax: 0, new_off: 6',
    ],
  ])('follows an update of an update back to the row from before, in the words of %s', (_, one, two) => {
    const changes = changesOf(heap(7, one), heap(8, two), commit(7), commit(8));
    expect(changes.originOf(at(6))).toEqual({ kind: 'old', place: at(1) });
  });

  it('knows where a row came from that went to another page', () => {
    const moved = record(
      'Heap',
      7,
      `UPDATE off 1 xmax 7 flags 0x00 ; new off 2 xmax 0, blkref #0: rel ${T} blk 9, blkref #1: rel ${T} blk 4`,
    );
    expect(changesOf(moved, commit(7)).originOf(at(2, 9))).toEqual({ kind: 'old', place: at(1, 4) });
  });

  it('tells new rows, also when they were updated', () => {
    const changes = changesOf(
      heap(7, 'INSERT off 1 flags 0x00'),
      heap(7, 'HOT_UPDATE off 1 xmax 7 flags 0x00 ; new off 2 xmax 0'),
      commit(7),
    );
    expect(changes.originOf(at(2))).toEqual({ kind: 'new' });
  });

  it('names rows from before that are gone: once, and not what it wrote itself', () => {
    const changes = changesOf(
      heap(7, 'DELETE off 1 flags 0x00 KEYS_UPDATED '),
      heap(7, 'INSERT off 5 flags 0x00'),
      heap(7, 'DELETE off 5 flags 0x00 KEYS_UPDATED '),
      heap(7, 'UPDATE off 2 xmax 7 flags 0x00 ; new off 6 xmax 0'),
      heap(7, 'DELETE off 6 flags 0x00 KEYS_UPDATED '),
      heap(8, 'DELETE off 3 flags 0x00 KEYS_UPDATED '),
      commit(7),
    );
    expect(changes.removed.map(({ origin }) => origin)).toEqual([
      { kind: 'old', place: at(1) },
      { kind: 'old', place: at(2) },
    ]);
  });

  it('is not sure of a page into which rows were copied, unless it says where they lie', () => {
    const unsaid = changesOf(
      record('Heap2', 7, `MULTI_INSERT 3 tuples flags 0x02, blkref #0: rel ${T} blk 0`),
    );
    expect(unsaid.originOf(at(2)).kind).toBe('unsure');
    const begun = changesOf(
      record('Heap2', 7, `MULTI_INSERT+INIT 3 tuples flags 0x02, blkref #0: rel ${T} blk 0`),
    );
    expect([begun.originOf(at(3)).kind, begun.originOf(at(4)).kind]).toEqual(['new', 'old']);
    const said = changesOf(
      record('Heap2', 7, `MULTI_INSERT ntuples: 2, flags: 0x02, offsets: [4, 5], blkref #0: rel ${T} blk 0`),
    );
    expect([said.originOf(at(4)).kind, said.originOf(at(6)).kind]).toEqual(['new', 'old']);
  });

  it('takes of what was before it only what those wrote that it commits', () => {
    const gathering = gatherChanges();
    gathering.addEarlier(heap(7, 'INSERT off 1 flags 0x00', 1), new Set([7]));
    gathering.addEarlier(heap(6, 'INSERT off 1 flags 0x00', 2), new Set([7]));
    gathering.add(commit(7));
    expect([...(gathering.end().pages.get(T) ?? [])]).toEqual([1]);
  });
});
