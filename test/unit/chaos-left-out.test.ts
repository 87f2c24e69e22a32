/** What an engine lacks leaves out whatever rests on it, always with the reason; and whatever is an engine here can be installed. */
import { describe, expect, it } from 'vitest';
import { EVERY_CELL, FAULTS } from '#test/chaos/faults/index.js';
import { leftOutInWords, whyLeftOut } from '#test/chaos/left-out.js';
import { type EngineKit, KIT_NAMES, KITS } from '#test/cluster/engines.js';

/** Runs before anything is compiled, so it is no module of ours. */
const SETUP = '../setup.mjs';
const COMPAT = '../compat/servers.mjs';

const ABLE = { called: 'Able', lacks: {} };
const STRANDED = { called: 'Stranded', lacks: { rejoinsDiverged: 'it is new' } };
const HASTY = { called: 'Hasty', lacks: { confirms: 'it never waits' } };

describe('a fault', () => {
  it('is left out where the old leader could not come back, and under no durability where it can', () => {
    expect(whyLeftOut(ABLE, FAULTS['leader-isolated'], 'strict')).toBeUndefined();
    expect(whyLeftOut(STRANDED, FAULTS['leader-isolated'], 'async')).toContain('it is new');
    // Its tail is taken, or nothing happens to it.
    for (const fault of ['database-killed', 'database-frozen', 'etcd-gone', 'replica-lost'] as const)
      expect(whyLeftOut(STRANDED, FAULTS[fault], 'strict'), fault).toBeUndefined();
  });

  it('is left out under a durability that there is not', () => {
    expect(whyLeftOut(HASTY, FAULTS['etcd-gone'], 'async')).toBeUndefined();
    expect(whyLeftOut(HASTY, FAULTS['etcd-gone'], 'available')).toContain('it never waits');
  });

  it('that is left out is told with its reason, once', () => {
    expect(leftOutInWords(ABLE, FAULTS, EVERY_CELL)).toEqual([]);
    expect(leftOutInWords(HASTY, FAULTS, EVERY_CELL)).toEqual([
      'Hasty has no write that waits for a replica here: it never waits: all under available, all under strict',
    ]);
    const [line = '', ...others] = leftOutInWords(STRANDED, FAULTS, EVERY_CELL);
    expect(others).toEqual([]);
    expect(line.split(' leader-isolated')).toHaveLength(2);
  });
});

describe('an engine', () => {
  it('is called what --engine calls it, and is installed by that name', async () => {
    const setup = (await import(SETUP)) as { isServer(name: string): boolean };
    const compat = (await import(COMPAT)) as { isLaidOut(name: string): boolean };
    for (const name of KIT_NAMES) {
      expect(KITS[name].name).toBe(name);
      const { isLaidOut = false }: EngineKit = KITS[name];
      expect(compat.isLaidOut(name), name).toBe(isLaidOut);
      expect(setup.isServer(name), name).toBe(!isLaidOut);
    }
  });
});
