// S5 and S6 against a model of acknowledgements: which members have which write is all that matters, and every sealing that the committed
// plan calls enough has to hold every acknowledged write, at every instant of every change.
import { describe, expect, it } from 'vitest';
import { type Durability, type PlannedDurability, sameDurability } from '#core/durability.js';
import { S5_atOpening, S6_changeOrder, S6_keepsTo, S6_mayCount } from '#core/rules/durability.js';
import { DEFAULT_POLICY, type Policy } from '#core/policy.js';
import { tooMany } from '#controller/decide/care.js';
import { rules } from '#core/rules/index.js';

const REPLICAS = ['b', 'c', 'd'] as const;

const subsets = (names: readonly string[]): readonly (readonly string[])[] =>
  names.reduce<readonly (readonly string[])[]>(
    (all, name) => [...all, ...all.map((one) => [...one, name])],
    [[]],
  );

const all: readonly Durability[] = subsets(REPLICAS).flatMap((synchronous) =>
  Array.from({ length: synchronous.length + 1 }, (_, acknowledgements) => ({
    synchronous,
    acknowledgements,
  })),
);

/** Which members may be all that have a write that was acknowledged under this. */
const acknowledging = ({ synchronous, acknowledgements }: Durability): readonly (readonly string[])[] =>
  subsets(synchronous).filter((some) => some.length === acknowledgements);

/** Whether every sealing that is enough by the plan meets everybody who may have the write. */
function isFound(counted: Durability, holders: readonly string[]): boolean {
  const { synchronous, acknowledgements } = counted;
  return subsets(synchronous)
    .filter((sealed) => rules.S5(synchronous.length, acknowledgements, sealed.length))
    .every((sealed) => sealed.some((name) => holders.includes(name)));
}

const claims = (counted: Durability, holders: readonly (readonly string[])[]): boolean =>
  holders.every((some) => isFound(counted, some));

/** One change from `from` to `to` as the rules order it, with an acknowledgement at every instant. */
function goesWell(from: Durability, to: Durability, order: 'store-first' | 'leader-first'): boolean {
  const before = acknowledging(from);
  const after = acknowledging(to);
  if (order === 'store-first') {
    // etcd has `to`; the leader still acknowledges by `from`, and at any moment begins to by `to`.
    return claims(from, before) && claims(to, [...before, ...after]);
  }
  // The leader acknowledges by `to` already; etcd still has `from`.
  if (!claims(from, [...before, ...after])) return false;
  // Every set of members that may have caught up by when etcd is written: whoever has caught up has all that was written before.
  return subsets(REPLICAS).every((level) => {
    const holders = to.synchronous.filter((name) => level.includes(name)).length;
    if (!S6_mayCount(to, to, holders)) return true;
    return claims(to, [...before.map((some) => [...new Set([...some, ...level])]), ...after]);
  });
}

describe('S6', () => {
  it('adding or lowering goes to etcd first, removing or raising to the leader, one change at a time', () => {
    const set = (members: string, acknowledgements: number): Durability => ({
      synchronous: members.split(''),
      acknowledgements,
    });
    expect(S6_changeOrder(set('ab', 1), set('abc', 1))).toBe('store-first');
    expect(S6_changeOrder(set('abc', 2), set('abc', 1))).toBe('store-first');
    expect(S6_changeOrder(set('abc', 1), set('ab', 1))).toBe('leader-first');
    expect(S6_changeOrder(set('abc', 1), set('abc', 2))).toBe('leader-first');
    expect(S6_changeOrder(set('ab', 1), set('abc', 2))).toBe('refuse');
    expect(S6_changeOrder(set('ab', 1), set('ac', 1))).toBe('refuse');
  });

  it('every sealing that is enough by the plan holds every acknowledged write, at every instant of every change', () => {
    let changes = 0;
    for (const from of all)
      for (const to of all) {
        const order = S6_changeOrder(from, to);
        if (order === 'refuse') continue;
        changes += 1;
        expect(goesWell(from, to, order), `${JSON.stringify(from)} to ${JSON.stringify(to)}`).toBe(true);
      }
    expect(changes).toBeGreaterThan(50);
  });

  it('the other order loses writes for some change of each kind', () => {
    const wrong = all.flatMap((from) =>
      all.flatMap((to) => {
        const order = S6_changeOrder(from, to);
        if (order === 'refuse') return [];
        const other = order === 'store-first' ? 'leader-first' : 'store-first';
        return goesWell(from, to, other) ? [] : [{ from, to }];
      }),
    );
    const kinds = new Set(
      wrong.map(({ from, to }) => {
        const size = Math.sign(to.synchronous.length - from.synchronous.length);
        return `${size} ${Math.sign(to.acknowledgements - from.acknowledgements)}`;
      }),
    );
    expect([...kinds].sort()).toEqual(['-1 0', '0 -1', '0 1', '1 0']);
  });

  it('a setting keeps to a plan exactly if whatever it acknowledges is found by the plan', () => {
    for (const applied of all)
      for (const counted of all)
        expect(S6_keepsTo(applied, counted), JSON.stringify({ applied, counted })).toBe(
          counted.acknowledgements === 0 || claims(counted, acknowledging(applied)),
        );
  });

  it('a claim is raised only as far as members hold what was written before', () => {
    const set = { synchronous: ['b', 'c'], acknowledgements: 2 };
    expect(S6_mayCount(set, set, 1)).toBe(false);
    expect(S6_mayCount(set, set, 2)).toBe(true);
    expect(S6_mayCount(set, { ...set, acknowledgements: 1 }, 2)).toBe(false);
  });
});

describe('S5 across an appointment', () => {
  const opened = (
    mode: 'available' | 'strict',
    before: Durability,
    opening: Parameters<typeof S5_atOpening>[2],
  ): PlannedDurability => S5_atOpening({ mode, acknowledgements: before.acknowledgements }, before, opening);

  it('a plan of a new epoch claims no more than holds for the writes of the old one', () => {
    for (const before of all)
      for (const leader of REPLICAS)
        for (const sealed of subsets(REPLICAS).filter((some) => some.includes(leader)))
          for (const level of subsets(sealed))
            for (const mode of ['available', 'strict'] as const) {
              if (before.acknowledgements === 0) continue;
              const plan = opened(mode, before, { leader, sealed, level });
              expect(plan.synchronous).not.toContain(leader);
              // Old writes: on the heir, which may be gone, and on whoever is level with it.
              expect(claims(plan, [level])).toBe(true);
              expect(S6_keepsTo(plan.atLeader, plan)).toBe(true);
            }
  });

  it('strict keeps the old set and waits for as many as ever; available for those that are sealed', () => {
    const before = { synchronous: ['b', 'c', 'd'], acknowledgements: 2 };
    const opening = { leader: 'b', sealed: ['b', 'c'], level: ['b', 'c'] };
    expect(opened('strict', before, opening)).toEqual({
      synchronous: ['c', 'd'],
      acknowledgements: 1,
      atLeader: { synchronous: ['c', 'd'], acknowledgements: 2 },
    });
    const available = opened('available', before, opening);
    expect(available).toMatchObject({ synchronous: ['c'], acknowledgements: 1 });
    expect(sameDurability(available, available.atLeader)).toBe(true);
  });
});

describe('what an engine can enforce', () => {
  const asked = (acknowledgements: number): Policy => ({
    ...DEFAULT_POLICY,
    durability: { mode: 'strict', acknowledgements },
  });

  it('is one acknowledgement on MariaDB, and a policy that asks for more is refused by name', () => {
    expect(tooMany('mariadb', asked(1))).toBeUndefined();
    expect(tooMany('mariadb', asked(2))).toMatchObject({
      code: 'DURABILITY_UNENFORCEABLE',
      evidence: { engine: 'mariadb', asked: 2, most: 1 },
    });
    expect(tooMany('postgres', asked(16))).toBeUndefined();
  });
});
