/** E1: a plan is written by whoever is active, over the plan that it has read, or nothing is. */
import { describe, expect } from 'vitest';
import { asEpoch } from '#core/brand.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import type { PlanStore } from '#controller/ports/plan-store.js';
import { type ContractIt, elect, electOfTwo } from '#test/contract/etcd/controllers.js';
import type { EtcdBed } from '#test/contract/etcd/harness.js';
import { entryOf, NONE, planOf, writerOf } from '#test/contract/etcd/plans.js';

async function electWriter(bed: EtcdBed) {
  const { active, elected } = await elect(bed);
  const { planStore } = active;
  return { elected, planStore, ...writerOf(planStore, elected.term) };
}

const epochsOf = async (store: PlanStore, cluster: string, limit = 100): Promise<bigint[]> =>
  (await store.ledger(cluster, limit)).map(({ epoch }) => epoch);

export function commits(it: ContractIt): void {
  describe('holds', () => {
    it('nothing at first', async ({ bed }) => {
      const { planStore } = await bed.controller('ctl-1');
      expect(await planStore.readAll()).toEqual([]);
      expect(await planStore.read('orders')).toBeUndefined();
      expect(await planStore.ledger('orders', 10)).toEqual([]);
    });

    it('what was committed, with the revision of the commit, for everybody who reads', async ({ bed }) => {
      const { elected, planStore, commit } = await electWriter(bed);
      const plan = planOf('orders', 1n);
      const entry = entryOf(plan);
      const revision = await commit(plan, NONE, { entry, policy: DEFAULT_POLICY });
      expect(revision).toBeGreaterThan(elected.term.revision);
      const stored = { plan, revision, policy: DEFAULT_POLICY, entry };
      const { planStore: elsewhere } = await bed.controller('ctl-2');
      for (const store of [planStore, elsewhere]) {
        expect(await store.read('orders')).toEqual(stored);
        expect(await store.readAll()).toEqual([stored]);
        expect(await store.ledger('orders', 1)).toEqual([entry]);
      }
      // A plan alone leaves the policy as it is.
      const later = await commit(planOf('orders', 1n, 2n), revision);
      expect(await planStore.read('orders')).toMatchObject({ policy: DEFAULT_POLICY, revision: later });
    });

    it('all clusters, each with its own ledger', async ({ bed }) => {
      const { planStore, commit } = await electWriter(bed);
      for (const name of ['a', 'orders', 'z']) {
        const plan = planOf(name, name === 'z' ? 2n : 1n);
        await commit(plan, NONE, { entry: entryOf(plan), policy: DEFAULT_POLICY });
      }
      expect((await planStore.readAll()).map(({ plan }) => plan.cluster).sort()).toEqual([
        'a',
        'orders',
        'z',
      ]);
      expect(await epochsOf(planStore, 'a')).toEqual([1n]);
      expect(await epochsOf(planStore, 'z')).toEqual([2n]);
    });

    it('the newest entries of the ledger, newest first, and never forgets the one that it writes', async ({
      bed,
    }) => {
      const { planStore, commit, begin } = await electWriter(bed);
      let revision = await begin(planOf('orders', 1n));
      for (let epoch = 2n; epoch <= 12n; epoch += 1n) {
        const plan = planOf('orders', epoch, epoch);
        const forgetUpTo = epoch > 5n ? asEpoch(epoch - 5n) : undefined;
        revision = await commit(plan, revision, { entry: entryOf(plan), forgetUpTo });
      }
      expect(await epochsOf(planStore, 'orders')).toEqual([12n, 11n, 10n, 9n, 8n]);
      expect(await epochsOf(planStore, 'orders', 2)).toEqual([12n, 11n]);
      expect(await epochsOf(planStore, 'orders', 0)).toEqual([]);
      const proved = { ...entryOf(planOf('orders', 12n)), outcome: 'proved' as const };
      const again = await commit(planOf('orders', 12n, 13n), revision, { entry: proved });
      expect(await epochsOf(planStore, 'orders')).toEqual([12n, 11n, 10n, 9n, 8n]);
      const plan = planOf('orders', 12n, 14n);
      await commit(plan, again, { entry: proved, forgetUpTo: plan.epoch });
      expect(await planStore.ledger('orders', 10)).toEqual([proved]);
    });
  });

  describe('refuses', () => {
    it('a write over a plan that has moved, or that was not there, and leaves nothing of it', async ({
      bed,
    }) => {
      const { planStore, write, commit, begin } = await electWriter(bed);
      const first = await begin(planOf('orders', 1n));
      const second = await commit(planOf('orders', 1n, 2n), first);
      const plan = planOf('orders', 2n, 3n);
      const more = { entry: entryOf(plan), policy: { ...DEFAULT_POLICY, profile: 'fast' as const } };
      for (const expected of [first, NONE])
        expect(await write(plan, expected, more)).toEqual({ kind: 'refused' });
      expect(await write({ ...plan, cluster: 'stock' }, second, more)).toEqual({ kind: 'refused' });
      const [stored, ...others] = await planStore.readAll();
      expect(others).toEqual([]);
      expect(stored).toMatchObject({ plan: { version: 2n }, revision: second, policy: DEFAULT_POLICY });
      expect(await planStore.ledger('orders', 10)).toEqual([]);
    });

    it('every write under a term that is over, also of one that is active again', async ({ bed }) => {
      const { active, elected } = await elect(bed);
      const { write, begin } = writerOf(active.planStore, elected.term);
      const revision = await begin(planOf('orders', 1n));
      await bed.deleteElectionKey();
      const plan = planOf('orders', 2n, 2n);
      expect(await write(plan, revision)).toEqual({ kind: 'refused' });
      const again = await active.next('elected', elected.at);
      expect(await write(plan, revision)).toEqual({ kind: 'refused' });
      expect(await active.planStore.read('orders')).toMatchObject({ revision });
      await writerOf(active.planStore, again.term).commit(plan, revision);
    });

    it('a write of a term that had the same revision, on another lease', async ({ bed }) => {
      const { active, standby, elected } = await electOfTwo(bed);
      await active.election.stop();
      const successor = await standby.next('elected');
      const plan = planOf('orders', 1n);
      const { lease } = elected.term;
      const before = writerOf(active.planStore, { ...successor.term, lease });
      expect(await before.write(plan, NONE, { policy: DEFAULT_POLICY })).toEqual({ kind: 'refused' });
      await writerOf(standby.planStore, successor.term).begin(plan);
    });

    it('a write of a term of an older generation, though its key is still there', async ({ bed }) => {
      const { active, elected } = await elect(bed);
      const { planStore } = await bed.controller('ctl-2');
      const write = writerOf(planStore, elected.term);
      const revision = await write.begin(planOf('orders', 1n));
      active.cut(); // It does not give its key up.
      await bed.raiseGeneration();
      expect(await write.write(planOf('orders', 1n, 2n), revision)).toEqual({ kind: 'refused' });
      expect(await planStore.read('orders')).toMatchObject({ revision });
    });

    it('a write under the term of a predecessor, which its successor is free to make', async ({ bed }) => {
      const { active, standby, elected } = await electOfTwo(bed);
      const old = writerOf(active.planStore, elected.term);
      const revision = await old.begin(planOf('orders', 1n));
      await active.election.stop();
      const successor = await standby.next('elected');
      const plan = planOf('orders', 2n, 2n);
      expect(await old.write(plan, revision)).toEqual({ kind: 'refused' });
      await writerOf(standby.planStore, successor.term).commit(plan, revision);
      expect(await active.planStore.read('orders')).toMatchObject({ plan });
    });
  });
}
