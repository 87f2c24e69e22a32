import { describe, expect, it } from 'vitest';
import { asEpoch, asWall } from '#core/brand.js';
import type { LedgerEntry } from '#core/ledger.js';
import type { Position } from '#core/position.js';
import { reason } from '#core/reasons.js';
import { ledgerEntryToJson } from '#proto/codec/json.js';
import { renderHistory } from '#cli/history/render.js';
import { showHistory } from '#cli/history/show.js';
import type { Operator } from '#cli/operator.js';
import { plain } from '#cli/view/paint.js';

const at = (lsn: bigint): Position => ({
  engine: 'postgres',
  dataId: '7',
  timeline: 1,
  lsn,
  forks: [],
  marks: [],
});

const failover: LedgerEntry = {
  cluster: 'orders',
  epoch: asEpoch(4n),
  kind: 'failover',
  leader: 'orders-2',
  previousLeader: 'orders-1',
  at: asWall(Date.UTC(2026, 4, 4, 3, 2, 1, 123)),
  controller: 'c1',
  term: '0.42',
  reason: reason('DATABASE_CRASHED', { leader: 'orders-1' }),
  candidates: [
    {
      member: 'orders-2',
      position: at(0x3000148n),
      compared: 'equal',
      verdict: 'chosen',
      reason: reason('MOST_ADVANCED', { position: 'timeline 1 0/3000148' }),
    },
    {
      member: 'orders-3',
      position: at(0x3000100n),
      compared: 'behind',
      verdict: 'passed-over',
      reason: reason('LESS_ADVANCED'),
    },
    {
      member: 'orders-4',
      position: undefined,
      compared: undefined,
      verdict: 'silent',
      reason: reason('NOT_SEALED'),
    },
  ],
  tail: { kind: 'taken', from: 'orders-1', bytes: 12_595 },
  loss: { kind: 'none' },
  salvaged: [],
  identifiers: undefined,
  phases: [
    { phase: 'suspected', ms: 12 },
    { phase: 'sealed', ms: 31 },
    { phase: 'tail', ms: 70 },
    { phase: 'committed', ms: 78 },
    { phase: 'proved', ms: 141 },
  ],
  outcome: 'proved',
};

const adopted: LedgerEntry = {
  ...failover,
  epoch: asEpoch(1n),
  kind: 'adopt',
  leader: 'orders-1',
  previousLeader: undefined,
  reason: reason('ADOPTED', { by: 'maria@db1' }),
  candidates: [],
  tail: { kind: 'not-needed' },
  phases: [],
  outcome: 'pending',
};

const lines = (...entries: readonly LedgerEntry[]): readonly string[] =>
  renderHistory(entries, plain).split('\n');

describe('an entry', () => {
  it('tells a failover from the first sign to the proof', () => {
    expect(lines(failover)).toEqual([
      'epoch 4  2026-05-04 03:02:01.123Z  failover  orders-1 → orders-2  proved',
      "  reason       the leader's database process is gone (leader=orders-1)",
      '  decided by   c1, term 0.42',
      '  candidates   orders-2  timeline 1 0/3000148  equal   chosen       its log is the most advanced of the sealed',
      '               orders-3  timeline 1 0/3000100  behind  passed-over  its log is behind that of the chosen member',
      '               orders-4  no position           -       silent       it did not answer the seal in time',
      '  tail         12.3 KiB taken from orders-1',
      '  loss         none',
      '  phases (ms)  suspected 12 → sealed 31 → tail 70 → committed 78 → proved 141',
      '',
    ]);
  });

  it('of the beginning has neither candidates nor phases', () => {
    expect(lines(adopted)).toEqual([
      'epoch 1  2026-05-04 03:02:01.123Z  adopt  leader orders-1  pending',
      '  reason       an operator took the running cluster into care (by=maria@db1)',
      '  decided by   c1, term 0.42',
      '  tail         not needed',
      '  loss         none',
      '',
    ]);
  });

  it('names who leads as the kind of it asks for', () => {
    const titles = (['switchover', 'reopen', 'renew', 'restore'] as const).map((kind) => {
      const leader = kind === 'switchover' ? 'orders-2' : 'orders-1';
      return lines({ ...failover, kind, leader })[0];
    });
    expect(titles).toEqual([
      'epoch 4  2026-05-04 03:02:01.123Z  switchover  orders-1 → orders-2  proved',
      'epoch 4  2026-05-04 03:02:01.123Z  reopen  orders-1 again  proved',
      'epoch 4  2026-05-04 03:02:01.123Z  renew  orders-1 goes on  proved',
      'epoch 4  2026-05-04 03:02:01.123Z  restore  orders-1 goes on, etcd was restored  proved',
    ]);
  });

  it('tells where what was lost is saved', () => {
    const saved = { member: 'orders-1', name: '4-1-0_2FA0', transactions: 3, rows: 7, bytes: 5000 };
    expect(lines({ ...failover, salvaged: [saved, { ...saved, member: 'orders-3' }] })).toEqual(
      expect.arrayContaining([
        expect.stringMatching(/^ {2}saved +3 transactions, 7 rows at orders-1: tanist salvage show \S+ \d+$/),
        expect.stringMatching(/^ +3 transactions, 7 rows at orders-3: /),
      ]),
    );
  });

  it('tells what may be lost, and what is known of it', () => {
    const tail = { kind: 'failed', text: 'no answer within 1000 ms' } as const;
    const lost = (loss: LedgerEntry['loss']): readonly string[] => lines({ ...failover, tail, loss });
    const atMost = (atLeastBytes: bigint): readonly string[] =>
      lost({ kind: 'at-most', after: at(0x2fa0n), atLeastBytes });
    expect(atMost(5000n)).toEqual(
      expect.arrayContaining([
        '  tail         not fetched: no answer within 1000 ms',
        '  loss         at most what was written after timeline 1 0/2FA0, of which 4.9 KiB are known',
      ]),
    );
    expect(atMost(0n)).toContain('  loss         at most what was written after timeline 1 0/2FA0');
    const exactly = (transactions: number): readonly string[] =>
      lost({ kind: 'exactly', after: at(0x2fa0n), transactions, rows: 7, bytes: 5000 });
    expect(exactly(3)).toContain(
      '  loss         3 transactions, 7 rows: what was written after timeline 1 0/2FA0, 4.9 KiB of log',
    );
    expect(exactly(0)).toContain('  loss         none: the old leader is back, and had nothing else');
    expect(lost({ kind: 'unknown', text: 'writes may be missing' })).toContain(
      '  loss         not known: writes may be missing',
    );
  });

  it('stands apart from the next by an empty line', () => {
    expect(lines(failover, adopted).filter((line) => line === '' || line.startsWith('epoch'))).toEqual([
      expect.stringMatching(/^epoch 4/),
      '',
      expect.stringMatching(/^epoch 1/),
      '',
    ]);
  });
});

describe('the command', () => {
  async function show(texts: readonly string[], json: boolean): Promise<string> {
    const out: string[] = [];
    const operator: Operator = {
      history: (controllers, cluster, limit) => {
        expect([controllers, cluster, limit]).toEqual([['a'], 'orders', 5]);
        return Promise.resolve(texts);
      },
      status: () => Promise.reject(new Error('not asked for')),
      operate: () => Promise.reject(new Error('not asked for')),
    };
    const terminal = {
      print: (text: string) => void out.push(text),
      tell: () => undefined,
      ask: undefined,
      isInteractive: false,
      hasColours: false,
      rows: () => 24,
    };
    await showHistory({ controllers: ['a'], cluster: 'orders', limit: 5, json }, operator, terminal);
    return out.join('');
  }

  it('shows entries in the order in which they come', async () => {
    expect(await show([failover, adopted].map(ledgerEntryToJson), false)).toBe(
      renderHistory([failover, adopted], plain),
    );
  });

  it('prints them as one array with --json, as they were stored', async () => {
    const texts = [ledgerEntryToJson(failover), '{"epoch":9,"unknown":true}'];
    expect(JSON.parse(await show(texts, true))).toEqual(texts.map((text): unknown => JSON.parse(text)));
    expect(await show([], true)).toBe('[]\n');
    expect(await show([], false)).toBe('nothing is recorded of cluster orders\n');
  });

  it('says what to do about an entry of a newer version', async () => {
    await expect(show(['{"epoch":9}'], false)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      next: expect.stringContaining('newer version'),
    });
  });
});
