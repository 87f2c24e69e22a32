// Any plan, policy, ledger entry and reason: whatever core's types allow, in the range that is stored.
import fc from 'fast-check';
import { asDuration, asEpoch, asVersion, asWall } from '#core/brand.js';
import {
  type Candidate,
  LEDGER_KINDS,
  type LedgerEntry,
  type LossAccount,
  type Phase,
  type TailAccount,
} from '#core/ledger.js';
import { CARE, OLD_LEADER, type Opening, type Plan } from '#core/plan.js';
import { APPOINT, DURABILITY_MODES, type MemberPolicy, ON_CRASH, type Policy } from '#core/policy.js';
import type { IdentifierReport } from '#core/identifiers.js';
import { ENGINES, type Mark, type Position } from '#core/position.js';
import { type GtidSet, uniteGtids } from '#core/positions/gtid-set.js';
import type { LineagePosition } from '#core/positions/lineage.js';
import type { Gtid, MariadbPosition } from '#core/positions/mariadb.js';
import type { MysqlPosition } from '#core/positions/mysql.js';
import type { PostgresPosition } from '#core/positions/postgres.js';
import { type Reason, type ReasonCode, REASONS } from '#core/reasons.js';
import { PROFILES } from '#core/timings.js';

/** Objects as the code makes them; fast-check would add some without a prototype, which toStrictEqual tells apart. */
export const record = <T>(values: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(values, { noNullPrototype: true });
export const counter = fc.bigInt(0n, 2n ** 53n - 1n);
/** But for two that no object can carry, or that toStrictEqual takes for its type. */
export const name = fc
  .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
  .filter((text) => text !== '__proto__' && text !== 'constructor');
export const text = fc.string({ maxLength: 40, unit: 'binary' });
export const duration = fc
  .double({ min: 0, noDefaultInfinity: true, noNaN: true })
  .map((ms) => asDuration(ms === 0 ? 0 : ms));
const wall = fc.integer({ min: 0, max: 253_402_300_799_999 }).map(asWall);
const uint64 = fc.bigInt(0n, 2n ** 64n - 1n);
const uint32 = fc.integer({ min: 0, max: 2 ** 32 - 1 });

const mark: fc.Arbitrary<Mark> = record({ epoch: counter.map(asEpoch), mark: text });
const postgresPosition: fc.Arbitrary<PostgresPosition> = record({
  engine: fc.constant('postgres' as const),
  dataId: text,
  timeline: uint32,
  lsn: uint64,
  forks: fc.array(record({ timeline: uint32, end: uint64 }), { maxLength: 3 }),
  marks: fc.array(mark, { maxLength: 3 }),
});
/** One of each domain, sorted by it: as they are read. */
export const gtids: fc.Arbitrary<readonly Gtid[]> = fc
  .uniqueArray(record<Gtid>({ domain: uint32, server: uint32, sequence: uint64 }), {
    maxLength: 3,
    selector: ({ domain }) => domain,
  })
  .map((all) => all.toSorted((a, b) => a.domain - b.domain));
const mariadbPosition: fc.Arbitrary<MariadbPosition> = record({
  engine: fc.constant('mariadb' as const),
  dataId: text,
  gtids,
  lines: fc.array(record({ epoch: counter.map(asEpoch), server: uint32, from: gtids }), { maxLength: 3 }),
  marks: fc.array(mark, { maxLength: 3 }),
});
const place = fc.bigInt(-1n, 2n ** 63n - 1n);
export const lineagePosition: fc.Arbitrary<LineagePosition> = record({
  engine: fc.constantFrom('redis' as const, 'exec' as const),
  dataId: text,
  line: text,
  at: place,
  forks: fc.array(record({ line: text, end: place }), { maxLength: 3 }),
  marks: fc.array(mark, { maxLength: 3 }),
});
const origin = record({
  server: fc.uuid(),
  tag: fc.oneof(fc.constant(''), fc.stringMatching(/^[a-z_][a-z0-9_]{0,31}$/)),
  bounds: fc.uniqueArray(fc.bigInt(1n, 2n ** 63n - 2n), { minLength: 1, maxLength: 8 }),
});
/** Any, in the form in which they are kept. */
export const gtidSets: fc.Arbitrary<GtidSet> = fc.array(origin, { maxLength: 3 }).map((origins) =>
  origins.reduce<GtidSet>((set, { server, tag, bounds }) => {
    const sorted = bounds.toSorted((a, b) => (a < b ? -1 : 1));
    const intervals = sorted.flatMap((first, index) =>
      index % 2 === 0 ? { first, last: sorted[index + 1] ?? first } : [],
    );
    return intervals.reduce(
      (united, interval) => uniteGtids(united, [{ server, tag, intervals: [interval] }]),
      set,
    );
  }, []),
);
const mysqlPosition: fc.Arbitrary<MysqlPosition> = record({
  engine: fc.constant('mysql' as const),
  dataId: text,
  gtids: gtidSets,
  lines: fc.array(record({ epoch: counter.map(asEpoch), server: text, from: gtidSets }), { maxLength: 3 }),
  marks: fc.array(mark, { maxLength: 3 }),
});
export const position: fc.Arbitrary<Position> = fc.oneof(
  postgresPosition,
  mariadbPosition,
  mysqlPosition,
  lineagePosition,
);
const memberWishes: fc.Arbitrary<MemberPolicy> = record({
  priority: fc.integer(),
  appoint: fc.constantFrom(...APPOINT),
  follow: fc.option(name, { nil: undefined }),
});
export const policy: fc.Arbitrary<Policy> = record({
  profile: fc.constantFrom(...PROFILES),
  durability: record({ mode: fc.constantFrom(...DURABILITY_MODES), acknowledgements: fc.nat() }),
  plannedStopWaitMs: duration,
  tailTimeoutMs: duration,
  waitForAheadMs: duration,
  openTimeoutMs: duration,
  slotRetentionBytes: fc.maxSafeNat(),
  onCrash: fc.constantFrom(...ON_CRASH),
  restartTimeoutMs: duration,
  failoverWindowMs: duration,
  identifierGap: record({ bigint: fc.nat(), integer: fc.nat() }),
  oldDataRetentionMs: duration,
  salvageRetentionMs: duration,
  members: fc.dictionary(name, memberWishes, { noNullPrototype: true }),
  ledgerRetention: fc.nat(),
});
const opening: fc.Arbitrary<Opening> = fc.oneof(
  fc.constant({ state: 'proved' as const }),
  record({
    state: fc.constant('pending' as const),
    atLeast: fc.option(position, { nil: undefined }),
    oldLeader: fc.constantFrom(...OLD_LEADER),
    mayLack: fc.boolean(),
  }),
);
const durability = { synchronous: fc.array(name, { maxLength: 3 }), acknowledgements: fc.nat() };
export const plan: fc.Arbitrary<Plan> = record({
  cluster: name,
  engine: fc.constantFrom(...ENGINES),
  dataId: text,
  epoch: counter.map(asEpoch),
  version: counter.map(asVersion),
  generation: counter,
  leader: name,
  members: fc.array(
    record({
      name,
      identity: name,
      agentAddress: text,
      databaseHost: text,
      databasePort: fc.integer({ min: 0, max: 65_535 }),
    }),
    { maxLength: 4 },
  ),
  eligible: fc.array(name, { maxLength: 3 }),
  joining: fc.array(name, { maxLength: 3 }),
  care: fc.constantFrom(...CARE),
  maintenance: fc.array(name, { maxLength: 3 }),
  holdMs: duration,
  durability: record({ ...durability, atLeader: record(durability) }),
  upstreams: fc.dictionary(name, name, { maxKeys: 3, noNullPrototype: true }),
  reclones: fc.dictionary(
    name,
    record({
      wish: text,
      identity: name,
      from: fc.option(name, { nil: undefined }),
      salvageWaived: fc.boolean(),
    }),
    { maxKeys: 3, noNullPrototype: true },
  ),
  opening,
  openings: fc.array(
    record({ epoch: counter.map(asEpoch), mark: text, leader: name, position, lineage: text }),
    { maxLength: 3 },
  ),
  lastFailover: fc.option(record({ epoch: counter.map(asEpoch), from: name, to: name, at: wall }), {
    nil: undefined,
  }),
  policy,
});
const evidence = fc.oneof(
  text,
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0 || 0),
);
export const because: fc.Arbitrary<Reason> = record({
  code: fc.constantFrom(...(Object.keys(REASONS) as ReasonCode[])),
  sentence: text,
  evidence: fc.dictionary(name, evidence, { noNullPrototype: true }),
});
const candidate: fc.Arbitrary<Candidate> = record({
  member: name,
  position: fc.option(position, { nil: undefined }),
  compared: fc.constantFrom('ahead', 'equal', 'behind', 'diverged', undefined),
  verdict: fc.constantFrom('chosen', 'passed-over', 'refused', 'silent'),
  reason: because,
});
const tail: fc.Arbitrary<TailAccount> = fc.oneof(
  fc.constant({ kind: 'not-needed' as const }),
  record({ kind: fc.constant('taken' as const), from: name, bytes: fc.nat() }),
  record({ kind: fc.constant('failed' as const), text }),
);
const loss: fc.Arbitrary<LossAccount> = fc.oneof(
  fc.constant({ kind: 'none' as const }),
  record({ kind: fc.constant('at-most' as const), after: position, atLeastBytes: fc.bigInt() }),
  record({
    ...{ kind: fc.constant('exactly' as const), after: position, transactions: fc.nat() },
    ...{ rows: fc.nat(), bytes: fc.maxSafeNat() },
  }),
  record({ kind: fc.constant('unknown' as const), text }),
);
export const identifiers: fc.Arbitrary<IdentifierReport> = record({
  named: fc.array(
    record({
      ...{ name, from: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n), to: fc.bigInt(-(2n ** 63n), 2n ** 63n - 1n) },
      left: fc.option(name, { nil: undefined }),
    }),
    { maxLength: 3 },
  ),
  more: fc.nat(),
});
const phase: fc.Arbitrary<Phase> = record({
  phase: fc.constantFrom('suspected', 'sealed', 'tail', 'committed', 'proved', 'followed'),
  ms: fc.nat(),
});
export const ledgerEntry: fc.Arbitrary<LedgerEntry> = record({
  cluster: name,
  epoch: counter.map(asEpoch),
  kind: fc.constantFrom(...LEDGER_KINDS),
  leader: name,
  previousLeader: fc.option(name, { nil: undefined }),
  at: wall,
  controller: name,
  term: text,
  reason: because,
  candidates: fc.array(candidate, { maxLength: 3 }),
  tail,
  loss,
  salvaged: fc.array(
    record({ member: name, name: text, transactions: fc.nat(), rows: fc.nat(), bytes: fc.maxSafeNat() }),
    {
      maxLength: 2,
    },
  ),
  identifiers: fc.option(identifiers, { nil: undefined }),
  phases: fc.array(phase, { maxLength: 4 }),
  outcome: fc.constantFrom('pending', 'proved', 'failed'),
});
