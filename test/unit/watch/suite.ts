// Problem: the simulator's guard proves something only if the real one acts when it does.
// Rule: both take these cases, each on a bed of its own (harness.ts), on clocks that the bed moves.
// Consequence: the second layer of fencing (DESIGN 7.2) that is simulated is the one that is built.
import { describe, expect, it } from 'vitest';
import type { WatchBed } from '#test/unit/watch/harness.js';

const GRACE = 50;
/** Between two looks of a guard that waits for nothing in particular. */
const LOOK = 250;

export function watchContract(name: string, createBed: () => WatchBed): void {
  describe(`the watch of ${name}`, () => {
    it('leaves the agent a moment past the deadline, and closes what is open within F', async () => {
      const bed = createBed();
      const until = bed.now() + 1_000;
      bed.arm(1_000);
      await bed.pass(1_000 + GRACE - 2);
      expect(bed.fencedAt).toEqual([]);
      await bed.pass(4);
      expect(bed.fencedAt).toHaveLength(1);
      expect(bed.fencedAt[0]).toBeGreaterThanOrEqual(until + GRACE - 1);
      await bed.pass(bed.fenceMs - GRACE);
      expect(bed.isOpen()).toBe(false);
    });

    it('does nothing before it is armed, or to what is closed', async () => {
      const bed = createBed();
      await bed.pass(2_000);
      bed.close();
      bed.arm(100);
      await bed.pass(2_000);
      expect(bed.fencedAt).toEqual([]);
    });

    it('counts what the machine slept', async () => {
      const bed = createBed();
      bed.arm(10_000);
      await bed.pass(100);
      await bed.sleep(60_000);
      await bed.pass(LOOK);
      expect(bed.fencedAt).toHaveLength(1);
    });

    it('takes a later deadline for the one that it had', async () => {
      const bed = createBed();
      for (let renewed = 0; renewed < 10; renewed += 1) {
        bed.arm(600);
        await bed.pass(500);
      }
      expect(bed.fencedAt).toEqual([]);
      await bed.pass(100 + GRACE + 2);
      expect(bed.fencedAt).toHaveLength(1);
    });

    it('looks again and again, also while orders that are over keep coming', async () => {
      const bed = createBed();
      bed.arm(0);
      await bed.pass(LOOK);
      expect(bed.fencedAt).toHaveLength(1);
      expect(bed.isOpen()).toBe(false);
      bed.open();
      for (let tenth = 0; tenth < 5; tenth++) {
        await bed.pass(100);
        bed.arm(-1_000);
      }
      expect(bed.fencedAt).toHaveLength(2);
    });

    it('takes an earlier deadline at the same epoch, and nothing at a lower one', async () => {
      const bed = createBed();
      bed.arm('never', 2n);
      bed.arm(0, 1n);
      await bed.pass(1_000);
      expect(bed.fencedAt).toEqual([]);
      bed.arm(0, 2n);
      await bed.pass(GRACE + LOOK);
      expect(bed.fencedAt).toHaveLength(1);
    });

    it('takes a later deadline of a higher epoch after one that has come', async () => {
      const bed = createBed();
      bed.arm(0, 1n);
      await bed.pass(LOOK);
      bed.open();
      bed.arm(5_000, 2n);
      await bed.pass(2_000);
      expect(bed.fencedAt).toHaveLength(1);
      expect(bed.isOpen()).toBe(true);
    });

    it('does nothing any more once it is dismissed', async () => {
      const bed = createBed();
      bed.arm(100);
      bed.dismiss();
      await bed.pass(1_000);
      expect(bed.fencedAt).toEqual([]);
    });
  });
}
