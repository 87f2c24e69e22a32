/** The lease argument (DESIGN 4) as a property: no clock rates, delays, losses or repetitions let two leaders be open. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { asDuration, asMonotonic, LONG_AGO } from '#core/brand.js';
import { rules } from '#core/rules/index.js';
import { brokenRelations, DRIFT, PROFILES, RHO, timingsOf } from '#core/timings.js';

const rate = fc.double({ min: 1 - RHO, max: 1 + RHO, noNaN: true });

interface Exchange {
  readonly sentAfter: number;
  readonly delayThere: number;
  readonly delayBack: number;
  readonly lost: boolean;
}

/**
 * Plays heartbeats between a holder and a grantor whose clocks run at given rates; answers when the holder is fenced at the latest
 * and when the grantor may appoint another at the earliest, both in true time.
 */
function play(
  profile: (typeof PROFILES)[number],
  holderRate: number,
  grantorRate: number,
  exchanges: readonly Exchange[],
) {
  const t = timingsOf(profile);
  let trueNow = 0;
  let expiry = LONG_AGO;
  let promise = LONG_AGO;
  const onHolder = (at: number) => asMonotonic(at * holderRate);
  const onGrantor = (at: number) => asMonotonic(at * grantorRate);
  for (const e of exchanges) {
    trueNow += e.sentAfter;
    const sentAt = onHolder(trueNow);
    const heardAt = trueNow + e.delayThere;
    promise = rules.L2(promise, onGrantor(heardAt), t.promiseMs);
    const answeredAt = onHolder(heardAt + e.delayBack);
    const stillHeld = expiry === LONG_AGO || rules.L4(answeredAt, expiry);
    if (!e.lost && stillHeld) expiry = rules.L3(expiry, { sentAt: sentAt, answeredAt: sentAt }, t.holdMs);
  }
  return { fencedAt: (expiry + t.fenceMs) / holderRate, appointAt: promise / grantorRate };
}

describe('lease', () => {
  it.each(PROFILES)(
    '%s: whatever the clocks and the network do, the old leader is fenced before another is appointed',
    (profile) => {
      const exchange = fc.record({
        sentAfter: fc.double({ min: 0, max: 3000, noNaN: true }),
        delayThere: fc.double({ min: 0, max: 20_000, noNaN: true }),
        delayBack: fc.double({ min: 0, max: 20_000, noNaN: true }),
        lost: fc.boolean(),
      });
      fc.assert(
        fc.property(
          rate,
          rate,
          fc.array(exchange, { minLength: 1, maxLength: 12 }),
          (holder, grantor, exchanges) => {
            const { fencedAt, appointAt } = play(profile, holder, grantor, exchanges);
            expect(fencedAt).toBeLessThanOrEqual(appointAt + 1e-6);
          },
        ),
        { numRuns: 2000 },
      );
    },
  );

  it('counted from the receipt of the grant it would break for any D_G', () => {
    const t = timingsOf('balanced');
    const delayBack = 60_000;
    const fencedAt = delayBack + t.holdMs + t.fenceMs;
    expect(fencedAt).toBeGreaterThan(rules.L2(LONG_AGO, asMonotonic(0), t.promiseMs));
  });

  it.each(PROFILES)('%s holds every relation between timings', (profile) => {
    expect(brokenRelations(timingsOf(profile))).toEqual([]);
  });

  it('a relation that does not hold is named', () => {
    expect(brokenRelations({ ...timingsOf('balanced'), promiseMs: asDuration(3000) })).toEqual([
      'D_G >= (D_H + F) * drift (rule L4)',
    ]);
  });

  it('authority counts from the earlier send of the two parts of a proof, shortened by the drift', () => {
    const until = rules.A1(
      { keepaliveSentAt: asMonotonic(500), checkSentAt: asMonotonic(100) },
      asDuration(2000),
    );
    expect(until).toBeCloseTo(100 + 2000 / DRIFT);
  });
});
