// Where a router sends clients, and when it holds them back: `decide` alone, played with what controllers say.
import { describe, expect, it } from 'vitest';
import fc from 'fast-check';
import { asDuration, asEpoch, asMonotonic } from '#core/brand.js';
import type { Topology } from '#core/topology.js';
import { decide, startState } from '#router/decide/decide.js';
import type { Effect, Input, RouterState } from '#router/decide/state.js';

const BUDGET = asDuration(3000);

function router(known?: bigint) {
  let now = 0;
  let state: RouterState = startState({
    orders: known === undefined ? undefined : { epoch: asEpoch(known), leader: address('old') },
  });
  let wakeAt = Number.POSITIVE_INFINITY;
  function take(input: Input): string[] {
    const decision = decide(state, input, { now: asMonotonic(now), budgetMs: BUDGET });
    ({ state, wakeAt } = decision);
    return decision.effects.map(show);
  }
  return {
    hear: (controller: string, epoch: bigint, leader?: string, pause?: bigint) =>
      take({ kind: 'topology', controller, topology: topology(epoch, leader, pause) }),
    lose: (controller: string) => take({ kind: 'lost', controller }),
    held: (number = 5n) => take({ kind: 'held', cluster: 'orders', number }),
    /** As the loop's timer does. */
    pass(ms: number): string[] {
      now += ms;
      return now >= wakeAt ? take({ kind: 'tick' }) : [];
    },
    word: () => state.clusters['orders']?.word,
    isPaused: () => state.clusters['orders']?.pause !== undefined,
    wakeAt: () => wakeAt,
  };
}

const address = (name: string) => ({ name, host: `${name}.example`, port: 5432 });
const topology = (epoch: bigint, leader?: string, pause?: bigint): Topology => ({
  ...{ cluster: 'orders', engine: 'postgres', epoch: asEpoch(epoch), replicas: [], pause },
  leader: leader === undefined || leader === 'nobody' ? undefined : address(leader),
  because: leader === undefined ? 'not-heard' : leader === 'nobody' ? 'none-leads' : undefined,
});

function show(effect: Effect): string {
  switch (effect.kind) {
    case 'lead':
      return `lead to ${effect.word.leader.name} at ${effect.word.epoch}${effect.led === 'leads' ? '' : `, who is ${effect.led}`}`;
    case 'hold':
      return 'hold';
    case 'letGo':
      return `let go: ${effect.because}`;
    case 'sayHeld':
      return `tell ${effect.asked.controller} of ${effect.asked.number}`;
  }
}

describe('the leader', () => {
  it('is the one of the highest epoch, whoever says it', () => {
    const r = router();
    expect(r.hear('one', 3n, 'ada')).toEqual(['lead to ada at 3']);
    expect(r.hear('two', 3n, 'ada')).toEqual([]);
    expect(r.hear('two', 4n, 'ben')).toEqual(['lead to ben at 4']);
    expect(r.hear('one', 3n, 'ada')).toEqual([]);
  });

  it('is not given up for none, nor for one of before, also across a restart', () => {
    const r = router(7n);
    expect(r.hear('one', 8n)).toEqual([]);
    expect(r.hear('one', 6n, 'ada')).toEqual([]);
    r.lose('one');
    expect(r.word()).toMatchObject({ epoch: 7n, leader: { name: 'old' } });
  });

  it('is known to be closed by who hears everybody, as long as nobody says otherwise', () => {
    const r = router();
    r.hear('one', 3n, 'ada');
    r.hear('two', 3n, 'ada');
    expect(r.hear('one', 3n, 'nobody')).toEqual([]);
    expect(r.hear('two', 3n, 'nobody')).toEqual(['lead to ada at 3, who is closed']);
    expect(r.hear('one', 3n)).toEqual([]);
    r.lose('one');
    expect(r.lose('two')).toEqual(['lead to ada at 3, who is unheard']);
  });

  it('is led to again at another address of the same epoch', () => {
    const r = router();
    r.hear('one', 3n, 'ada');
    expect(r.hear('one', 3n, 'ada-by-another-name')).toEqual(['lead to ada-by-another-name at 3']);
  });

  it('of other clusters is nobody', () => {
    const { effects } = decide(
      startState({ orders: undefined }),
      { kind: 'topology', controller: 'one', topology: { ...topology(3n, 'ada'), cluster: 'users' } },
      { now: asMonotonic(0), budgetMs: BUDGET },
    );
    expect(effects).toEqual([]);
  });
});

describe('clients are held back', () => {
  it('when the active controller asks, until the next one leads', () => {
    const r = router();
    r.hear('one', 3n, 'ada');
    expect(r.hear('one', 3n, 'ada', 5n)).toEqual(['hold']);
    expect(r.held()).toEqual(['tell one of 5']);
    // Said again: the answer may not have arrived.
    expect(r.hear('one', 3n, 'nobody', 5n)).toEqual(['tell one of 5', 'lead to ada at 3, who is closed']);
    expect(r.hear('two', 4n, 'ben')).toEqual(['lead to ben at 4', 'let go: led']);
    expect(r.hear('one', 4n, undefined, 5n)).toEqual([]);
  });

  it('until the switchover is called off by who began it, not by who knows nothing of it', () => {
    const r = router();
    r.hear('one', 3n, 'ada');
    r.hear('one', 3n, 'ada', 5n);
    expect(r.hear('two', 3n, 'ada')).toEqual([]);
    expect(r.hear('one', 3n, 'ada')).toEqual(['let go: called-off']);
    expect(r.hear('one', 3n, 'ada', 6n)).toEqual(['hold']);
  });

  it('while nobody leads, though nobody asks for it any more: who asked may have been deposed', () => {
    const r = router();
    r.hear('one', 3n, 'ada');
    r.hear('one', 3n, 'ada', 5n);
    expect(r.hear('one', 3n, 'nobody')).toEqual(['lead to ada at 3, who is closed']);
    expect(r.hear('two', 4n, 'ada')).toEqual(['lead to ada at 4', 'let go: led']);
  });

  it('for the pause that is asked for, not by what was held for another', () => {
    const r = router();
    r.hear('one', 3n, 'ada');
    r.hear('one', 3n, 'ada', 5n);
    expect(r.held(4n)).toEqual([]);
    expect(r.held(5n)).toEqual(['tell one of 5']);
  });

  it('for no longer than the budget, and not again for the same pause', () => {
    const r = router();
    r.hear('one', 3n, 'ada');
    r.hear('one', 3n, 'ada', 5n);
    expect(r.pass(2999)).toEqual([]);
    expect(r.pass(1)).toEqual(['let go: budget']);
    expect(r.hear('one', 3n, 'ada', 5n)).toEqual([]);
    expect(r.held()).toEqual([]);
  });

  it('though the controller is lost, for its successor may go on; the budget ends it', () => {
    const r = router();
    r.hear('one', 3n, 'ada');
    r.hear('one', 3n, 'ada', 5n);
    expect(r.lose('one')).toEqual(['lead to ada at 3, who is unheard']);
    expect(r.hear('two', 3n)).toEqual([]);
    expect(r.pass(3000)).toEqual(['let go: budget']);
  });

  it('not for the leader of an older epoch', () => {
    expect(router(7n).hear('one', 6n, 'ada', 5n)).toEqual([]);
  });
});

it('whatever is heard, in whatever order: no epoch below the last, and nobody is held back past the budget', () => {
  const controller = fc.constantFrom('one', 'two', 'three');
  const input = fc.oneof(
    fc.record({
      ...{ controller, epoch: fc.bigInt(1n, 5n) },
      leader: fc.option(fc.constantFrom('ada', 'ben'), { nil: undefined }),
      pause: fc.option(fc.bigInt(1n, 3n), { nil: undefined }),
    }),
    fc.record({ lost: controller }),
    fc.record({ ms: fc.nat(2000) }),
    fc.constant({ held: true }),
  );
  fc.assert(
    fc.property(fc.array(input, { maxLength: 60 }), (inputs) => {
      const r = router();
      let epoch = 0n;
      let heldFor = 0;
      for (const one of inputs) {
        const before = r.isPaused();
        if ('lost' in one) r.lose(one.lost);
        else if ('held' in one) r.held(1n);
        else if ('ms' in one) r.pass(one.ms);
        else r.hear(one.controller, one.epoch, one.leader, one.pause);
        expect(r.word()?.epoch ?? 0n).toBeGreaterThanOrEqual(epoch);
        epoch = r.word()?.epoch ?? 0n;
        heldFor = before && r.isPaused() ? heldFor + ('ms' in one ? one.ms : 0) : 0;
        expect(heldFor).toBeLessThan(BUDGET);
      }
    }),
  );
});
