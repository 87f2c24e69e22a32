// E6: whatever members hold, the plan that goes on is the newest of the latest generation, and nobody in it is eligible whom its leader does not ask.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asDuration, asEpoch, asVersion } from '#core/brand.js';
import { comparePlans, type Plan } from '#core/plan.js';
import { rules } from '#core/rules/index.js';
import { asFarAsTheLeaderKnows, newestOf } from '#controller/decide/restored-plan.js';
import type { Context, Told } from '#controller/decide/state.js';
import { DATA_ID, member, plan, TERM } from '#test/scenarios/build.js';

const NAMES = ['a', 'b', 'c'] as const;
const names = fc.subarray([...NAMES]);
const held: fc.Arbitrary<Plan> = fc
  .record({
    generation: fc.bigInt(0n, 2n),
    epoch: fc.bigInt(1n, 3n).map(asEpoch),
    version: fc.bigInt(1n, 4n).map(asVersion),
    eligible: names,
    joining: names,
    holdMs: fc.constantFrom(0, 5000, 60_000).map(asDuration),
  })
  .map((over) => plan(over));
const told: fc.Arbitrary<readonly Told[]> = fc
  .tuple(...NAMES.map(() => fc.option(held, { nil: undefined })))
  .map((plans) => plans.map((one, i) => ({ member: member(NAMES[i] ?? ''), dataId: DATA_ID, plan: one })));
const context = { rules } as Context;

describe('the plan that goes on after a restore of etcd', () => {
  it('is of the latest generation, and the newest of it', () => {
    fc.assert(
      fc.property(fc.option(held, { nil: undefined }), told, (stored, answers) => {
        const newest = newestOf(stored, answers, context);
        const known = [stored, ...answers.map((one) => one.plan)].filter((one) => one !== undefined);
        expect(newest === undefined).toBe(known.length === 0);
        for (const one of known) {
          expect(newest?.generation).toBeGreaterThanOrEqual(one.generation);
          if (newest?.generation === one.generation) expect(comparePlans(newest, one)).not.toBeLessThan(0);
        }
      }),
    );
  });

  it('lets nobody be eligible whom the leader, by the plan that it holds itself, does not ask; its hold counts', () => {
    fc.assert(
      fc.property(held, told, (newest, answers) => {
        const goesOn = asFarAsTheLeaderKnows(newest, answers);
        const own = answers.find((one) => one.member.name === newest.leader)?.plan;
        if (own?.epoch !== newest.epoch) {
          expect(goesOn).toEqual(newest);
          return;
        }
        const asked = [...own.eligible, ...own.joining];
        expect(goesOn.eligible.filter((name) => !asked.includes(name))).toEqual([]);
        expect(goesOn.holdMs).toBe(Math.max(newest.holdMs, own.holdMs));
      }),
    );
  });

  it('is in doubt only while its generation is below that of the term', () => {
    expect(rules.E6_before({ generation: 0n }, TERM)).toBe(false);
    expect(rules.E6_before({ generation: 0n }, { ...TERM, generation: 1n })).toBe(true);
    expect(rules.E6_before({ generation: 2n }, { ...TERM, generation: 1n })).toBe(false);
  });
});
