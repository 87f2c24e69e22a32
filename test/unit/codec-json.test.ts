// Plans and ledger entries live in etcd for years and in every agent's state file: whatever is written has to come back as it
// was, and whatever else is found there has to be refused with a message that says where to look.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asDuration, asEpoch, asVersion, asWall } from '#core/brand.js';
import type { Candidate, LedgerEntry, LossAccount, Phase, TailAccount } from '#core/ledger.js';
import type { Opening, Plan } from '#core/plan.js';
import { DEFAULT_POLICY, type Policy } from '#core/policy.js';
import type { Mark, Position } from '#core/position.js';
import { type Reason, type ReasonCode, reason, REASONS } from '#core/reasons.js';
import { PROFILES } from '#core/timings.js';
import {
  decodeJson,
  encodeJson,
  JsonInvalid,
  ledgerEntryFromJson,
  ledgerEntryToJson,
  planFromJson,
  planToJson,
  policyFromJson,
  policyToJson,
  positionSchema,
} from '#proto/codec/json.js';

/** Objects as the code makes them; fast-check would add some without a prototype, which toStrictEqual tells apart. */
const record = <T>(values: { [K in keyof T]: fc.Arbitrary<T[K]> }): fc.Arbitrary<T> =>
  fc.record(values, { noNullPrototype: true });
const counter = fc.bigInt(0n, 2n ** 53n - 1n);
const name = fc
  .string({ minLength: 1, maxLength: 20, unit: 'grapheme' })
  .filter((text) => text !== '__proto__');
const text = fc.string({ maxLength: 40, unit: 'binary' });
const duration = fc
  .double({ min: 0, noDefaultInfinity: true, noNaN: true })
  .map((ms) => asDuration(ms === 0 ? 0 : ms));
const lsn = fc.bigInt(0n, 2n ** 64n - 1n);
const timeline = fc.integer({ min: 0, max: 2 ** 32 - 1 });

const mark: fc.Arbitrary<Mark> = record({ epoch: counter.map(asEpoch), mark: text });
const position: fc.Arbitrary<Position> = record({
  engine: fc.constant('postgres' as const),
  dataId: text,
  timeline,
  lsn,
  forks: fc.array(record({ timeline, end: lsn }), { maxLength: 3 }),
  marks: fc.array(mark, { maxLength: 3 }),
});
const policy: fc.Arbitrary<Policy> = record({
  profile: fc.constantFrom(...PROFILES),
  durability: fc.constant('async' as const),
  plannedStopWaitMs: duration,
  tailTimeoutMs: duration,
  waitForAheadMs: duration,
  openTimeoutMs: duration,
  slotRetentionBytes: fc.maxSafeNat(),
  priorities: fc.dictionary(name, fc.integer(), { noNullPrototype: true }),
  ledgerRetention: fc.nat(),
});
const opening: fc.Arbitrary<Opening> = fc.oneof(
  fc.constant({ state: 'proved' as const }),
  record({
    state: fc.constant('pending' as const),
    atLeast: fc.option(position, { nil: undefined }),
    oldLeader: fc.constantFrom('fenced', 'lapsed', 'lossless', 'none'),
  }),
);
const plan: fc.Arbitrary<Plan> = record({
  cluster: name,
  engine: fc.constant('postgres' as const),
  dataId: text,
  epoch: counter.map(asEpoch),
  version: counter.map(asVersion),
  leader: name,
  members: fc.array(
    record({
      name,
      agentAddress: text,
      databaseHost: text,
      databasePort: fc.integer({ min: 0, max: 65_535 }),
    }),
    { maxLength: 4 },
  ),
  eligible: fc.array(name, { maxLength: 3 }),
  joining: fc.array(name, { maxLength: 3 }),
  opening,
  openings: fc.array(
    record({ epoch: counter.map(asEpoch), mark: text, leader: name, position, lineage: text }),
    { maxLength: 3 },
  ),
  policy,
});
const evidence = fc.oneof(
  text,
  fc.boolean(),
  fc.integer(),
  fc.double({ noNaN: true, noDefaultInfinity: true }).map((n) => n + 0 || 0),
);
const because: fc.Arbitrary<Reason> = record({
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
  record({ kind: fc.constant('unknown' as const), text, atLeastBytes: fc.bigInt() }),
);
const phase: fc.Arbitrary<Phase> = record({
  phase: fc.constantFrom('suspected', 'sealed', 'tail', 'committed', 'proved', 'followed'),
  ms: fc.nat(),
});
const ledgerEntry: fc.Arbitrary<LedgerEntry> = record({
  cluster: name,
  epoch: counter.map(asEpoch),
  kind: fc.constantFrom('init', 'failover', 'reopen'),
  leader: name,
  previousLeader: fc.option(name, { nil: undefined }),
  at: fc.integer({ min: 0, max: 253_402_300_799_999 }).map(asWall),
  controller: name,
  term: text,
  reason: because,
  candidates: fc.array(candidate, { maxLength: 3 }),
  tail,
  loss,
  phases: fc.array(phase, { maxLength: 4 }),
  outcome: fc.constantFrom('pending', 'proved', 'failed'),
});

const example: Plan = {
  cluster: 'orders',
  engine: 'postgres',
  dataId: '7301934857201938475',
  epoch: asEpoch(3n),
  version: asVersion(14n),
  leader: 'pg-2',
  members: [{ name: 'pg-2', agentAddress: '10.0.0.2:7400', databaseHost: '10.0.0.2', databasePort: 5432 }],
  eligible: [],
  joining: ['pg-1'],
  opening: { state: 'pending', atLeast: undefined, oldLeader: 'lapsed' },
  openings: [
    {
      epoch: asEpoch(1n),
      mark: 'f3a1',
      leader: 'pg-1',
      position: {
        engine: 'postgres',
        dataId: '7301934857201938475',
        timeline: 1,
        lsn: 0x1_2a3b4c5dn,
        forks: [],
        marks: [],
      },
      lineage: '',
    },
  ],
  policy: { ...DEFAULT_POLICY, priorities: { 'pg-2': 10 } },
};

/** fast-check takes a returned false for a failure, so the expectation's own answer is dropped. */
function comesBack<T>(values: fc.Arbitrary<T>, there: (value: T) => string, back: (json: string) => T): void {
  fc.assert(
    fc.property(values, (value) => {
      expect(back(there(value))).toStrictEqual(value);
    }),
  );
}

describe('stored JSON', () => {
  it('brings back every plan as it was', () => comesBack(plan, planToJson, planFromJson));

  it('brings back every policy as it was', () => comesBack(policy, policyToJson, policyFromJson));

  it('brings back every ledger entry as it was', () =>
    comesBack(ledgerEntry, ledgerEntryToJson, ledgerEntryFromJson));

  it('brings back every position as it was, also those of 64 bits', () =>
    comesBack(
      position,
      (value) => encodeJson('position', positionSchema, value),
      (json) => decodeJson('position', positionSchema, json),
    ));

  it('is what a person would write', () => {
    expect(planToJson(example)).toMatchInlineSnapshot(`
      "{
        "cluster": "orders",
        "engine": "postgres",
        "dataId": "7301934857201938475",
        "epoch": 3,
        "version": 14,
        "leader": "pg-2",
        "members": [
          {
            "name": "pg-2",
            "agentAddress": "10.0.0.2:7400",
            "databaseHost": "10.0.0.2",
            "databasePort": 5432
          }
        ],
        "eligible": [],
        "joining": [
          "pg-1"
        ],
        "opening": {
          "state": "pending",
          "atLeast": null,
          "oldLeader": "lapsed"
        },
        "openings": [
          {
            "epoch": 1,
            "mark": "f3a1",
            "leader": "pg-1",
            "position": {
              "engine": "postgres",
              "dataId": "7301934857201938475",
              "timeline": 1,
              "lsn": "1/2A3B4C5D",
              "forks": [],
              "marks": []
            },
            "lineage": ""
          }
        ],
        "policy": {
          "profile": "balanced",
          "durability": "async",
          "plannedStopWaitMs": 60000,
          "tailTimeoutMs": 1000,
          "waitForAheadMs": 1000,
          "openTimeoutMs": 10000,
          "slotRetentionBytes": 8589934592,
          "priorities": {
            "pg-2": 10
          },
          "ledgerRetention": 1000
        }
      }"
    `);
  });

  it('says when a decision was made in words', () => {
    const at = asWall(Date.parse('2026-05-04T03:02:01.250Z'));
    const [entry] = fc.sample(ledgerEntry, 1);
    expect(ledgerEntryToJson({ ...entry!, at })).toContain('"at": "2026-05-04T03:02:01.250Z"');
  });

  it('writes evidence that JSON has no number for as a word, since a ledger entry must never keep its plan from being written', () => {
    const [entry] = fc.sample(ledgerEntry, 1);
    const silent = { ...entry!, reason: reason('AGENT_SILENT', { silentForMs: Number.POSITIVE_INFINITY }) };
    expect(ledgerEntryFromJson(ledgerEntryToJson(silent)).reason.evidence).toEqual({
      silentForMs: 'Infinity',
    });
  });
});

describe('stored JSON that is not what was written', () => {
  const edited = (change: (json: Record<string, unknown>) => void): string => {
    const json = JSON.parse(planToJson(example)) as Record<string, unknown>;
    change(json);
    return JSON.stringify(json);
  };

  it.each<[string, string, RegExp]>([
    ['is cut off', planToJson(example).slice(0, 100), /^plan is not JSON: /],
    ['is empty', '', /^plan is not JSON: /],
    ['is no object', '[]', /^plan is not valid: .*expected object/],
    ['lacks a key', edited((json) => delete json['leader']), /^plan is not valid: leader: /],
    ['has a key too many', edited((json) => (json['heir'] = 'pg-1')), /^plan is not valid: .*"heir"/],
    [
      'has a key too many further in',
      edited((json) => ((json['policy'] as Record<string, unknown>)['mode'] = 'fast')),
      /^plan is not valid: policy: .*"mode"/,
    ],
    [
      'has an epoch in quotes',
      edited((json) => (json['epoch'] = '3')),
      /^plan is not valid: epoch: .*expected/,
    ],
    [
      'has half a version',
      edited((json) => (json['version'] = 1.5)),
      /^plan is not valid: version: .*expected int/,
    ],
    [
      'has an epoch that JSON rounds',
      edited((json) => (json['epoch'] = 2 ** 53)),
      /^plan is not valid: epoch: /,
    ],
    [
      'has a position that is none',
      edited(
        (json) =>
          ((json['openings'] as { position: Record<string, unknown> }[])[0]!.position['lsn'] = '1-2A'),
      ),
      /^plan is not valid: openings\[0\]\.position\.lsn: expected a log position like 1\/2A3B4C5D/,
    ],
    ['has an unknown engine', edited((json) => (json['engine'] = 'oracle')), /^plan is not valid: engine: /],
  ])('a plan that %s is refused', (_what, json, message) => {
    expect(() => planFromJson(json)).toThrow(JsonInvalid);
    expect(() => planFromJson(json)).toThrow(message);
  });

  it('names a few of many mistakes and counts the rest', () => {
    expect(() => planFromJson('{}')).toThrow(/; and \d+ more$/);
  });

  it('what could not be read back is not written', () => {
    const beyond = { ...example, epoch: asEpoch(2n ** 53n) };
    expect(() => planToJson(beyond)).toThrow(
      /^plan cannot be written: epoch: expected an epoch from 0 to 2\^53 - 1/,
    );
    const endless = { ...DEFAULT_POLICY, openTimeoutMs: asDuration(Number.POSITIVE_INFINITY) };
    expect(() => policyToJson(endless)).toThrow(
      /^policy cannot be written: openTimeoutMs: expected milliseconds/,
    );
  });
});
