/** At most one controller is active for all that etcd knows, and each term is above every one before (A1, E4). */
import { describe, expect } from 'vitest';
import { compareTerms } from '#core/term.js';
import { ELECTION } from '#core/timings.js';
import { type ContractIt, elect, electOfTwo, stand } from '#test/contract/etcd/controllers.js';

export function elects(it: ContractIt): void {
  describe('elects', () => {
    it('one of two candidates; the other is known as a standby, by its host', async ({ bed }) => {
      const candidates = [await stand(bed, 'ctl-1', 'rack-1'), await stand(bed, 'ctl-2', 'rack-2')];
      await bed.waitUntil('one to be elected', () => candidates.some(({ all }) => all('proof').length > 1));
      const [active, ...others] = candidates.filter(({ all }) => all('elected').length > 0);
      const [standby] = candidates.filter(({ events }) => events.length === 0);
      expect(others).toEqual([]);
      await bed.waitUntil('the standby to be known', async () => (await active!.standbys()).length > 0);
      expect(await active?.standbys()).toEqual([standby?.name === 'ctl-1' ? 'rack-1' : 'rack-2']);
    });

    it('with a first proof from before its answer, and proves it again and again', async ({ bed }) => {
      const { active, elected } = await elect(bed);
      expect(elected.sentAt).toBeLessThan(elected.receivedAt);
      await bed.waitUntil('four proofs', () => active.all('proof').length >= 4);
      const [, second, third] = active.all('proof'); // the first follows the election at once
      const gap = third!.keepaliveSentAt - second!.keepaliveSentAt;
      expect(gap).toBeGreaterThan(ELECTION.proofMs - 10);
      expect(gap).toBeLessThan(ELECTION.proofMs + 200);
      for (const { term, keepaliveSentAt, checkSentAt, at } of active.all('proof')) {
        expect(term).toEqual(elected.term);
        expect(checkSentAt).toBeGreaterThanOrEqual(keepaliveSentAt);
        expect(active.onBed(checkSentAt)).toBeLessThan(at);
      }
    });

    it('nobody else while the active one is silent, until its lease has ended', async ({ bed }) => {
      const { active, standby, elected } = await electOfTwo(bed);
      const last = await active.next('proof', bed.now());
      active.cut();
      const successor = await standby.next('elected');
      expect(compareTerms(successor.term, elected.term)).toBeGreaterThan(0);
      expect(successor.at - active.onBed(last.keepaliveSentAt)).toBeGreaterThan(ELECTION.ttlMs);
      expect(active.all('deposed')).toEqual([]);
      // and it is told once it can be
      active.mend();
      expect((await active.next('deposed')).term).toEqual(elected.term);
      await bed.pass(2 * ELECTION.proofMs);
      const late = active.all('proof').filter((proof) => active.onBed(proof.keepaliveSentAt) > successor.at);
      expect(late).toEqual([]);
    });

    it('another once the key of the active one is deleted, which is deposed', async ({ bed }) => {
      const { active, standby, elected } = await electOfTwo(bed);
      const deletedAt = bed.now();
      await bed.deleteElectionKey();
      const deposed = await active.next('deposed');
      expect(deposed.term).toEqual(elected.term);
      expect(deposed.at - deletedAt).toBeLessThan(ELECTION.proofMs + 200);
      const isNext = () => [...active.all('elected'), ...standby.all('elected')].length === 2;
      await bed.waitUntil('another', isNext);
      const [, ...again] = active.all('elected');
      const [next] = [...again, ...standby.all('elected')];
      expect(compareTerms(next!.term, elected.term)).toBeGreaterThan(0);
      expect(active.proofsOf(elected.term, deposed.at)).toEqual([]);
    });

    it('anew, at a higher generation, once that is raised', async ({ bed }) => {
      const { active, elected } = await elect(bed);
      expect(elected.term.generation).toBe(0n);
      await bed.raiseGeneration();
      expect((await active.next('deposed')).term).toEqual(elected.term);
      const again = await active.next('elected', elected.at);
      expect(again.term.generation).toBe(1n);
      expect(compareTerms(again.term, elected.term)).toBeGreaterThan(0);
    });

    it('nobody by an answer that is lost: the key is freed, and it begins again', async ({ bed }) => {
      const { active, standby, elected } = await electOfTwo(bed);
      standby.deafenOnceElected();
      await active.election.stop();
      await bed.pass(ELECTION.proofMs);
      expect(standby.events).toEqual([]);
      standby.mend();
      const again = await standby.next('elected');
      // The revision between was that of a term that nobody had.
      expect(again.term.revision).toBeGreaterThan(elected.term.revision + 1n);
      await standby.next('proof');
    });

    it('another at once when the active one stops, which is told nothing more', async ({ bed }) => {
      const { active, standby, elected } = await electOfTwo(bed);
      const [heard, stoppedAt] = [active.events.length, bed.now()];
      await active.election.stop();
      const successor = await standby.next('elected');
      expect(successor.at - stoppedAt).toBeLessThan(1_000);
      expect(compareTerms(successor.term, elected.term)).toBeGreaterThan(0);
      expect(successor.resigned).toBeUndefined();
      await bed.pass(ELECTION.proofMs);
      expect(active.events.length).toBe(heard);
    });
  });
}
