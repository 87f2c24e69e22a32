/** Vouching (DESIGN 5): the lease's argument again, with every replica as a grantor; and the rules around it one by one. */
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { after, asDuration, asEpoch, asMonotonic, LONG_AGO, type MonotonicMs } from '#core/brand.js';
import { OLD_LEADER } from '#core/plan.js';
import { rules } from '#core/rules/index.js';
import { LONGEST_PROMISE, PROFILES, type ProfileName, RHO, timingsOf } from '#core/timings.js';
import type { VouchQuestion } from '#core/vouch.js';

const e = asEpoch;
const question: VouchQuestion = {
  cluster: 'demo',
  from: 'a',
  to: 'b',
  epoch: e(3n),
  nonce: 1n,
  incarnation: 'one',
  promiseMs: timingsOf('balanced').promiseMs,
};

describe('V1', () => {
  it('counts from the oldest of the newest sends that each member answered', () => {
    const sends = { b: asMonotonic(500), c: asMonotonic(250), d: asMonotonic(0) };
    expect(rules.V1(['b', 'c'], sends)).toBe(250);
    expect(rules.V1(['b'], sends)).toBe(500);
  });
  it('gives nothing while one of them has not answered, or when there is nobody to ask', () => {
    expect(rules.V1(['b', 'c'], { b: asMonotonic(500) })).toBeUndefined();
    expect(rules.V1([], { b: asMonotonic(500) })).toBeUndefined();
    expect(rules.V1(['constructor'], {})).toBeUndefined();
  });
});

describe('V2', () => {
  const plan = { epoch: e(3n), leader: 'a' };
  const known = { cluster: 'demo', member: 'b', highestEpoch: e(3n), plan };

  it('a replica vouches for the leader that it knows of, and for one of a higher epoch', () => {
    expect(rules.V2(known, question)).toBe('promise');
    expect(rules.V2(known, { ...question, from: 'c', epoch: e(4n) })).toBe('promise');
  });
  it('a replica sealed for a higher epoch refuses, one sealed for the asked epoch does not', () => {
    expect(rules.V2({ ...known, highestEpoch: e(4n) }, question)).toBe('superseded');
    expect(rules.V2({ ...known, highestEpoch: e(4n) }, { ...question, from: 'c', epoch: e(4n) })).toBe(
      'promise',
    );
  });
  it('nobody vouches for another than the leader, under a wrong name, without a plan, or for too long', () => {
    expect(rules.V2(known, { ...question, from: 'c' })).toBe('not-the-leader');
    expect(rules.V2(known, { ...question, to: 'c' })).toBe('other-member');
    expect(rules.V2(known, { ...question, cluster: 'other' })).toBe('other-member');
    expect(rules.V2({ ...known, plan: undefined }, question)).toBe('no-plan');
    const tooLong = asDuration(LONGEST_PROMISE + 1);
    expect(rules.V2(known, { ...question, promiseMs: tooLong })).toBe('too-long');
  });
  it('under a promise a member opens only after a leader that can do no harm', () => {
    const during = { now: asMonotonic(99), until: asMonotonic(100) };
    const opened = OLD_LEADER.filter((oldLeader) =>
      rules.V2_open(during, { state: 'pending', atLeast: undefined, oldLeader, mayLack: false }),
    );
    expect(opened).toEqual(OLD_LEADER.filter((oldLeader) => oldLeader !== 'lapsed'));
    expect(rules.V2_open(during, { state: 'proved' })).toBe(false);
    const lapsed = { state: 'pending', atLeast: undefined, oldLeader: 'lapsed', mayLack: false } as const;
    expect(rules.V2_open({ ...during, now: asMonotonic(100) }, lapsed)).toBe(true);
  });
});

describe('V3', () => {
  const start = { at: asMonotonic(1000), knewPlan: true, openedItself: false };

  it('a start counts as the longest promise there is', () => {
    expect(rules.V3(start)).toBe(1000 + LONGEST_PROMISE);
    for (const profile of PROFILES) expect(timingsOf(profile).promiseMs).toBeLessThanOrEqual(LONGEST_PROMISE);
  });
  it('but not for an epoch that it opened itself, nor where there never was a plan', () => {
    expect(rules.V3({ ...start, openedItself: true })).toBe(LONG_AGO);
    expect(rules.V3({ ...start, knewPlan: false })).toBe(LONG_AGO);
  });
});

describe('V4', () => {
  it.each(PROFILES)('%s: whoever is away for long is left out, and nobody for a blink', (profile) => {
    const { absenceMs, silenceMs } = timingsOf(profile);
    expect(rules.V4_leave(absenceMs, absenceMs)).toBe(true);
    expect(rules.V4_leave(asDuration(absenceMs - 1), absenceMs)).toBe(false);
    expect(absenceMs).toBeGreaterThanOrEqual(Math.max(5000, 4 * silenceMs));
  });
});

describe('L5 after a leader that merely lapsed', () => {
  const proof = {
    now: asMonotonic(10),
    promise: asMonotonic(0),
    fencedEpoch: e(4n),
    planEpoch: e(4n),
    lossless: false,
    vouchedUntil: asMonotonic(20),
    statedOff: false,
  };
  it('says lapsed of the next one too, fenced or off, until the vouches for the first have run out', () => {
    expect(rules.L5(proof)).toBe('lapsed');
    expect(rules.L5({ ...proof, fencedEpoch: e(3n), promise: asMonotonic(50), statedOff: true })).toBe(
      'lapsed',
    );
    expect(rules.L5({ ...proof, fencedEpoch: e(3n), promise: asMonotonic(50) })).toBeUndefined();
    expect(rules.L5({ ...proof, now: asMonotonic(20) })).toBe('fenced');
  });
});

interface Answer {
  readonly delayThere: number;
  readonly delayBack: number;
  readonly lost: boolean;
}
interface Replica {
  readonly rate: number;
  readonly sealedAt: number;
  /** One per round. */
  readonly answers: readonly Answer[];
}

const ROUNDS = 6;
const rate = fc.double({ min: 1 - RHO, max: 1 + RHO, noNaN: true });
const replica: fc.Arbitrary<Replica> = fc.record({
  rate,
  sealedAt: fc.double({ min: 0, max: 20_000, noNaN: true }),
  answers: fc.array(
    fc.record({
      delayThere: fc.double({ min: 0, max: 5000, noNaN: true }),
      delayBack: fc.double({ min: 0, max: 5000, noNaN: true }),
      lost: fc.boolean(),
    }),
    { minLength: ROUNDS, maxLength: ROUNDS },
  ),
});

/**
 * Rounds of a leader whose last grant was sent at 0, in true time; answers when it is fenced at the latest, and when each replica may
 * open at the earliest.
 */
function play(
  profile: ProfileName,
  holderRate: number,
  replicas: readonly Replica[],
  gaps: readonly number[],
) {
  const t = timingsOf(profile);
  const names = replicas.map((_, i) => `r${i}`);
  const sends = gaps.map((_, i) => gaps.slice(0, i + 1).reduce((sum, gap) => sum + gap, 0));
  const promises: MonotonicMs[] = replicas.map(() => LONG_AGO);
  const arrivals: { readonly at: number; readonly who: number; readonly sentAt: number }[] = [];
  for (const [i, { rate: own, sealedAt, answers }] of replicas.entries()) {
    for (const [round, sentAt] of sends.entries()) {
      const { delayThere, delayBack, lost } = answers[round]!;
      const heardAt = sentAt + delayThere;
      if (heardAt >= sealedAt) continue;
      const until = after(asMonotonic(heardAt * own), t.promiseMs);
      if (until > promises[i]!) promises[i] = until;
      if (!lost) arrivals.push({ at: heardAt + delayBack, who: i, sentAt });
    }
  }
  let expiry = asMonotonic(t.holdMs);
  let vouched = false;
  const answered: Record<string, MonotonicMs> = {};
  for (const { at, who, sentAt } of arrivals.sort((a, b) => a.at - b.at)) {
    // Closed is closed (F1).
    if (!rules.L4(asMonotonic(at * holderRate), expiry)) break;
    const name = names[who]!;
    const known = answered[name] ?? LONG_AGO;
    answered[name] = known > sentAt * holderRate ? known : asMonotonic(sentAt * holderRate);
    const from = rules.V1(names, answered);
    if (from === undefined) continue;
    vouched = true;
    expiry = rules.L3(expiry, { sentAt: from, answeredAt: from }, t.holdMs);
  }
  return {
    // What the last grant gave, the controllers' own promise covers.
    fencedAt: vouched && expiry > t.holdMs ? (expiry + t.fenceMs) / holderRate : 0,
    opensAt: replicas.map(({ rate: own }, i) => promises[i]! / own),
  };
}

describe('vouched for', () => {
  it.each(PROFILES)(
    '%s: whatever clocks, network and seals do, a leader is fenced before any replica opens',
    (profile) => {
      fc.assert(
        fc.property(
          rate,
          fc.array(replica, { minLength: 1, maxLength: 3 }),
          fc.array(fc.double({ min: 0, max: 2000, noNaN: true }), { minLength: ROUNDS, maxLength: ROUNDS }),
          (holder, replicas, gaps) => {
            const { fencedAt, opensAt } = play(profile, holder, replicas, gaps);
            for (const opens of opensAt) if (fencedAt > 0) expect(fencedAt).toBeLessThanOrEqual(opens + 1e-6);
          },
        ),
        { numRuns: 2000 },
      );
    },
  );

  it('goes on through any number of rounds that are answered in time', () => {
    const answers = Array.from({ length: ROUNDS }, () => ({ delayThere: 5, delayBack: 5, lost: false }));
    const well = { rate: 1, sealedAt: 20_000, answers };
    const { fencedAt } = play(
      'balanced',
      1,
      [well, well],
      Array.from({ length: ROUNDS }, () => 1500),
    );
    expect(fencedAt).toBe(ROUNDS * 1500 + 2000 + 500);
  });
});
