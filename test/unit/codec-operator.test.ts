// Commands and their answers come back from JSON as they were: a field that is lost between the two is a command half carried out.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asDuration, asEpoch } from '#core/brand.js';
import type { Forecast, OperatorAnswer, OperatorCommand } from '#core/operator.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { ENGINES } from '#core/position.js';
import { SEVERITIES } from '#core/report.js';
import { JsonInvalid } from '#proto/codec/json.js';
import { answerFromJson, answerToJson, commandFromJson, commandToJson } from '#proto/codec/operator.js';
import { because, counter, name, plan, policy, record, text } from '#test/unit/arbitraries.js';

const maybe = <T>(values: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> =>
  fc.option(values, { nil: undefined });
const kind = <Kind extends string>(value: Kind): fc.Arbitrary<Kind> => fc.constant(value);
const by = fc.string({ maxLength: 256 });
const to = maybe(name);
const of = fc.constantFrom('switchover', 'failover');

const command: fc.Arbitrary<OperatorCommand> = fc.oneof(
  record({ kind: kind('inspect') }),
  record({ kind: kind('adopt'), policy, by, leaderIsOff: fc.boolean() }),
  record({ kind: kind('release'), by }),
  record({ kind: kind('forecast'), of, to, leaderIsOff: fc.boolean() }),
  record({ kind: kind('switchover'), to, by }),
  record({ kind: kind('failover'), to, by, acceptLoss: fc.boolean(), leaderIsOff: fc.boolean() }),
  record({ kind: fc.constantFrom('pause', 'resume'), by }),
  record({ kind: kind('hold'), forMs: fc.nat().map(asDuration), by }),
  record({ kind: kind('endHold'), by }),
  record({ kind: kind('maintenance'), member: name, on: fc.boolean(), by }),
  record({ kind: kind('setPolicy'), policy, by }),
);

const forecast: fc.Arbitrary<Forecast> = record({
  of,
  leader: name,
  candidate: maybe(name),
  engine: fc.constantFrom(...ENGINES),
  behind: maybe(fc.bigInt()),
  loss: fc.oneof(record({ kind: kind('none') }), record({ kind: kind('possible'), text })),
  waitMs: fc.nat(),
  refused: maybe(because),
  others: fc.array(record({ member: name, reason: because }), { maxLength: 3 }),
});

const answer: fc.Arbitrary<OperatorAnswer> = fc.oneof(
  record({ kind: kind('plan'), plan }),
  record({
    kind: kind('inspected'),
    inspection: record({
      cluster: name,
      leader: maybe(name),
      members: fc.array(
        record({
          name,
          role: fc.constantFrom('leader', 'replica', 'unknown'),
          address: text,
          upstream: maybe(text),
          streaming: fc.boolean(),
          eligible: fc.boolean(),
        }),
        { maxLength: 3 },
      ),
      findings: fc.array(
        record({
          severity: fc.constantFrom(...SEVERITIES),
          code: text,
          text,
          remedy: text,
          member: maybe(name),
        }),
        { maxLength: 3 },
      ),
    }),
  }),
  record({ kind: kind('forecast'), forecast }),
  record({
    kind: kind('handedOver'),
    handover: record({ from: name, to: name, epoch: counter.map(asEpoch), closedMs: fc.nat() }),
  }),
  record({
    kind: kind('held'),
    held: record({ leader: name, awayMs: maybe(fc.nat()), promiseMs: fc.nat() }),
  }),
);

describe('on the wire', () => {
  it('every command comes back as it was', () => {
    fc.assert(
      fc.property(command, (value) => {
        expect(commandFromJson(commandToJson(value))).toStrictEqual(value);
      }),
    );
  });

  it('every answer comes back as it was', () => {
    fc.assert(
      fc.property(answer, (value) => {
        expect(answerFromJson(answerToJson(value))).toStrictEqual(value);
      }),
    );
  });

  it.each<[string, object]>([
    ['is of a newer version', { kind: 'hibernate', by: 'a' }],
    ['says more than this version knows', { kind: 'pause', by: 'a', untilMs: 5 }],
    ['does not say for how long', { kind: 'hold', by: 'a' }],
    ['does not say by whom', { kind: 'pause' }],
    ['says by whom at length', { kind: 'pause', by: 'a'.repeat(257) }],
    ['leaves out what may be nobody', { kind: 'switchover', by: 'a' }],
    ['does not say whether a loss is accepted', { kind: 'failover', by: 'a', to: null, leaderIsOff: false }],
    ['names no member', { kind: 'maintenance', member: '', on: true, by: 'a' }],
    ['has half a policy', { kind: 'setPolicy', policy: { ...DEFAULT_POLICY, members: undefined }, by: 'a' }],
  ])('a command that %s is refused', (_what, value) => {
    expect(() => commandFromJson(JSON.stringify(value))).toThrow(JsonInvalid);
  });
});
