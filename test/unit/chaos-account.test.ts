import { describe, expect, it } from 'vitest';
import { asEpoch, asWall } from '#core/brand.js';
import type { LedgerEntry, LossAccount } from '#core/ledger.js';
import { reason } from '#core/reasons.js';
import { unaccounted } from '#test/chaos/account.js';
import { MARIADB, POSTGRES } from '#test/cluster/engines.js';
import type { Attempt } from '#test/load/appenders.js';

/** Written in turn by one writer, each while the log ended at that position; the clock says the same. */
const writes: readonly Attempt[] = [0x100, 0x200, 0x300].map((lsn, i) => ({
  ...{
    writer: 1,
    key: 1,
    value: i + 1,
    server: 'ada',
    line: 1,
    place: i,
    outcome: 'ok' as const,
    confirmedBy: 0,
  },
  ...{ began: lsn, ended: lsn + 1, logEnd: `0/${lsn.toString(16).toUpperCase()}` },
}));

const entry = (loss: LossAccount, at = 0x1000): LedgerEntry => ({
  ...{ cluster: 'c', epoch: asEpoch(2n), kind: 'failover', leader: 'ben', previousLeader: 'ada' },
  ...{ at: asWall(performance.timeOrigin + at), controller: 'one', term: '0.1', reason: reason('ADOPTED') },
  ...{
    candidates: [],
    tail: { kind: 'not-needed' },
    identifiers: undefined,
    salvaged: [],
    loss,
    phases: [],
    outcome: 'proved',
  },
});
const after = (lsn: bigint): LossAccount => ({
  kind: 'at-most',
  after: { ...{ engine: 'postgres', dataId: '7', timeline: 1, lsn }, forks: [], marks: [] },
  atLeastBytes: 0n,
});
const outside = (lost: readonly number[], ...ledger: readonly LedgerEntry[]): readonly number[] =>
  unaccounted(POSTGRES, writes, new Set(lost), ledger, new Set([1, 2, 3]));

describe('a missing write', () => {
  it('is accounted for where the ledger says that it may be missing', () => {
    expect(outside([], entry({ kind: 'none' }))).toEqual([]);
    expect(outside([2, 3], entry({ kind: 'none' }), entry(after(0x210n)))).toEqual([]);
    expect(outside([3], entry({ kind: 'unknown', text: '' }))).toEqual([]);
  });

  it('is not, where no entry says so', () => {
    expect(outside([3])).toEqual([3]);
    expect(outside([3], entry({ kind: 'none' }))).toEqual([3]);
  });

  it('is not, where it had been committed by the position that the entry names', () => {
    expect(outside([1, 2], entry(after(0x200n)))).toEqual([1]);
  });

  it('is not, where the old leader took it after the entry was written', () => {
    expect(outside([2, 3], entry(after(0x100n), 0x2ff))).toEqual([3]);
    expect(outside([3], entry({ kind: 'unknown', text: '' }, 0x2ff))).toEqual([3]);
  });

  it('is not, where it lies in no salvage of an engine that makes them', () => {
    const ledger = [entry(after(0x100n))];
    expect(unaccounted(POSTGRES, writes, new Set([2, 3]), ledger, new Set([3]))).toEqual([2]);
    expect(unaccounted(POSTGRES, writes, new Set([2, 3]), ledger, undefined)).toEqual([]);
  });
});

describe('a missing write on MariaDB', () => {
  it('is held against the transactions that its log had before the next write of the same writer', () => {
    const past = (logEnd: string, ...gtids: readonly [server: number, sequence: bigint][]) =>
      MARIADB.isPast(logEnd, {
        ...{ engine: 'mariadb', dataId: '7', lines: [], marks: [] },
        gtids: gtids.map(([server, sequence]) => ({ domain: 0, server, sequence })),
      });
    expect(past('0-3306-12', [3306, 11n])).toBe(true);
    expect(past('0-3306-11', [3306, 11n])).toBe(false);
    expect(past('0-3306-9', [3306, 11n])).toBe(false);
    expect(past('not a position', [3306, 11n])).toBeUndefined();
  });
});

describe('a salvaged write', () => {
  it('is one that somebody may have been told was written', () => {
    const [first, second, third] = writes;
    const attempts = [
      { ...first, outcome: 'unknown' },
      { ...second, outcome: 'failed' },
      { ...third, outcome: 'ok' },
    ] as Attempt[];
    expect(unaccounted(POSTGRES, attempts, new Set(), [], new Set([1, 3]))).toEqual([]);
    expect(unaccounted(POSTGRES, attempts, new Set(), [], new Set([1, 2, 3, 4]))).toEqual([2, 4]);
  });
});
