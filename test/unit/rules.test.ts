import { describe, expect, it } from 'vitest';
import { asDuration, asEpoch, asMonotonic, asRevision, asVersion, asWall } from '#core/brand.js';
import { A3_shouldHandOver } from '#core/rules/authority.js';
import { rules } from '#core/rules/index.js';
import { sealEpoch } from '#core/rules/sealing.js';
import { LONGEST_HOLD, PROFILES, timingsOf } from '#core/timings.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { opening, plan, position, TERM } from '#test/scenarios/build.js';

const e = asEpoch;

describe('E', () => {
  it('E1 guards every write by election and plan', () => {
    expect(rules.E1(TERM, asRevision(7n))).toEqual({ term: TERM, planRevision: 7n });
  });
  it('E2 settles by the same content at the next version', () => {
    const p = plan();
    expect(rules.E2_settle(p)).toEqual({ ...p, version: p.version + 1n });
  });
  it('E2 goes on settling while etcd shows the revision from before', () => {
    const may = (
      outcome: 'committed' | 'refused' | 'unknown',
      settling: boolean,
      revisionMoved: boolean | undefined,
    ): boolean => rules.E2({ outcome, settling, revisionMoved });
    expect(may('unknown', false, undefined)).toBe(true);
    expect(may('refused', false, undefined)).toBe(false);
    expect(may('refused', true, false)).toBe(true);
    expect(may('refused', true, true)).toBe(false);
    expect(may('committed', false, undefined)).toBe(false);
  });
  it('E3 grants nothing for the old epoch while an appointment is on its way', () => {
    expect(rules.E3({ writing: e(4n), attempting: undefined }, e(3n))).toBe(false);
    expect(rules.E3({ writing: undefined, attempting: e(4n) }, e(3n))).toBe(false);
    expect(rules.E3({ writing: e(3n), attempting: e(3n) }, e(3n))).toBe(true);
    expect(rules.E3({ writing: undefined, attempting: undefined }, e(3n))).toBe(true);
  });
  it('E4 takes no plan read before the term was won', () => {
    expect(rules.E4(undefined, TERM)).toBe(false);
    expect(rules.E4({ ...TERM, revision: asRevision(9n) }, TERM)).toBe(false);
    // A restored etcd elects at the same revision once more.
    expect(rules.E4({ ...TERM, lease: '6' }, TERM)).toBe(false);
    expect(rules.E4(TERM, TERM)).toBe(true);
  });
  it('E5 refuses lower epochs and versions', () => {
    const known = { highestEpoch: e(5n), plan: { epoch: e(4n), version: asVersion(9n) } };
    expect(rules.E5(known, { epoch: e(4n), version: asVersion(10n) })).toBe('stale');
    expect(rules.E5(known, { epoch: e(5n), version: asVersion(10n) })).toBe('accept');
    expect(rules.E5({ ...known, highestEpoch: e(4n) }, { epoch: e(4n), version: asVersion(9n) })).toBe(
      'known',
    );
    expect(rules.E5({ ...known, highestEpoch: e(4n) }, { epoch: e(4n), version: asVersion(8n) })).toBe(
      'stale',
    );
  });
  it('E5 takes nobody for a member who has not the identity by which the plan names it', () => {
    const p = plan({ names: ['a', 'b'] });
    expect(rules.E5_member(p, { name: 'b', identity: 'old' })).toBe(true);
    expect(rules.E5_member(p, { name: 'b', identity: 'new' })).toBe(false);
    expect(rules.E5_member(p, { name: 'x', identity: 'new' })).toBe(true);
  });
  it('E6 finds a restored etcd by a plan newer than its own', () => {
    const stored = { epoch: e(3n), version: asVersion(9n) };
    expect(rules.E6(stored, { epoch: e(3n), version: asVersion(10n) })).toBe(true);
    expect(rules.E6(stored, { epoch: e(3n), version: asVersion(9n) })).toBe(false);
  });
});

describe('A', () => {
  const elected = { receivedAt: asMonotonic(100), ttlMs: asDuration(2000), promiseMs: asDuration(3056) };
  it('A2 waits TTL + D_G, or what a predecessor that resigned left', () => {
    expect(rules.A2({ ...elected, resignedRemainderMs: undefined })).toBe(5156);
    expect(rules.A2({ ...elected, resignedRemainderMs: asDuration(700) })).toBe(800);
  });
  it('A3 leaves the host of a leader only for a standby elsewhere', () => {
    expect(A3_shouldHandOver('h1', new Set(['h1']), ['h1', 'h2'])).toBe(true);
    expect(A3_shouldHandOver('h1', new Set(['h1']), ['h1', undefined])).toBe(false);
    expect(A3_shouldHandOver('h2', new Set(['h1']), ['h3'])).toBe(false);
  });
  it('A4 honours a hold as it honours a lease, and never for less than D_G', () => {
    for (const profile of PROFILES) {
      const timings = timingsOf(profile);
      const { fenceMs, holdMs, promiseMs } = timings;
      const held = rules.A4(timings, LONGEST_HOLD);
      expect(held).toBeGreaterThanOrEqual((LONGEST_HOLD + fenceMs) * (1.1 / 0.9));
      expect([rules.A4(timings, asDuration(0)), rules.A4(timings, holdMs)]).toEqual([promiseMs, promiseMs]);
    }
  });
  it('A4 grants no more than D_H, or than the hold that the plan carries', () => {
    const timings = timingsOf('balanced');
    const lease = (planned: number, wished: number): number =>
      rules.A4_lease(timings, { holdMs: asDuration(planned) }, asDuration(wished));
    expect(lease(0, 60_000)).toBe(2000);
    expect(lease(60_000, 60_000)).toBe(60_000);
    expect(lease(30_000, 60_000)).toBe(30_000);
    expect(lease(60_000, 1500)).toBe(1500);
  });
});

describe('L5', () => {
  const proof = {
    now: asMonotonic(10),
    promise: asMonotonic(20),
    fencedEpoch: e(2n),
    planEpoch: e(3n),
    lossless: false,
    vouchedUntil: asMonotonic(0),
    statedOff: false,
  };
  it('appoints on the end of the promise, a fence at this epoch, or the lossless rule, and on nothing else', () => {
    expect(rules.L5(proof)).toBeUndefined();
    expect(rules.L5({ ...proof, now: asMonotonic(20) })).toBe('lapsed');
    expect(rules.L5({ ...proof, fencedEpoch: e(3n) })).toBe('fenced');
    expect(rules.L5({ ...proof, lossless: true })).toBe('lossless');
    expect(rules.L5({ ...proof, statedOff: true })).toBe('stated');
  });
});

describe('S', () => {
  it('S1 takes a seal only above everything known, and repeats its answer', () => {
    expect(rules.S1({ highestEpoch: e(3n), sealedEpoch: e(0n) }, e(4n))).toBe('accept');
    expect(rules.S1({ highestEpoch: e(4n), sealedEpoch: e(4n) }, e(4n))).toBe('again');
    expect(rules.S1({ highestEpoch: e(4n), sealedEpoch: e(3n) }, e(4n))).toBe('stale');
    expect(rules.S1({ highestEpoch: e(5n), sealedEpoch: e(4n) }, e(4n))).toBe('stale');
  });
  it('S3 takes as proof only a mark of this epoch at or above the committed position', () => {
    const pending = plan({
      epoch: e(2n),
      opening: { state: 'pending', atLeast: position('1:100'), oldLeader: 'fenced', mayLack: false },
    });
    const opened = opening(2n, 'b', '2:130<1@120');
    expect(rules.S3(pending, opened)).toBe(true);
    expect(rules.S3(pending, opening(1n, 'b', '2:130<1@120'))).toBe(false);
    expect(rules.S3(pending, opening(2n, 'b', '2:95<1@90'))).toBe(false);
    expect(rules.S3(pending, undefined)).toBe(false);
  });
  it('S4 lets nobody follow before the proof', () => {
    expect(
      rules.S4(
        plan({ opening: { state: 'pending', atLeast: undefined, oldLeader: 'none', mayLack: false } }),
      ),
    ).toBe(false);
    expect(rules.S4(plan())).toBe(true);
  });
  it('S5: where fewer are sealed, nobody leads who may lack what replicas confirmed', () => {
    expect(rules.S5_keeps('strict', 1, true)).toBe(true);
    expect(rules.S5_keeps('strict', 0, true)).toBe(true);
    expect(rules.S5_keeps('available', 1, true)).toBe(true);
    expect(rules.S5_keeps('available', 0, true)).toBe(false);
    // None is counted on any more, but some were before the newest opening.
    expect(rules.S5_keeps('available', 0, false)).toBe(true);
    expect(rules.S5_keeps('async', 0, true)).toBe(false);
    expect(rules.S5_keeps('async', 0, false)).toBe(false);
    // Of a set that the policy no longer asks for, but the plan still counts on.
    expect(rules.S5_keeps('async', 1, true)).toBe(false);
  });

  it('S5: sealing any N-k+1 of the synchronous members meets every acknowledging k', () => {
    for (let n = 1; n <= 6; n++) {
      for (let k = 1; k <= n; k++) {
        for (let sealed = 0; sealed <= n; sealed++) {
          // Some k unsealed members could still acknowledge exactly when n - sealed >= k.
          expect(rules.S5(n, k, sealed)).toBe(n - sealed < k);
        }
      }
    }
    expect(rules.S5(3, 0, 3)).toBe(false);
  });
  it('the seal names an epoch above the plan and above all that was heard', () => {
    expect(sealEpoch(e(3n), [e(1n), e(5n), e(3n)])).toBe(6n);
    expect(sealEpoch(e(3n), [])).toBe(4n);
  });
});

describe('F and V', () => {
  it('F1: closed is closed', () => {
    expect(rules.F1({ fencedEpoch: e(3n), highestEpoch: e(3n) }, e(3n))).toBe(false);
    expect(rules.F1({ fencedEpoch: e(2n), highestEpoch: e(4n) }, e(3n))).toBe(false);
    expect(rules.F1({ fencedEpoch: e(3n), highestEpoch: e(4n) }, e(4n))).toBe(true);
  });
  it('F2: fenced with neither session nor orphan', () => {
    expect(rules.F2({ clientSessions: 0, orphans: 0 })).toBe(true);
    expect(rules.F2({ clientSessions: 0, orphans: 1 })).toBe(false);
    expect(rules.F2({ clientSessions: 1, orphans: 0 })).toBe(false);
  });
  it('V4: eligible no earlier than D_G after the leader acknowledged', () => {
    expect(rules.V4(undefined, asDuration(100), asMonotonic(1e9))).toBe(false);
    expect(rules.V4(asMonotonic(0), asDuration(100), asMonotonic(99))).toBe(false);
    expect(rules.V4(asMonotonic(0), asDuration(100), asMonotonic(100))).toBe(true);
  });
  it('V5: the first eligible set is who was eligible and sealed, less the leader', () => {
    expect(rules.V5(['b', 'c', 'd'], ['a', 'b', 'c'], 'b')).toEqual(['c']);
  });
  it('V7: only eligible members, unless the old leader is fenced', () => {
    const p = plan({ eligible: ['b'] });
    expect(rules.V7(p, 'b', false, false)).toBe(true);
    expect(rules.V7(p, 'c', false, false)).toBe(false);
    expect(rules.V7(p, 'c', true, false)).toBe(true);
  });
});

describe('damping', () => {
  const opens = asWall(1_000_000);
  const heldAt = (ms: number, over: Partial<ReturnType<typeof plan>> = {}): number => {
    const lastFailover = { epoch: e(4n), from: 'a', to: 'b', at: opens };
    const openings = [opening(4n, 'b', '1:50')];
    return rules.damping(
      plan({ epoch: e(4n), leader: 'b', openings, lastFailover, ...over }),
      asWall(opens + ms),
    );
  };
  const pending = { state: 'pending', atLeast: undefined, oldLeader: 'fenced', mayLack: false } as const;

  it('holds for what is left of the window, and no longer', () => {
    expect([0, 1, 59_999, 60_000, 1e9].map((ms) => heldAt(ms))).toEqual([60_000, 59_999, 1, 0, 0]);
    expect(heldAt(1, { policy: { ...DEFAULT_POLICY, failoverWindowMs: asDuration(0) } })).toBe(0);
  });
  it('holds nothing after none, and after one that seems to lie ahead', () => {
    expect(heldAt(1, { lastFailover: undefined })).toBe(0);
    expect(heldAt(-1)).toBe(0);
  });
  it('holds no other candidate of the same change of leader, whoever asked for it', () => {
    expect(heldAt(1, { opening: pending, openings: [opening(3n, 'a', '1:50')] })).toBe(0);
    expect(heldAt(1, { opening: pending, epoch: e(5n), leader: 'c' })).toBe(0);
  });
  it('holds beside a leader that is opened again', () => {
    expect(heldAt(1, { opening: pending, epoch: e(5n) })).toBe(59_999);
  });
});

describe('S1: what a leader that was closed can be relied on to have', () => {
  it('is all that it acknowledged, where its log outlasts its server, and nothing otherwise', () => {
    expect(rules.S1_keeps({ engine: 'postgres' })).toBe(true);
    expect(rules.S1_keeps({ engine: 'mariadb' })).toBe(true);
    expect(rules.S1_keeps({ engine: 'redis' })).toBe(false);
    expect(rules.S1_keeps({ engine: 'exec' })).toBe(false);
  });
});
