// Plans and ledger entries live in etcd for years and in every agent's state file: whatever is written has to come back as it
// was, and whatever else is found there has to be refused with a message that says where to look.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asDuration, asEpoch, asVersion, asWall } from '#core/brand.js';
import { NO_DURABILITY } from '#core/durability.js';
import type { Plan } from '#core/plan.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { reason } from '#core/reasons.js';
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
import { ledgerEntry, plan, policy, position } from '#test/unit/arbitraries.js';

const example: Plan = {
  cluster: 'orders',
  engine: 'postgres',
  dataId: '7301934857201938475',
  epoch: asEpoch(3n),
  version: asVersion(14n),
  generation: 0n,
  leader: 'pg-2',
  members: [
    {
      name: 'pg-2',
      identity: '0b5e',
      agentAddress: '10.0.0.2:7400',
      databaseHost: '10.0.0.2',
      databasePort: 5432,
    },
  ],
  eligible: [],
  joining: ['pg-1'],
  care: 'automatic',
  maintenance: [],
  holdMs: asDuration(0),
  durability: NO_DURABILITY,
  upstreams: { 'pg-3': 'pg-1' },
  reclones: { 'pg-3': { wish: '2.9', identity: '77aa', from: 'pg-1', salvageWaived: false } },
  opening: { state: 'pending', atLeast: undefined, oldLeader: 'lapsed', mayLack: false },
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
  lastFailover: {
    epoch: asEpoch(2n),
    from: 'pg-1',
    to: 'pg-2',
    at: asWall(Date.parse('2026-05-04T03:02:01.250Z')),
  },
  policy: { ...DEFAULT_POLICY, members: { 'pg-2': { priority: 10, appoint: 'yes', follow: undefined } } },
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

  it('has a position of MariaDB as MariaDB writes it', () => {
    const lines = [{ epoch: asEpoch(4n), server: 2, from: [{ domain: 0, server: 1, sequence: 120n }] }];
    const standing = {
      ...{ engine: 'mariadb' as const, dataId: 'f3a1', lines, marks: [{ epoch: asEpoch(4n), mark: 'm' }] },
      gtids: [
        { domain: 0, server: 2, sequence: 2n ** 64n - 1n },
        { domain: 7, server: 2, sequence: 1n },
      ],
    };
    expect(JSON.parse(encodeJson('position', positionSchema, standing))).toEqual({
      engine: 'mariadb',
      dataId: 'f3a1',
      gtids: '0-2-18446744073709551615,7-2-1',
      lines: [{ epoch: 4, server: 2, from: '0-1-120' }],
      marks: [{ epoch: 4, mark: 'm' }],
    });
  });

  it('has a position of MySQL as MySQL writes it', () => {
    const server = '3e11fa47-71ca-11e1-9e33-c80aa9429562';
    const from = [{ server, tag: '', intervals: [{ first: 1n, last: 5n }] }];
    const tagged = { server, tag: 'nightly', intervals: [{ first: 7n, last: 7n }] };
    const standing = {
      ...{ engine: 'mysql' as const, dataId: 'f3a1', gtids: [...from, tagged], marks: [] },
      lines: [{ epoch: asEpoch(4n), server, from }],
    };
    expect(JSON.parse(encodeJson('position', positionSchema, standing))).toEqual({
      engine: 'mysql',
      dataId: 'f3a1',
      gtids: `${server}:1-5:nightly:7`,
      lines: [{ epoch: 4, server, from: `${server}:1-5` }],
      marks: [],
    });
  });

  it('is what a person would write', () => {
    expect(planToJson(example)).toMatchInlineSnapshot(`
      "{
        "cluster": "orders",
        "engine": "postgres",
        "dataId": "7301934857201938475",
        "epoch": 3,
        "version": 14,
        "generation": 0,
        "leader": "pg-2",
        "members": [
          {
            "name": "pg-2",
            "identity": "0b5e",
            "agentAddress": "10.0.0.2:7400",
            "databaseHost": "10.0.0.2",
            "databasePort": 5432
          }
        ],
        "eligible": [],
        "joining": [
          "pg-1"
        ],
        "care": "automatic",
        "maintenance": [],
        "holdMs": 0,
        "durability": {
          "synchronous": [],
          "acknowledgements": 0,
          "atLeader": {
            "synchronous": [],
            "acknowledgements": 0
          }
        },
        "upstreams": {
          "pg-3": "pg-1"
        },
        "reclones": {
          "pg-3": {
            "wish": "2.9",
            "identity": "77aa",
            "from": "pg-1",
            "salvageWaived": false
          }
        },
        "opening": {
          "state": "pending",
          "atLeast": null,
          "oldLeader": "lapsed",
          "mayLack": false
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
        "lastFailover": {
          "epoch": 2,
          "from": "pg-1",
          "to": "pg-2",
          "at": "2026-05-04T03:02:01.250Z"
        },
        "policy": {
          "profile": "balanced",
          "durability": {
            "mode": "async",
            "acknowledgements": 0
          },
          "plannedStopWaitMs": 60000,
          "tailTimeoutMs": 1000,
          "waitForAheadMs": 1000,
          "openTimeoutMs": 10000,
          "slotRetentionBytes": 8589934592,
          "onCrash": "failover",
          "restartTimeoutMs": 10000,
          "failoverWindowMs": 60000,
          "identifierGap": {
            "bigint": 1000000,
            "integer": 10000
          },
          "oldDataRetentionMs": 86400000,
          "salvageRetentionMs": 7776000000,
          "members": {
            "pg-2": {
              "priority": 10,
              "appoint": "yes",
              "follow": null
            }
          },
          "ledgerRetention": 1000
        }
      }"
    `);
  });

  it('is read as it was before damping and identifiers that jump: as the default policy has them, and nothing yet', () => {
    const { lastFailover: _, ...older } = JSON.parse(planToJson(example)) as Record<string, unknown>;
    const { mayLack: __, ...opening } = older['opening'] as Record<string, unknown>;
    const {
      failoverWindowMs: ___,
      identifierGap: ____,
      ...policyThen
    } = older['policy'] as Record<string, unknown>;
    expect(planFromJson(JSON.stringify({ ...older, opening, policy: policyThen }))).toStrictEqual({
      ...example,
      lastFailover: undefined,
    });
    expect(policyFromJson(JSON.stringify(policyThen))).toStrictEqual(example.policy);
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
    [
      'has a position whose transactions are none',
      edited(
        (json) =>
          ((json['openings'] as { position: unknown }[])[0]!.position = {
            ...{ engine: 'mariadb', dataId: 'f3a1', gtids: '0-1-5', marks: [] },
            lines: [{ epoch: 1, server: 1, from: '0-1-5,0-2-6' }],
          }),
      ),
      /^plan is not valid: openings\[0\]\.position\.lines\[0\]\.from: expected transactions like 0-1-100, one for each domain/,
    ],
    [
      'has a position of an unknown engine',
      edited(
        (json) =>
          ((json['openings'] as { position: Record<string, unknown> }[])[0]!.position['engine'] = 'oracle'),
      ),
      /^plan is not valid: openings\[0\]\.position\.engine: /,
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
