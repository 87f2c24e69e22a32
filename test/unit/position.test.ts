import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asEpoch } from '#core/brand.js';
import { chooseMostAdvanced } from '#core/choose.js';
import {
  type Comparison,
  comparePositions,
  formatPosition,
  isOnSameLine,
  logAhead,
  type Mark,
  marksAgree,
  ofEngine,
  type Position,
} from '#core/position.js';
import { type LineagePosition, MOST_FORKS, UNKNOWN } from '#core/positions/lineage.js';
import {
  compareGtids,
  formatGtids,
  type Gtid,
  type GtidLine,
  isShared,
  type MariadbPosition,
  parseGtids,
  MOST_LINES,
} from '#core/positions/mariadb.js';
import { formatLsn, parseLsn } from '#core/positions/postgres.js';
import { rules } from '#core/rules/index.js';
import { DATA_ID, lineagePosition, mariadbPosition, opening, position } from '#test/scenarios/build.js';
import { gtids } from '#test/unit/arbitraries.js';
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
    fc.assert(
      fc.property(tree, fc.nat(4), fc.nat(4), fc.nat(600), fc.nat(600), (ends, s, t, x, y) => {
        const a = onTree(ends, Math.min(s + 1, ends.length), x);
        const b = onTree(ends, Math.min(t + 1, ends.length), y);
        expect(comparePositions(b, a)).toBe(OPPOSITE[comparePositions(a, b)]);
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

type MariadbLog = Log<Gtid, readonly Gtid[]>;

const MARIADB_NUMBERS: Numbering<Gtid, readonly Gtid[]> = {
  next(log, member, domain) {
    const { sequence } = newest(log).find((gtid) => gtid.domain === domain) ?? { sequence: 0n };
    return { domain, server: member, sequence: sequence + 1n };
  },
  standing: newest,
  server: (member) => member,
};

function newest(log: MariadbLog): readonly Gtid[] {
  return [0, 1].flatMap((domain) => log.findLast(({ gtid }) => gtid.domain === domain)?.gtid ?? []);
}

const mariadbPositionOf = (log: MariadbLog): MariadbPosition => ({
  ...{ engine: 'mariadb', dataId: DATA_ID, gtids: newest(log) },
  ...(openingsOf(log) as Pick<MariadbPosition, 'lines' | 'marks'>),
});

describe('positions of MariaDB', () => {
  const at = mariadbPosition;

  it.each<[a: string, stands: Comparison, b: string]>([
    ['0-1-100 1@', 'equal', '0-1-100 1@'],
    ['0-1-101 1@', 'ahead', '0-1-100 1@'],
    ['0-1-99 1@', 'behind', '0-1-100 1@'],
    [' 1@', 'behind', '0-1-1 1@'],
    ['0-1-100,7-1-1 1@', 'ahead', '0-1-100 1@'],
    ['0-1-18446744073709551615 1@', 'ahead', '0-1-18446744073709551614 1@'],
  ])('on one line %s is %s to %s', (a, stands, b) => {
    expect(comparePositions(at(a), at(b))).toBe(stands);
    expect(comparePositions(at(b), at(a))).toBe(OPPOSITE[stands]);
  });

  it.each([
    ['two domains point in opposite directions', '0-1-100,1-1-7 1@', '0-1-101,1-1-6 1@'],
    ['each has a domain that the other lacks', '0-1-100,1-1-7 1@', '0-1-100,2-1-7 1@'],
    ['another server wrote the same number', '0-1-100 1@', '0-2-100 1@'],
    ['another server wrote the same number of one domain', '0-1-100,1-1-7 1@', '0-1-101,1-2-7 1@'],
    ['one went on past where the other opening left', '0-1-121 1@', '0-2-500 1@ 2@0-1-120'],
    ['one stands where it left, by a transaction of another server', '0-3-120 1@', '0-2-500 1@ 2@0-1-120'],
    ['one has a domain that did not exist yet where it left', '0-1-100,1-1-1 1@', '0-2-500 1@ 2@0-1-120'],
    ['one went on in a single domain', '0-1-119,1-1-8 1@', '0-2-500,1-2-9 1@ 2@0-1-120,1-1-7'],
    ['one went on past where the first of two left', '0-1-130 1@', '0-3-500 1@ 2@0-1-120 3@0-2-140'],
    ['one has an opening that the other went past', '0-2-130 1@ 2@0-1-120', '0-3-500 1@ 3@0-1-125'],
    ['an unseen first opening left before the other', '0-1-101 1@0-9-100', '0-9-111 2@0-9-110'],
    ['an opening of one began elsewhere', '0-2-130 1@ 2@0-1-120', '0-2-130 1@ 2@0-1-119'],
    ['an opening of one began behind another server', '0-2-130 1@ 2@0-1-120', '0-2-130 1@ 2@0-3-120'],
  ])('are diverged where %s: %s and %s', (_, a, b) => {
    expect(comparePositions(at(a), at(b))).toBe('diverged');
    expect(comparePositions(at(b), at(a))).toBe('diverged');
  });

  it.each([
    ['0-1-99 1@', '0-2-500 1@ 2@0-1-120'],
    ['0-1-120 1@', '0-2-121 1@ 2@0-1-120'],
    ['0-1-120 1@', '0-3-500 1@ 2@0-1-120 3@0-2-140'],
    ['0-2-140 1@ 2@0-1-120', '0-3-500 1@ 2@0-1-120 3@0-2-140'],
    ['0-9-30', '0-1-100 1@0-9-40'],
    ['', '0-1-100 1@0-9-40'],
    ['0-1-100 2@0-9-40', '0-1-200 1@ 2@0-9-40 3@0-1-100'],
  ])('a log at %s, which had got no further than where the next opening began, is behind %s', (a, b) => {
    expect(comparePositions(at(a), at(b))).toBe('behind');
    expect(comparePositions(at(b), at(a))).toBe('ahead');
  });

  it('a log that goes on past another opening has diverged, though its number is the smaller one', () => {
    expect(comparePositions(at('0-1-130 1@'), at('0-2-125 1@ 2@0-1-120'))).toBe('diverged');
    expect(comparePositions(at('0-1-121 1@'), at('0-2-125 1@ 2@0-1-120'))).toBe('diverged');
  });

  it('what the leader of a line never wrote is another history, also where the numbers agree', () => {
    expect(comparePositions(at('0-2-101 1:1@0-1-90'), at('0-1-105 1@0-1-90'))).toBe('diverged');
    expect(comparePositions(at('0-2-107 1:1@0-1-90'), at('0-1-105 1@0-1-90'))).toBe('diverged');
    expect(comparePositions(at('0-2-107 1:1@0-1-90'), at('0-2-107 1:1@0-1-90'))).toBe('diverged');
    expect(comparePositions(at('0-2-90 1:1@0-2-90'), at('0-1-105 1@0-2-90'))).toBe('behind');
  });

  it('one without any opening is behind only where nothing was forgotten on the other side', () => {
    const many = (count: number): string =>
      `0-1-900 ${Array.from({ length: count }, (_, n) => `${n + 1}@0-1-${n + 100}`).join(' ')}`;
    expect(comparePositions(at('0-1-50'), at(many(MOST_LINES - 1)))).toBe('behind');
    expect(comparePositions(at('0-1-50'), at(many(MOST_LINES)))).toBe('diverged');
  });

  it('two openings of one epoch from one place are told apart by their marks', () => {
    const a = at('0-2-150 1@ 2@0-1-120', [mark(1n, 'x'), mark(2n, 'one')]);
    const b = at('0-2-151 1@ 2@0-1-120', [mark(1n, 'x'), mark(2n, 'another')]);
    expect(comparePositions(a, b)).toBe('diverged');
  });

  it('other data, and another engine, is another history', () => {
    expect(comparePositions({ ...at('0-1-1 1@'), dataId: '9' }, at('0-1-1 1@'))).toBe('diverged');
    expect(comparePositions(at('0-1-1 1@'), position('1:1'))).toBe('diverged');
    expect(comparePositions(position('1:1'), at('0-1-1 1@'))).toBe('diverged');
  });

  it('are taken for those of their own engine only', () => {
    expect(ofEngine(at('0-1-1'), 'mariadb').gtids).toEqual([{ domain: 0, server: 1, sequence: 1n }]);
    expect(() => ofEngine(at('0-1-1'), 'postgres')).toThrow(
      'a position of mariadb, where one of postgres is due',
    );
  });

  it('are compared as the logs stand by what is in them, whoever wrote, opened, received and was rewound', () => {
    fc.assert(
      fc.property(deeds, (done) => {
        const logs = logsAfter(done, MARIADB_NUMBERS);
        for (const a of logs)
          for (const b of logs) {
            const stands = truth(a, b);
            const [one, other] = [mariadbPositionOf(a), mariadbPositionOf(b)];
            expect(comparePositions(one, other)).toBe(stands);
            const ahead = stands === 'diverged' ? undefined : BigInt(a.length - b.length);
            expect(logAhead(one, other)).toBe(ahead);
          }
      }),
      { numRuns: 1000 },
    );
  });

  it('are on one line where neither has an opening that the other lacks', () => {
    expect(isOnSameLine(at('0-1-100'), at('0-1-7'))).toBe(true);
    expect(isOnSameLine(at('0-2-130 1@ 2@0-1-120'), at('0-2-121 2@0-1-120'))).toBe(true);
    expect(isOnSameLine(at('0-1-120 1@'), at('0-2-121 1@ 2@0-1-120'))).toBe(false);
    expect(isOnSameLine(at('0-1-120 1@'), position('1:120'))).toBe(false);
    expect(isOnSameLine(position('1:120'), at('0-1-120 1@'))).toBe(false);
  });

  it('are ahead by transactions, of all domains together', () => {
    expect(logAhead(at('0-1-110,1-1-7 1@'), at('0-1-100,1-1-5 1@'))).toBe(12n);
    expect(logAhead(at('0-1-100 1@'), at('0-1-110,1-1-7 1@'))).toBe(-17n);
    expect(logAhead(at('0-2-125 1@ 2@0-1-120'), at('0-1-120 1@'))).toBe(5n);
    expect(logAhead(at('0-2-125 1@ 2@0-1-120'), at('0-1-121 1@'))).toBeUndefined();
    expect(logAhead(at('0-1-100 1@'), position('1:100'))).toBeUndefined();
    expect(logAhead(position('1:100'), at('0-1-100 1@'))).toBeUndefined();
  });

  it('are shown as MariaDB writes them', () => {
    expect(formatPosition(at('0-1-130,7-2-1 1@ 2@0-1-120'))).toBe('0-1-130,7-2-1');
    expect(formatPosition(at(''))).toBe('nothing yet');
  });
});

describe('transactions of MariaDB', () => {
  it('are read and written without loss', () => {
    fc.assert(
      fc.property(gtids, (all) => {
        expect(parseGtids(formatGtids(all))).toEqual(all);
      }),
    );
  });

  it('are read in the order of their domains, with or without blanks between them', () => {
    expect(formatGtids(parseGtids('12-1-7, 2-3-100,\n0-1-5') ?? [])).toBe('0-1-5,2-3-100,12-1-7');
    expect(parseGtids('')).toEqual([]);
  });

  it.each([
    ...[' ', ',', '0-1', '0-1-', '0-1-2-3', '0--1-2', '-0-1-2', '0-1-2,', ',0-1-2', '0-1-2;1-1-3', '0 1 2'],
    ...['a-1-2', '0-0x1-2', '0-1-1.5', '0-1-1e3', '0-1-2 1-1-3', '\u0661-1-2', '1/2A3B4C5D'],
    ...['4294967296-1-1', '0-4294967296-1', '0-1-18446744073709551616', '0-1-100000000000000000000'],
    ...['0-1-5,0-2-6', '1-1-1,0-1-5,1-2-9'], // twice the same domain
  ])('are not read from %j', (text) => {
    expect(parseGtids(text)).toBeUndefined();
  });

  it('are compared domain by domain, in whatever order they come', () => {
    const [a, b] = [parseGtids('0-1-5,1-1-7') ?? [], parseGtids('0-1-5,1-1-8') ?? []];
    expect(compareGtids([...a].reverse(), b)).toBe('behind');
    expect(compareGtids([...a].reverse(), a)).toBe('equal');
    expect(compareGtids([], [])).toBe('equal');
  });
});

/** A write, or the first one of an opening, which begins a line. Each is the same as another one only if it is that very object. */
interface Entry {
  readonly begins?: {
    readonly line: string;
    readonly left: string;
    readonly end: bigint;
    readonly mark: Mark;
  };
}
interface LineMember {
  readonly entries: readonly Entry[];
  /** It was restarted from a file that does not tell how far along its line it goes. */
  readonly isReborn: boolean;
}

const lineDeeds = fc.array(
  fc.record({
    what: fc.constantFrom('write', 'write', 'receive', 'receive', 'open', 'take', 'reborn'),
    ...{ many: fc.integer({ min: 1, max: 4 }), member: fc.nat(2), other: fc.nat(2) },
  }),
  { maxLength: 40 },
);
type LineDeed = typeof lineDeeds extends fc.Arbitrary<readonly (infer Each)[]> ? Each : never;

const lastLine = (entries: readonly Entry[]): string =>
  entries.findLast(({ begins }) => begins)?.begins?.line ?? 'first';

function lineagePositionOf({ entries, isReborn }: LineMember): LineagePosition {
  const begun = entries.flatMap(({ begins }) => begins ?? []);
  return {
    ...{ engine: 'redis', dataId: DATA_ID, line: lastLine(entries) },
    at: isReborn ? UNKNOWN : BigInt(entries.length),
    forks: begun.map(({ left, end }) => ({ line: left, end })),
    marks: begun.map((one) => one.mark),
  };
}

/** Whoever opened writes on, whoever opens after it, until it takes another's data. */
function membersAfter(done: readonly LineDeed[]): readonly LineMember[] {
  const members: LineMember[] = [0, 1, 2].map(() => ({ entries: [], isReborn: false }));
  const writers = new Set([0]);
  let opened = 0n;
  for (const { what, many, member, other } of done) {
    const [own, its] = [members[member]!, members[other]!];
    const { entries, isReborn } = own;
    if (what === 'write' && writers.has(member)) members[member] = { ...own, entries: [...entries, {}] };
    if (what === 'receive' && !writers.has(member) && !isReborn && startsWith(its.entries, entries))
      members[member] = { ...own, entries: its.entries.slice(0, entries.length + many) };
    // The file may lack the newest, and its server is opened by nobody.
    if (what === 'reborn') {
      writers.delete(member);
      members[member] = { entries: entries.slice(0, Math.max(0, entries.length - many + 1)), isReborn: true };
    }
    if (what === 'take' && member !== other) {
      members[member] = its;
      writers.delete(member);
    }
    if (what === 'open') {
      writers.add(member);
      opened += 1n;
      const begins = {
        ...{ line: `of ${opened}`, left: lastLine(entries), mark: mark(opened, `of ${member}`) },
        end: isReborn ? UNKNOWN : BigInt(entries.length),
      };
      members[member] = { entries: [...entries, { begins }], isReborn: false };
    }
  }
  return members;
}

describe('positions with named lines', () => {
  const at = lineagePosition;

  it.each<[a: string, stands: Comparison, b: string]>([
    ['A:100', 'equal', 'A:100'],
    ['A:101', 'ahead', 'A:100'],
    ['A:100', 'behind', 'B:101<A@100'],
    ['A:100', 'behind', 'B:3<A@120'],
    ['A:121', 'diverged', 'B:500<A@120'],
    ['B:500<A@120', 'diverged', 'C:500<A@120'],
    ['B:130<A@120', 'diverged', 'B:130<A@119'],
    ['B:130<A@120', 'diverged', 'B:130'],
    ['B:130<A@120', 'behind', 'C:200<A@120,B@130'],
    ['B:130<A@121', 'diverged', 'C:200<A@120,B@130'],
    ['A:?', 'behind', 'A:1'],
    ['A:?', 'equal', 'A:?'],
    ['A:?', 'behind', 'B:101<A@100'],
    ['A:?', 'behind', 'B:?<A@100'],
    ['A:100', 'behind', 'B:?<A@100'],
    ['A:101', 'diverged', 'B:?<A@100'],
    ['A:5', 'diverged', 'B:9<A@?'],
    ['A:?', 'behind', 'B:9<A@?'],
  ])('%s is %s to %s', (a, stands, b) => {
    expect(comparePositions(at(a), at(b))).toBe(stands);
    expect(comparePositions(at(b), at(a))).toBe(OPPOSITE[stands]);
  });

  it('no data at all is behind any, and other data is another history', () => {
    const nothing = { ...at('X:?'), dataId: '' };
    expect(comparePositions(nothing, at('A:?'))).toBe('behind');
    expect(comparePositions(at('A:?'), nothing)).toBe('ahead');
    expect(comparePositions(nothing, { ...at('Y:7'), dataId: '' })).toBe('equal');
    expect(comparePositions({ ...at('A:1'), dataId: '9' }, at('A:1'))).toBe('diverged');
    expect(comparePositions({ ...at('A:1'), engine: 'exec' }, at('A:1'))).toBe('diverged');
    expect(comparePositions(at('A:1'), position('1:1'))).toBe('diverged');
  });

  it('two openings that took one name are told apart by their marks', () => {
    const one = at('B:130<A@120', [mark(2n, 'one')]);
    expect(comparePositions(one, at('B:131<A@120', [mark(2n, 'another')]))).toBe('diverged');
  });

  it('forgotten forks count as disagreement only where none can have been forgotten', () => {
    const forks = Array.from({ length: MOST_FORKS }, (_, n) => ({ line: `L${n}`, end: BigInt(n) }));
    const long = { ...at('B:900'), forks };
    const shorter = { ...at('B:901'), forks: forks.slice(1) };
    expect(comparePositions(long, shorter)).toBe('behind');
    expect(comparePositions({ ...long, forks: forks.slice(1) }, { ...shorter, forks: forks.slice(2) })).toBe(
      'diverged',
    );
    const onceOlder = { ...at('L99:70'), forks: forks.slice(0, -1) };
    expect(comparePositions(onceOlder, { ...long, forks: forks.slice(1) })).toBe('diverged');
    expect(comparePositions(onceOlder, { ...long, forks: [...forks.slice(1), { line: 'B', end: 9n }] })).toBe(
      'behind',
    );
  });

  it('are compared as the logs stand by what is in them, and where that is not known never for the better', () => {
    fc.assert(
      fc.property(lineDeeds, (done) => {
        const members = membersAfter(done);
        for (const a of members)
          for (const b of members) {
            const [one, other] = [lineagePositionOf(a), lineagePositionOf(b)];
            const stands = comparePositions(one, other);
            expect(comparePositions(other, one)).toBe(OPPOSITE[stands]);
            const known = !a.isReborn && !b.isReborn;
            const lost = [...one.forks, ...other.forks].some(({ end }) => end === UNKNOWN);
            // Whoever is before a line that began at an unknown place may hold what it lacks.
            if (known) expect([truth(a.entries, b.entries), lost && 'diverged']).toContain(stands);
            // A known one that is said to be within another's history is.
            if (!a.isReborn && stands === 'behind' && a.entries.length > 0)
              expect(startsWith(b.entries, a.entries) || b.isReborn).toBe(true);
            // Of one that is not known only its line counts, and that it holds.
            if (a.isReborn && stands === 'behind')
              expect(
                [one.line, ...one.forks.map(({ line }) => line)].every((line) =>
                  [other.line, ...other.forks.map((fork) => fork.line)].includes(line),
                ),
              ).toBe(true);
            if (a.isReborn && !b.isReborn) expect(stands).not.toBe('equal');
          }
      }),
      { numRuns: 1000 },
    );
  });

  it('are on one line by its name, and ahead on it only', () => {
    expect(isOnSameLine(at('A:100'), at('A:?'))).toBe(true);
    expect(isOnSameLine(at('A:100'), at('B:101<A@100'))).toBe(false);
    expect(isOnSameLine(at('A:100'), position('1:100'))).toBe(false);
    expect(logAhead(at('A:100'), at('A:90'))).toBe(10n);
    expect(logAhead(at('A:100'), at('A:?'))).toBeUndefined();
    expect(logAhead(at('B:101<A@100'), at('A:100'))).toBeUndefined();
    expect(logAhead(at('A:100'), position('1:100'))).toBeUndefined();
  });

  it('are shown by the beginning of their line', () => {
    expect(formatPosition(at('0123456789abcdef:70<A@5'))).toBe('line 01234567 70');
    expect(formatPosition(at('A:?'))).toBe('line A at an unknown place');
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
  it.each([
    ['0-1-100 1@0-1-40', 'behind'],
    ['0-1-120 1@0-1-40', 'behind'],
    ['0-1-121 1@0-1-40', 'diverged'],
    ['0-2-131 1@0-1-40 4@0-1-120', 'behind'],
    ['0-2-500 1@0-1-40 4@0-1-120', 'behind'],
    ['0-1-501 1@0-1-40 4@0-1-120 5@0-2-500', 'ahead'],
  ])('of MariaDB, a log at %s stands %s to the newest opening', (at, expected) => {
    const marks = [mark(1n, 'mark-1'), mark(4n, 'mark-4')];
    const newestOne = mariadbPosition('0-2-130 1@0-1-40 4@0-1-120', marks);
    const known = [{ ...opening(4n, 'b', '1:50'), position: newestOne }];
    expect(rules.S2(mariadbPosition(at), known)).toBe(expected);
    expect(rules.S2(mariadbPosition(at, [mark(1n, 'another')]), known)).toBe('diverged');
  });
  it.each([
    ['A:100', 'behind'],
    ['A:121', 'diverged'],
    ['A:?', 'behind'],
    ['B:?<A@120', 'behind'],
    ['B:500<A@120', 'behind'],
    ['C:501<A@120,B@500', 'ahead'],
  ])('with named lines, a log at %s stands %s to the newest opening', (at, expected) => {
    const known = [{ ...opening(4n, 'b', '1:50'), position: lineagePosition('B:130<A@120') }];
    expect(rules.S2(lineagePosition(at), known)).toBe(expected);
  });
  it('no epoch has a number of its own where an engine has no timelines', () => {
    const known = [{ ...opening(4n, 'b', '1:50'), position: mariadbPosition('0-2-130 4@0-1-120') }];
    expect(rules.S2_timeline(asEpoch(5n), known)).toBeUndefined();
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
    backlog: 0,
    waitSeconds: 0,
    ...more,
  });
  it('the chosen one holds all that any sealed member holds', () => {
    fc.assert(
      fc.property(fc.array(fc.nat(50), { minLength: 1, maxLength: 6 }), (lsns) => {
        const chosen = chooseMostAdvanced(lsns.map((lsn, i) => candidate(`m${i}`, `1:${lsn}`)));
        expect(chosen.kind === 'chosen' && ofEngine(chosen.candidate.position, 'postgres').lsn).toBe(
          BigInt(Math.max(...lsns)),
        );
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
    expect(pick(candidate('a', '1:9', { backlog: 5 }), candidate('b', '1:9'))).toBe('b');
    expect(pick(candidate('a', '1:9', { priority: 1, waitSeconds: 15 }), candidate('b', '1:9'))).toBe('b');
    expect(pick(candidate('a', '1:9'), candidate('b', '1:9', { priority: 1, backlog: 7 }))).toBe('b');
    expect(pick(candidate('a', '1:9', { priority: 9 }), candidate('b', '1:9', { isOldLeader: true }))).toBe(
      'b',
    );
  });
});

describe('a transaction of MariaDB', () => {
  const gtid = (server: number, sequence: bigint): Gtid => ({ domain: 0, server, sequence });
  const line = (epoch: bigint, server: number, from: bigint): GtidLine => ({
    ...{ epoch: asEpoch(epoch), server, from: [gtid(9, from)] },
  });
  const theirs = [line(1n, 1, 10n), line(2n, 2, 20n), line(3n, 1, 30n)];

  it('is shared with a history on the line of the same opening', () => {
    expect(isShared(gtid(9, 5n), theirs.slice(0, 1), theirs)).toBe(true); // before all care
    expect(isShared(gtid(1, 20n), theirs.slice(0, 1), theirs)).toBe(true);
    expect(isShared(gtid(2, 25n), theirs.slice(0, 2), theirs)).toBe(true);
    expect(isShared(gtid(1, 99n), theirs, theirs)).toBe(true);
  });

  it('is not where the history had left that line by then, though number and server be the same', () => {
    expect(isShared(gtid(1, 21n), theirs.slice(0, 1), theirs)).toBe(false);
    // The old leader was given a copy, is leader again, and counts on: another transaction.
    expect(isShared(gtid(1, 31n), theirs.slice(0, 1), theirs)).toBe(false);
  });

  it('is not where another server wrote it than the one that was opened, nor after an opening that nobody proved', () => {
    expect(isShared(gtid(7, 31n), theirs, theirs)).toBe(false);
    expect(isShared(gtid(3, 41n), [...theirs, line(4n, 3, 40n)], theirs)).toBe(false);
  });
});
