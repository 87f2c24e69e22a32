/** A4 as a property: whatever the clocks and the network do, and whenever the rest of a hold is given up, no two leaders are open. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { after, asDuration, asMonotonic, earliest, LONG_AGO } from '#core/brand.js';
import { rules } from '#core/rules/index.js';
import { ELECTION, LONGEST_HOLD, PROFILES, RHO, type Timings, timingsOf } from '#core/timings.js';

interface Scene {
  /** Rates of the clocks of the leader, of the controller that grants, and of one that is elected after it. */
  readonly holder: number;
  readonly grantor: number;
  readonly successor: number;
  readonly holdMs: number;
  readonly exchanges: readonly {
    readonly sentAfter: number;
    readonly there: number;
    readonly back: number;
  }[];
  /** How long after the last grant the leader is told to give up the rest, and the ways of that and of its answer. */
  readonly end: { readonly wait: number; readonly there: number; readonly back: number };
}

const rate = fc.double({ min: 1 - RHO, max: 1 + RHO, noNaN: true });
const delay = fc.double({ min: 0, max: 20_000, noNaN: true });
const scene: fc.Arbitrary<Scene> = fc.record({
  holder: rate,
  grantor: rate,
  successor: rate,
  holdMs: fc.integer({ min: 1, max: LONGEST_HOLD }),
  exchanges: fc.array(fc.record({ sentAfter: delay, there: delay, back: delay }), {
    minLength: 1,
    maxLength: 8,
  }),
  end: fc.record({ wait: delay, there: delay, back: delay }),
});

interface Granted {
  readonly sentAt: number;
  readonly heardAt: number;
  readonly arrivesAt: number;
  readonly leaseMs: number;
}

/** True time begins with the commit of the hold. Every heartbeat with its grant, and the grantor's promise after them all. */
function grantAll(timings: Timings, { grantor, holdMs, exchanges }: Scene) {
  let trueNow = 0;
  let promise = LONG_AGO;
  const granted = exchanges.map(({ sentAfter, there, back }): Granted => {
    trueNow += sentAfter;
    const heardAt = trueNow + there;
    const rest = asDuration(Math.max(timings.holdMs, holdMs - heardAt * grantor));
    const leaseMs = rules.A4_lease(timings, { holdMs: asDuration(holdMs) }, rest);
    promise = rules.L2(promise, asMonotonic(heardAt * grantor), rules.A4(timings, leaseMs));
    return { sentAt: trueNow, heardAt, arrivesAt: heardAt + back, leaseMs };
  });
  return { granted, promise };
}

/** When the holder is fenced at the latest, in true time. `endedAt`: when it gave up the rest, after all of these heartbeats. */
function fencedAt(timings: Timings, { holder, holdMs }: Scene, granted: readonly Granted[], endedAt: number) {
  const expiryOf = (some: readonly Granted[], planned: number) =>
    some.reduce((expiry, { sentAt, leaseMs }) => {
      const counts = rules.A4_lease(timings, { holdMs: asDuration(planned) }, asDuration(leaseMs));
      return rules.L3(
        expiry,
        { sentAt: asMonotonic(sentAt * holder), answeredAt: asMonotonic(sentAt * holder) },
        counts,
      );
    }, LONG_AGO);
  const before = expiryOf(
    granted.filter(({ arrivesAt }) => arrivesAt < endedAt),
    holdMs,
  );
  const cut = earliest(before, after(asMonotonic(endedAt * holder), timings.holdMs));
  const late = expiryOf(
    granted.filter(({ arrivesAt }) => arrivesAt >= endedAt),
    timings.holdMs,
  );
  return (Math.max(cut, late) + timings.fenceMs) / holder;
}

describe.each(PROFILES)('a hold under the profile %s', (profile) => {
  const timings = timingsOf(profile);
  const holds = (property: (scene: Scene) => void): void =>
    fc.assert(fc.property(scene, property), { numRuns: 1000 });

  it('the old leader is fenced before the controller that granted appoints another', () => {
    holds((s) => {
      const { granted, promise } = grantAll(timings, s);
      expect(fencedAt(timings, s, granted, Infinity)).toBeLessThanOrEqual(promise / s.grantor + 1e-6);
    });
  });

  it('nor does a successor appoint too early, which knows only the plan', () => {
    holds((s) => {
      const { granted } = grantAll(timings, s);
      const electedAt = Math.max(...granted.map(({ heardAt }) => heardAt));
      const promise = rules.A2({
        receivedAt: asMonotonic(electedAt * s.successor),
        ttlMs: ELECTION.ttlMs,
        promiseMs: rules.A4(timings, asDuration(s.holdMs)),
        resignedRemainderMs: undefined,
      });
      expect(fencedAt(timings, s, granted, Infinity)).toBeLessThanOrEqual(promise / s.successor + 1e-6);
    });
  });

  it('and once the leader has given up the rest, D_G from the receipt of its answer is enough, whatever is on its way', () => {
    holds((s) => {
      const { granted } = grantAll(timings, s);
      const askedAt = Math.max(...granted.map(({ heardAt }) => heardAt)) + s.end.wait;
      const endedAt = askedAt + s.end.there;
      const heardAt = asMonotonic((endedAt + s.end.back) * s.grantor);
      const promise = rules.L2(LONG_AGO, heardAt, timings.promiseMs);
      expect(fencedAt(timings, s, granted, endedAt)).toBeLessThanOrEqual(promise / s.grantor + 1e-6);
    });
  });

  it('a successor that read no hold in the plan, back too early, would appoint while the old leader is open', () => {
    const { holdMs, fenceMs, promiseMs } = timings;
    const lease = rules.A4_lease(timings, { holdMs: LONGEST_HOLD }, LONGEST_HOLD);
    expect(lease + fenceMs).toBeGreaterThan(ELECTION.ttlMs + promiseMs);
    expect(lease).toBeGreaterThan(holdMs);
  });
});
