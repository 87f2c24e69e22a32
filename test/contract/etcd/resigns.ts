/** What a controller leaves on resigning is for exactly its successor (A2). */
import { describe, expect } from 'vitest';
import { asDuration } from '#core/brand.js';
import { compareTerms } from '#core/term.js';
import { ELECTION } from '#core/timings.js';
import { type ContractIt, elect, electOfTwo } from '#test/contract/etcd/controllers.js';

const RECORD = { controller: 'ctl-1', promises: { orders: asDuration(1234.5), stock: asDuration(0) } };
const CALL_MS = 1_500;

export function resigns(it: ContractIt): void {
  describe('resigns', () => {
    it('and hands its record to its successor, and to nobody after it', async ({ bed }) => {
      const { active, standby, elected } = await electOfTwo(bed);
      const resignedAt = bed.now();
      const answer = active.election.resign(RECORD);
      // before anything is sent
      expect(active.events.at(-1)).toMatchObject({ kind: 'deposed', term: elected.term });
      expect(await answer).toBe(true);
      const successor = await standby.next('elected');
      expect(successor.at - resignedAt).toBeLessThan(1_000);
      expect(successor.resigned).toEqual(RECORD);
      expect(compareTerms(successor.term, elected.term)).toBeGreaterThan(0);

      await bed.waitUntil('it to stand again', async () => (await standby.standbys()).length === 1);
      await standby.election.stop();
      const again = await active.next('elected', successor.at);
      expect(again.resigned).toBeUndefined();
      expect(active.all('deposed').length).toBe(1);
      expect(active.proofsOf(elected.term, resignedAt)).toEqual([]);
    });

    it('alone: stands aside for a while, then takes the role again with its own record', async ({ bed }) => {
      const { active } = await elect(bed);
      const resignedAt = bed.now();
      expect(await active.election.resign(RECORD)).toBe(true);
      const again = await active.next('elected', resignedAt);
      expect(again.at - resignedAt).toBeGreaterThan(ELECTION.ttlMs);
      expect(again.resigned).toEqual(RECORD);
    });

    it('in vain where it is not active, and leaves nothing', async ({ bed }) => {
      const { active, standby } = await electOfTwo(bed);
      expect(await standby.election.resign(RECORD)).toBe(false);
      const askedAt = bed.now();
      await active.election.stop();
      const successor = await standby.next('elected');
      expect(successor.at - askedAt).toBeLessThan(1_000);
      expect(successor.resigned).toBeUndefined();
    });

    it('in vain once its key is gone, and leaves nothing', async ({ bed }) => {
      const { active, standby, elected } = await electOfTwo(bed);
      await bed.deleteElectionKey();
      expect(await active.election.resign(RECORD)).toBe(false);
      const isNext = () => [...active.all('elected'), ...standby.all('elected')].length === 2;
      await bed.waitUntil('another', isNext);
      const next = [...active.all('elected'), ...standby.all('elected')].filter((one) => one !== elected);
      expect(next.map(({ resigned }) => resigned)).toEqual([undefined]);
    });

    it('unheard: its term is over all the same, and its successor waits in full', async ({ bed }) => {
      const { active, standby, elected } = await electOfTwo(bed);
      active.cut();
      const resignedAt = bed.now();
      const answer = active.election.resign(RECORD);
      expect(active.events.at(-1)).toMatchObject({ kind: 'deposed', term: elected.term });
      expect(await answer).toBe(false);
      expect(bed.now() - resignedAt).toBeLessThan(CALL_MS + 200);
      const successor = await standby.next('elected');
      expect(successor.resigned).toBeUndefined();
    });
  });
}
