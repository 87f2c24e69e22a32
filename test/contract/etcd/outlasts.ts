/** An etcd that does not answer is no event: authority runs out by itself (A1), and leases are no shorter for it. */
import { describe, expect } from 'vitest';
import { compareTerms } from '#core/term.js';
import { ELECTION } from '#core/timings.js';
import { type ContractIt, elect, electOfTwo } from '#test/contract/etcd/controllers.js';

/** How often etcd looks for leases that are over. */
const SCAN_MS = 500;

export function outlasts(it: ContractIt): void {
  describe('outlasts', () => {
    it('a pause shorter than the lease: nothing is told, and the same term is proved afterwards', async ({
      bed,
    }) => {
      const { active, elected } = await elect(bed);
      await active.next('proof', bed.now());
      const pausedAt = bed.now();
      bed.pause();
      await bed.pass(ELECTION.ttlMs / 2);
      expect(active.all('proof').filter(({ at }) => at > pausedAt + 100)).toEqual([]);
      bed.resume();
      expect((await active.next('proof', bed.now())).term).toEqual(elected.term);
      expect(active.all('deposed')).toEqual([]);
    });

    it('a pause longer than the lease: it is told that its term is over once etcd answers', async ({
      bed,
    }) => {
      const { active, elected } = await elect(bed);
      bed.pause();
      await bed.pass(ELECTION.ttlMs + ELECTION.proofMs + SCAN_MS);
      expect(active.all('deposed')).toEqual([]);
      bed.resume();
      const deposed = await active.next('deposed');
      expect(deposed.term).toEqual(elected.term);
      const again = await active.next('elected', deposed.at);
      expect(compareTerms(again.term, elected.term)).toBeGreaterThan(0);
    });

    it("a change of etcd's leader with the same term", async ({ bed }) => {
      const { active, elected } = await elect(bed);
      await bed.changeLeader();
      const changedAt = bed.now();
      expect((await active.next('proof', changedAt)).term).toEqual(elected.term);
      expect(active.all('deposed')).toEqual([]);
    });

    it("a lease begins anew with etcd's leader, and is never shorter", async ({ bed }) => {
      const { active, standby, elected } = await electOfTwo(bed);
      await active.next('proof', bed.now());
      active.cut();
      await bed.pass(ELECTION.ttlMs / 2);
      const changedAt = bed.now();
      await bed.changeLeader();
      const successor = await standby.next('elected');
      expect(successor.at - changedAt).toBeGreaterThan(ELECTION.ttlMs);
      expect(compareTerms(successor.term, elected.term)).toBeGreaterThan(0);
    });
  });
}
