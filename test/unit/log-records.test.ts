import { describe, expect, it } from 'vitest';
import {
  commitOf,
  isOlder,
  type LogRecord,
  nextXidIn,
  offsetsOf,
  pagesOf,
  parseRecord,
} from '#agent/engines/postgres/log-records.js';

const head = (manager: string, xid: number): string =>
  `rmgr: ${manager.padEnd(11)} len (rec/tot):     54/  1710, tx: ${String(xid).padStart(10)}, lsn: 1/01564468, prev 1/01562438, desc: `;
const record = (manager: string, text: string, xid = 725): LogRecord => {
  const parsed = parseRecord(head(manager, xid) + text);
  if (parsed === undefined) throw new Error(`no record: ${text}`);
  return parsed;
};

describe('a record of the log', () => {
  it('is told by one line', () => {
    expect(
      record('Heap', 'INSERT+INIT off 1 flags 0x00, blkref #0: rel 1663/5/16385 blk 3 FPW'),
    ).toMatchObject({
      ...{ manager: 'Heap', kind: 'INSERT', beginsPage: true, xid: 725, bytes: 1710 },
      ...{ lsn: 0x1_0156_4468n, previous: 0x1_0156_2438n },
    });
    expect(
      parseRecord('pg_waldump: first record is after 0/1, at 0/28, skipping over 39 bytes'),
    ).toBeUndefined();
  });

  it('names pages, of the main fork', () => {
    const text = 'UPDATE off 3 xmax 726 flags 0x00 ; new off 31 xmax 0';
    const refs =
      ', blkref #0: rel 1663/5/16385 blk 3, blkref #1: rel 1663/5/16385 fork vm blk 0, blkref #2: rel 1663/5/16385 blk 9';
    expect([...pagesOf(record('Heap', text + refs))]).toEqual([
      [0, { relation: '1663/5/16385', block: 3 }],
      [2, { relation: '1663/5/16385', block: 9 }],
    ]);
  });

  it.each([
    ['15', 'INSERT off 30 flags 0x00, blkref', { old: 30, created: [] }],
    ['16', 'INSERT off: 30, flags: 0x00, blkref', { old: 30, created: [] }],
    ['15', 'UPDATE off 3 xmax 726 flags 0x00 ; new off 31 xmax 0, blkref', { old: 3, created: [31] }],
    [
      '16',
      'HOT_UPDATE old_xmax: 726, old_off: 3, old_infobits: [], flags: 0x20, new_xmax: 0, new_off: 31, blkref',
      { old: 3, created: [31] },
    ],
    ['15', 'DELETE off 7 flags 0x00 KEYS_UPDATED , blkref', { old: 7, created: [] }],
    [
      '16',
      'DELETE xmax: 728, off: 7, infobits: [KEYS_UPDATED], flags: 0x00, blkref',
      { old: 7, created: [] },
    ],
    ['15', 'MULTI_INSERT 6 tuples flags 0x02, blkref', { old: undefined, created: [] }],
    [
      '15, a new page',
      'MULTI_INSERT+INIT 3 tuples flags 0x02, blkref',
      { old: undefined, created: [1, 2, 3] },
    ],
    [
      '16',
      'MULTI_INSERT ntuples: 3, flags: 0x02, offsets: [4, 5, 9], blkref',
      { old: undefined, created: [4, 5, 9] },
    ],
  ])('names line pointers, in the words of version %s: %s', (_, text, offsets) => {
    expect(offsetsOf(record('Heap', text))).toEqual(offsets);
  });

  it('commits transactions, and parts of them', () => {
    const text =
      'COMMIT 2026-11-29 09:50:25.106057 UTC; rels: base/5/16415 base/5/16414; subxacts: 733 734; inval msgs: catcache 55';
    expect(commitOf(record('Transaction', text, 731))).toEqual({
      ...{ xid: 731, parts: [733, 734], at: '2026-11-29 09:50:25.106057' },
      dropped: ['base/5/16415', 'base/5/16414'],
    });
    expect(
      commitOf(record('Transaction', 'COMMIT_PREPARED 742: 2026-11-29 09:50:25.106057 UTC', 0)),
    ).toMatchObject({ xid: 742 });
    expect(commitOf(record('Transaction', 'ABORT 2026-11-29 09:50:25.121883 UTC'))).toBeUndefined();
  });

  it('tells which number the next transaction would have got', () => {
    expect(
      nextXidIn(
        record('Standby', 'RUNNING_XACTS nextXid 749 latestCompletedXid 747 oldestRunningXid 748', 0),
      ),
    ).toBe(749);
    expect(
      nextXidIn(
        record('XLOG', 'CHECKPOINT_ONLINE redo 0/1; tli 1; prev tli 1; fpw true; xid 0:735; oid 24576;', 0),
      ),
    ).toBe(735);
    expect(nextXidIn(record('Heap', 'INSERT off 30 flags 0x00'))).toBeUndefined();
  });

  it('has a number that goes round', () => {
    expect([isOlder(3, 4), isOlder(4, 3), isOlder(4, 4)]).toEqual([true, false, false]);
    expect([isOlder(4_294_967_290, 5), isOlder(5, 4_294_967_290)]).toEqual([true, false]);
  });
});
