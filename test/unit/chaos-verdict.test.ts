/** What the chaos suite says of a run, held against runs that were made up to be wrong. */
import { describe, expect, it } from 'vitest';
import type { Fault } from '#test/chaos/faults/fault.js';
import type { Finding } from '#test/history/append-history.js';
import type { Measured, Observed } from '#test/chaos/run.js';
import type { Lacks } from '#test/cluster/engines/kit.js';
import { whatIsWrong } from '#test/chaos/verdict.js';

const FAULT: Fault = { what: 'none', ends: 'another leader', strike: () => () => undefined };
const WELL: Measured = {
  ...{ outageMs: 900, acknowledged: 1000, ackedLost: 0, forked: 0, doublyAccepted: 0, otherwiseWrong: 0 },
  ...{ refused: 0, convergedMs: 4000, leaderChanged: true, unaccounted: 0, salvaged: 0 },
};

const LOST: Finding = { kind: 'lost', key: 1, value: 7, text: 'value 7 was acknowledged and is missing' };

const observed = (measured: Partial<Measured>): Observed => ({
  ...{ leader: 'ada', moments: [], attempts: [], findings: [], ledger: [], logs: [], broken: undefined },
  stoodStillMs: 0,
  measured: { ...WELL, ...measured },
});

const wrong = (
  measured: Partial<Measured>,
  fault: Partial<Fault> = {},
  durability: 'async' | 'strict' = 'strict',
): string | undefined => whatIsWrong(observed(measured), { ...FAULT, ...fault }, durability)?.what;

describe('a run', () => {
  it('is as promised', () => {
    expect(wrong({})).toBeUndefined();
    expect(wrong({ refused: 7 })).toBeUndefined();
  });

  it('that lost what was confirmed is wrong; without confirmation only where the old leader answered, or nobody said it', () => {
    expect(wrong({ ackedLost: 1 })).toContain('missing');
    expect(wrong({ ackedLost: 1 }, {}, 'async')).toBeUndefined();
    expect(wrong({ ackedLost: 1 }, { agentAnswers: true }, 'async')).toContain('missing');
    expect(wrong({ ackedLost: 1, unaccounted: 1 }, {}, 'async')).toContain('ledger');
  });

  it('where clients confirm their own writes is wrong if one of those is missing, but for faults that two confirmations are needed for', () => {
    const redis = { clientsConfirm: true, lacks: {} } as const;
    const told = (measured: Partial<Measured>, fault: Partial<Fault> = {}): string | undefined =>
      whatIsWrong(observed(measured), { ...FAULT, ...fault }, 'async', redis)?.what;
    expect(told({ ackedLost: 3, confirmedLost: 1 })).toContain('confirmed');
    expect(told({ ackedLost: 3, confirmedLost: 1 }, { stallsUnder: ['strict'] })).toBeUndefined();
    expect(told({ ackedLost: 3, confirmedLost: 0 })).toBeUndefined();
  });

  it('may lack what a leader had in memory only, where its process ends', () => {
    const fault: Fault = { ...FAULT, agentAnswers: true, endsServer: true };
    const told = (of: Fault, lacks: Lacks): string | undefined =>
      whatIsWrong(observed({ ackedLost: 1 }), of, 'async', { lacks })?.what;
    expect(told(fault, { logOutlivesServer: 'it is in memory' })).toBeUndefined();
    expect(told(fault, {})).toContain('missing');
    expect(told({ ...FAULT, agentAnswers: true }, { logOutlivesServer: 'it is in memory' })).toContain(
      'missing',
    );
  });

  it('with two leaders at once is wrong under every durability', () => {
    expect(wrong({ doublyAccepted: 1 })).toContain('two leaders');
    expect(wrong({ doublyAccepted: 1 }, {}, 'async')).toContain('two leaders');
  });

  it('whose history cannot be is wrong', () => {
    expect(wrong({ otherwiseWrong: 1 }, {}, 'async')).toContain('cannot be');
  });

  it('with a needless failover, or one that clients noticed and should not have, is wrong', () => {
    expect(wrong({}, { ends: 'the same leader' })).toContain('no reason');
    expect(wrong({ refused: 1 }, { unnoticed: true })).toContain('noticed');
  });

  it('is never excused by a machine that stood still where writes are at stake, even beside a needless failover', () => {
    const unsafe = whatIsWrong(observed({ ackedLost: 1 }), { ...FAULT, ends: 'the same leader' }, 'strict');
    expect(unsafe?.isUntimely).toBe(false);
    expect(whatIsWrong(observed({}), { ...FAULT, ends: 'the same leader' }, 'strict')?.isUntimely).toBe(true);
  });

  it('that did not come to its end is wrong', () => {
    expect(
      whatIsWrong({ ...observed({}), measured: undefined, broken: 'no writes' }, FAULT, 'async'),
    ).toEqual({ what: 'no writes', isUntimely: true });
    const lost = { ...observed({}), measured: undefined, broken: 'no writes', findings: [LOST] };
    expect(whatIsWrong(lost, FAULT, 'strict')?.isUntimely).toBe(false);
    expect(whatIsWrong(lost, FAULT, 'async')?.isUntimely).toBe(true);
  });
});
