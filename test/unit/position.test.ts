import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asEpoch } from '#core/brand.js';
import { chooseMostAdvanced } from '#core/choose.js';
import { comparePositions, formatLsn, marksAgree, parseLsn, type Position } from '#core/position.js';
import { rules } from '#core/rules/index.js';
import { opening, position } from '#test/scenarios/build.js';

const mark = (epoch: bigint, text: string) => ({ epoch: asEpoch(epoch), mark: text });

/** A log on a random tree of histories: each timeline forks from the one before it at a random place. */
const tree = fc
  .array(fc.integer({ min: 1, max: 100 }), { minLength: 1, maxLength: 5 })
  .map((steps) => steps.reduce<number[]>((ends, step) => [...ends, (ends.at(-1) ?? 0) + step], []));

function onTree(ends: readonly number[], timeline: number, lsn: number): Position {
  const forks = ends.slice(0, timeline - 1).map((end, i) => ({ timeline: i + 1, end: BigInt(end) }));
  return { ...position('1:0'), timeline, lsn: BigInt(lsn), forks };
}

describe('positions', () => {
  it('a longer log on the same line is ahead', () => {
    expect(comparePositions(position('1:200'), position('1:100'))).toBe('ahead');
  });
  it('a log that ends before the fork is behind the line that left it there', () => {
    expect(comparePositions(position('1:100'), position('2:150<1@120'))).toBe('behind');
  });
  it('a log that goes on past the fork has diverged, however short the other is', () => {
    expect(comparePositions(position('1:130'), position('2:125<1@120'))).toBe('diverged');
  });
  it('two openings that took the same timeline number are told apart by their marks', () => {
    const a = position('2:150<1@120', [mark(1n, 'x'), mark(2n, 'one')]);
    const b = position('2:150<1@120', [mark(1n, 'x'), mark(2n, 'another')]);
    expect(comparePositions(a, b)).toBe('diverged');
  });
  it('a member that has not applied the newest mark yet is not another history', () => {
    expect(
      comparePositions(position('1:90', [mark(1n, 'x')]), position('1:100', [mark(1n, 'x'), mark(2n, 'y')])),
    ).toBe('behind');
  });
  it('other data is another history', () => {
    expect(comparePositions({ ...position('1:1'), dataId: '9' }, position('1:1'))).toBe('diverged');
  });
  it('comparing is antisymmetric, and equal only to itself', () => {
    const opposite = { ahead: 'behind', behind: 'ahead', equal: 'equal', diverged: 'diverged' } as const;
    fc.assert(
      fc.property(tree, fc.nat(4), fc.nat(4), fc.nat(600), fc.nat(600), (ends, s, t, x, y) => {
        const a = onTree(ends, Math.min(s + 1, ends.length), x);
        const b = onTree(ends, Math.min(t + 1, ends.length), y);
        expect(comparePositions(b, a)).toBe(opposite[comparePositions(a, b)]);
      }),
    );
  });
  it('LSNs are read and written without loss in 64 bits', () => {
    fc.assert(
      fc.property(fc.bigInt({ min: 0n, max: 2n ** 64n - 1n }), (lsn) => parseLsn(formatLsn(lsn)) === lsn),
    );
  });
  it('forgotten old marks do not count as disagreement', () => {
    expect(marksAgree([mark(1n, 'a'), mark(2n, 'b')], [mark(2n, 'b'), mark(3n, 'c')])).toBe(true);
    expect(marksAgree([mark(1n, 'a'), mark(2n, 'b')], [mark(2n, 'z')])).toBe(false);
  });
});

describe('S2: ancestry', () => {
  const openings = [opening(1n, 'a', '1:50'), opening(4n, 'b', '4:130<1@120')];
  it.each([
    ['1:100', 'behind'],
    ['1:120', 'behind'],
    ['1:121', 'diverged'],
    ['4:500<1@120', 'behind'],
    ['5:500<1@120,4@400', 'ahead'],
  ])('a log at %s stands %s to the newest opening', (at, expected) => {
    expect(rules.S2(position(at), openings)).toBe(expected);
  });
  it('a mark that no proved opening wrote is another history', () => {
    expect(rules.S2(position('1:100', [mark(9n, 'x')]), openings)).toBe('diverged');
  });
  it('every epoch has a timeline of its own, also one that nobody heard of', () => {
    expect([5n, 6n, 7n].map((e) => rules.S2_timeline(asEpoch(e), openings))).toEqual([5, 6, 7]);
  });
});

describe('choosing', () => {
  const candidate = (member: string, at: string, more = {}) => ({
    member,
    position: position(at),
    isOldLeader: false,
    isEligible: true,
    priority: 0,
    backlogBytes: 0,
    waitSeconds: 0,
    ...more,
  });
  it('the chosen one holds all that any sealed member holds', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 6 }), (lsns) => {
        const chosen = chooseMostAdvanced(lsns.map((lsn, i) => candidate(`m${i}`, `1:${lsn}`)));
        expect(chosen.kind === 'chosen' && chosen.candidate.position.lsn).toBe(BigInt(Math.max(...lsns)));
      }),
    );
  });
  it('diverged histories stop the choice', () => {
    expect(chooseMostAdvanced([candidate('b', '1:130'), candidate('c', '2:125<1@120')])).toEqual({
      kind: 'diverged',
      pair: ['b', 'c'],
    });
  });
  it('between equals: the old leader, then priority, then backlog, then name', () => {
    const pick = (...all: ReturnType<typeof candidate>[]) => {
      const chosen = chooseMostAdvanced(all);
      return chosen.kind === 'chosen' ? chosen.candidate.member : chosen.kind;
    };
    expect(pick(candidate('b', '1:9'), candidate('a', '1:9'))).toBe('a');
    expect(pick(candidate('a', '1:9', { backlogBytes: 5 }), candidate('b', '1:9'))).toBe('b');
    expect(pick(candidate('a', '1:9', { priority: 1, waitSeconds: 15 }), candidate('b', '1:9'))).toBe('b');
    expect(pick(candidate('a', '1:9'), candidate('b', '1:9', { priority: 1, backlogBytes: 7 }))).toBe('b');
    expect(pick(candidate('a', '1:9', { priority: 9 }), candidate('b', '1:9', { isOldLeader: true }))).toBe(
      'b',
    );
  });
});
