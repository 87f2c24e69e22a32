import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asEpoch } from '#core/brand.js';
import { type Comparison, comparePositions, formatPosition, isOnSameLine, logAhead } from '#core/position.js';
import {
  compareGtidSets,
  countGtids,
  formatGtidSet,
  type GtidSet,
  parseGtidSet,
  subtractGtids,
  uniteGtids,
} from '#core/positions/gtid-set.js';
import { MOST_LINES } from '#core/positions/lines.js';
import { type MysqlPosition, sharedGtids } from '#core/positions/mysql.js';
import { DATA_ID, mariadbPosition, mysqlPosition, serverOf } from '#test/scenarios/build.js';
import { gtidSets } from '#test/unit/arbitraries.js';
import {
  deeds,
  type Log,
  logsAfter,
  type Numbering,
  openingsOf,
  startsWith,
  truth,
} from '#test/unit/histories.js';

const OPPOSITE = { ahead: 'behind', behind: 'ahead', equal: 'equal', diverged: 'diverged' } as const;
const [A, B] = [serverOf('a'), serverOf('b')];

const read = (text: string): GtidSet => {
  const set = parseGtidSet(text);
  if (set === undefined) throw new Error(`${text}: no set of transactions`);
  return set;
};

describe('sets of transactions', () => {
  it('are read and written without loss', () => {
    fc.assert(
      fc.property(gtidSets, (set) => {
        expect(parseGtidSet(formatGtidSet(set))).toEqual(set);
      }),
    );
  });

  it.each([
    [`${A}:1-5`, `${A}:1-5`],
    [`${A.toUpperCase()}:5-7:1-3:4,\n${B}:9`, `${A}:1-7,${B}:9`],
    [`${B}:1,${A}:1,${B}:2`, `${A}:1,${B}:1-2`],
    [`${A}:1-5:8:Nightly:1-3:6:other:2`, `${A}:1-5:8:nightly:1-3:6:other:2`],
    [`${A}:other:2:nightly:1:other:3`, `${A}:nightly:1:other:2-3`],
    [`${A}:9223372036854775806`, `${A}:9223372036854775806`],
    ['', ''],
    [' \n', ''],
  ])('read from %j are written %j', (text, written) => {
    expect(formatGtidSet(read(text))).toBe(written);
  });

  it.each([
    ...[',', A, `${A}:`, `${A}:0`, `${A}:5-3`, `${A}:1-`, `${A}:-1`, `${A}:1-2-3`, `${A}:1,`, `${A}::1`],
    ...[`${A}:tag`, `${A}:tag:other:1`, `${A}:1:tag`, `${A}:9223372036854775807`, `${A}:1e3`, `${A}:0x1`],
    ...[`${A}:1.5`, `${A.slice(1)}:1`, `${A}:${'t'.repeat(33)}:1`, '0-1-5', '1/2A', `${A} 1`],
  ])('are not read from %j', (text) => {
    expect(parseGtidSet(text)).toBeUndefined();
  });

  const small = fc
    .array(fc.tuple(fc.constantFrom(A, B, `${A}:tag`), fc.integer({ min: 1, max: 12 })), { maxLength: 15 })
    .map((members) => new Set(members.map(([origin, number]) => `${origin}:${number}`)));
  const setOf = (members: Iterable<string>): GtidSet =>
    [...members].reduce<GtidSet>((set, one) => uniteGtids(set, read(one)), []);

  it('are united, subtracted, counted and compared as sets of single transactions are', () => {
    fc.assert(
      fc.property(small, small, (a, b) => {
        const [one, other] = [setOf(a), setOf(b)];
        const [onlyA, onlyB] = [[...a].filter((each) => !b.has(each)), [...b].filter((each) => !a.has(each))];
        expect(uniteGtids(one, other)).toEqual(setOf([...a, ...b]));
        expect(subtractGtids(one, other)).toEqual(setOf(onlyA));
        expect(countGtids(one)).toBe(BigInt(a.size));
        const stands =
          onlyA.length > 0
            ? onlyB.length > 0
              ? 'diverged'
              : 'ahead'
            : onlyB.length > 0
              ? 'behind'
              : 'equal';
        expect(compareGtidSets(one, other)).toBe(stands);
      }),
    );
  });
});

/** Servers count what they have written themselves: whoever gets another's data goes on from what is in that. */
interface Gtid {
  readonly server: string;
  readonly tag: string;
  readonly number: bigint;
}

const TAGS = ['', 'tag'];
const NUMBERS: Numbering<Gtid, GtidSet> = {
  next(log, member, domain) {
    const [server, tag] = [serverOf('abc'[member]!), TAGS[domain]!];
    const own = log.filter(({ gtid }) => gtid.server === server && gtid.tag === tag);
    return { server, tag, number: BigInt(own.length) + 1n };
  },
  standing: setOfLog,
  server: (member) => serverOf('abc'[member]!),
};

function setOfLog(log: Log<Gtid, GtidSet>): GtidSet {
  return log.reduce<GtidSet>(
    (set, { gtid: { server, tag, number } }) =>
      uniteGtids(set, [{ server, tag, intervals: [{ first: number, last: number }] }]),
    [],
  );
}

const positionOf = (log: Log<Gtid, GtidSet>): MysqlPosition => ({
  ...{ engine: 'mysql', dataId: DATA_ID, gtids: setOfLog(log) },
  ...(openingsOf(log) as Pick<MysqlPosition, 'lines' | 'marks'>),
});

describe('positions of MySQL', () => {
  const at = mysqlPosition;

  it.each<[a: string, stands: Comparison, b: string]>([
    ['a:1-100 1@', 'equal', 'a:1-100 1@'],
    ['a:1-101 1@', 'ahead', 'a:1-100 1@'],
    ['a:1-99:101 1@', 'behind', 'a:1-101 1@'],
    [' ', 'behind', 'a:1'],
    ['a:1-100:nightly:1 1@', 'ahead', 'a:1-100 1@'],
    ['a:1-120 1@', 'behind', 'a:1-120,b:1 1@ 2@a:1-120'],
    ['a:1-99 1@', 'behind', 'a:1-120,b:1-9 1@ 2@a:1-120'],
    ['a:1-120,b:1-9 1@ 2@a:1-120', 'behind', 'a:1-120,b:1-9,c:1 1@ 2@a:1-120 3@a:1-120,b:1-9'],
    // brought to the leader from elsewhere, and replicated
    ['a:1-100,c:1-7 1:a@', 'behind', 'a:1-101,c:1-7 1:a@'],
  ])('%s is %s to %s', (a, stands, b) => {
    expect(comparePositions(at(a), at(b))).toBe(stands);
    expect(comparePositions(at(b), at(a))).toBe(OPPOSITE[stands]);
  });

  it.each([
    ['each has what the other lacks', 'a:1-100,b:1 1@', 'a:1-101 1@'],
    ['a replica wrote by itself, and its leader nothing since', 'a:1-100,b:1 1:a@', 'a:1-100 1:a@'],
    ['a replica wrote by itself, and has all else', 'a:1-100,b:1 1:a@', 'a:1-99 1:a@'],
    ['one went on past where the other opening left', 'a:1-121 1@', 'a:1-120,b:1 1@ 2@a:1-120'],
    ['one has a number that was given twice', 'a:1-121 1@', 'a:1-130,b:1 1@ 2:b@a:1-120 3:a@a:1-120,b:1'],
    ['an opening of one began elsewhere', 'a:1-130 1@ 2@a:1-120', 'a:1-130 1@ 2@a:1-119'],
    ['another server was opened', 'a:1-130 1@ 2:b@a:1-120', 'a:1-130 1@ 2:c@a:1-120'],
  ])('are diverged where %s: %s and %s', (_, a, b) => {
    expect(comparePositions(at(a), at(b))).toBe('diverged');
    expect(comparePositions(at(b), at(a))).toBe('diverged');
  });

  it('one without any opening is behind only where nothing was forgotten on the other side', () => {
    const many = (count: number): string =>
      `a:1-900 ${Array.from({ length: count }, (_, n) => `${n + 1}@a:1-${n + 100}`).join(' ')}`;
    expect(comparePositions(at('a:1-50'), at(many(MOST_LINES - 1)))).toBe('behind');
    expect(comparePositions(at('a:1-50'), at(many(MOST_LINES)))).toBe('diverged');
  });

  it('two openings of one epoch from one place are told apart by their marks', () => {
    const mark = (text: string) => [{ epoch: asEpoch(2n), mark: text }];
    const [one, other] = ['one', 'another'].map((text) => at('a:1-120,b:1 2@a:1-120', mark(text)));
    expect(one && other && comparePositions(one, other)).toBe('diverged');
  });

  it('other data, and another engine, is another history', () => {
    expect(comparePositions({ ...at('a:1 1@'), dataId: '9' }, at('a:1 1@'))).toBe('diverged');
    expect(comparePositions(at('a:1 1@'), mariadbPosition('0-1-1 1@'))).toBe('diverged');
    expect(comparePositions(mariadbPosition('0-1-1 1@'), at('a:1 1@'))).toBe('diverged');
    expect(isOnSameLine(mariadbPosition('0-1-1 1@'), at('a:1 1@'))).toBe(false);
  });

  it('are compared as the logs stand by what is in them, whoever wrote, opened, received and was rewound', () => {
    fc.assert(
      fc.property(deeds, (done) => {
        const logs = logsAfter(done, NUMBERS);
        for (const a of logs)
          for (const b of logs) {
            const stands = truth(a, b);
            const [one, other] = [positionOf(a), positionOf(b)];
            expect(comparePositions(one, other)).toBe(stands);
            const ahead = stands === 'diverged' ? undefined : BigInt(a.length - b.length);
            expect(logAhead(one, other)).toBe(ahead);
          }
      }),
      { numRuns: 1000 },
    );
  });

  it('tell what is shared with the history of the newest opening, whatever numbers were given twice', () => {
    fc.assert(
      fc.property(deeds, (done) => {
        const logs = logsAfter(done, NUMBERS);
        for (const own of logs)
          for (const leader of logs) {
            const opened = leader.findLastIndex(({ opening }) => opening !== undefined);
            if (opened === -1) continue;
            const theirs = leader.slice(0, opened + 1);
            const left = own.findIndex(({ opening }, index) =>
              // On the line of the opening all is its leader's, up to the next one.
              index > opened && startsWith(own, theirs)
                ? opening !== undefined
                : theirs[index] !== own[index],
            );
            const shared = own.slice(0, left === -1 ? own.length : left);
            expect(sharedGtids(positionOf(own), positionOf(theirs))).toEqual(setOfLog(shared));
          }
      }),
      { numRuns: 1000 },
    );
  });

  it.each([
    [
      'an old leader has what was there when its heir was opened',
      'a:1-10 1@',
      'a:1-8,b:1 1@ 2:b@a:1-8',
      'a:1-8',
    ],
    ['a replica that wrote by itself has all of its leader', 'a:1-12,c:1 1@', 'a:1 1@', 'a:1-12'],
    [
      'one that was opened, and never proved, has what was there before',
      'a:1-9,b:1-5 1@ 2:b@a:1-9',
      'a:1-9,c:1 1@ 3:c@a:1-9',
      'a:1-9',
    ],
    ['a number that was given twice is not the same', 'a:1-9 1@ 2@a:1-5', 'a:1-8 1@ 3@a:1-6', 'a:1-5'],
    [
      'one that follows has all that it has',
      'a:1-9,b:1-3 1@ 2:b@a:1-9',
      'a:1-9,b:1 1@ 2:b@a:1-9',
      'a:1-9,b:1-3',
    ],
    ['nothing was opened before', 'a:1-4,b:1', 'a:1-3 1@a:1-2', 'a:1-2'],
  ])('tell what is shared with another history: %s', (_, own, theirs, shared) => {
    expect(sharedGtids(at(own), at(theirs))).toEqual(at(shared).gtids);
  });

  it('are on one line where neither has an opening that the other lacks, and shown as MySQL writes them', () => {
    expect(isOnSameLine(at('a:1-130 1@ 2@a:1-120'), at('a:1-121 2@a:1-120'))).toBe(true);
    expect(isOnSameLine(at('a:1-120 1@'), at('a:1-121 1@ 2@a:1-120'))).toBe(false);
    expect(formatPosition(at('a:1-130 1@'))).toBe(`${A}:1-130`);
    expect(formatPosition(at(' '))).toBe('nothing yet');
  });
});
