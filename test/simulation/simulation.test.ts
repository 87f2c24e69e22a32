/** A quarter of a minute of the simulator in every test run; `npm run sim` goes on for as long as wanted. */
import { describe, expect, it } from 'vitest';
import { rules } from '#core/rules/index.js';
import { MISTAKES, plant } from '#test/planted/index.js';
import { searchSeeds } from '#test/simulation/commands/search.js';
import { ENGINE_NAMES } from '#test/simulation/models/kinds/index.js';
import { run } from '#test/simulation/run.js';

const SECONDS = 15;

describe('simulation', { timeout: 120_000 }, () => {
  it(`${SECONDS} s of seeds break no invariant`, () => {
    const told: string[] = [];
    const { violations, failovers, engines } = searchSeeds(
      { from: 1, seeds: Number.POSITIVE_INFINITY, seconds: SECONDS },
      (text) => told.push(text),
    );
    expect(Object.keys(engines).sort()).toEqual([...ENGINE_NAMES].sort());
    expect(violations, told.join('\n')).toBe(0);
    // Some ten a second where nothing else runs.
    expect(failovers).toBeGreaterThan(20);
  });

  it('a seed plays the same every time', () => {
    const once = run({ seed: 7, rules, isTraced: true });
    const again = run({ seed: 7, rules, isTraced: true });
    expect(again.trace).toEqual(once.trace);
    expect(again.events).toBe(once.events);
  });

  it.each(['L2-the-grant-before-the-promise', 'F1-opens-again-at-a-closed-epoch', 'a-fence-leaves-sessions'])(
    'finds %s within 500 seeds',
    (name) => {
      expect(Object.keys(MISTAKES)).toContain(name);
      const seeds = Array.from({ length: 500 }, (_, i) => i + 1);
      expect(seeds.some((seed) => run({ seed, ...plant(name) }).violation !== undefined)).toBe(true);
    },
  );
});
