/** E2: where nobody knows what became of a write, it is overwritten until the revision has moved, and then it is known. */
import { describe, expect } from 'vitest';
import { StoreUnavailable } from '#controller/ports/plan-store.js';
import { type ContractIt, elect } from '#test/contract/etcd/controllers.js';
import type { EtcdBed } from '#test/contract/etcd/harness.js';
import { planOf, settle, writerOf } from '#test/contract/etcd/plans.js';

const CALL_MS = 1_500;

/** A failover that is about to be written by one who was active a moment ago, and whose key nothing but time can end. */
async function prepare(bed: EtcdBed) {
  const { active, elected } = await elect(bed);
  const writer = writerOf(active.planStore, elected.term);
  const before = await writer.begin(planOf('orders', 1n));
  const failover = { ...planOf('orders', 2n, 2n), leader: 'pg-2' };
  await active.next('proof', bed.now());
  return { active, writer, before, failover };
}

export function settles(it: ContractIt): void {
  describe('settles', () => {
    it('a write that was applied, and whose answer was lost: overwriting it is refused', async ({ bed }) => {
      const { active, writer, before, failover } = await prepare(bed);
      active.deafen();
      const writtenAt = bed.now();
      expect((await writer.write(failover, before)).kind).toBe('unknown');
      expect(bed.now() - writtenAt).toBeLessThan(CALL_MS + 200);
      active.mend();
      expect((await settle(writer, failover, before)).outcome).toEqual({ kind: 'refused' });
      const stored = await active.planStore.read('orders');
      expect(stored?.plan).toEqual(failover);
      expect(stored?.revision).toBeGreaterThan(before);
    });

    it('a write that was never applied: overwriting it is committed', async ({ bed }) => {
      const { active, writer, before, failover } = await prepare(bed);
      const { planStore: elsewhere } = await bed.controller('ctl-2');
      active.cut();
      expect((await writer.write(failover, before)).kind).toBe('unknown');
      expect(await elsewhere.read('orders')).toMatchObject({ revision: before });
      active.mend();
      const { outcome, plan } = await settle(writer, failover, before);
      expect(outcome.kind).toBe('committed');
      expect((await active.planStore.read('orders'))?.plan).toEqual(plan);
    });

    it('a write to an etcd that hangs, one way or the other', async ({ bed }) => {
      const { active, writer, before, failover } = await prepare(bed);
      bed.pause();
      const outcome = await writer.write(failover, before);
      bed.resume();
      expect(outcome.kind).toBe('unknown');
      await settle(writer, failover, before);
      expect((await active.planStore.read('orders'))?.plan).toMatchObject({ epoch: 2n, leader: 'pg-2' });
    });

    it('no read: it is unavailable, within its time', async ({ bed }) => {
      const { planStore } = await bed.controller('ctl-1');
      await planStore.readAll();
      bed.pause();
      const askedAt = bed.now();
      const reads = [planStore.readAll(), planStore.read('orders'), planStore.ledger('orders', 1)];
      const rejected = { status: 'rejected', reason: expect.any(StoreUnavailable) };
      expect(await Promise.allSettled(reads)).toEqual([rejected, rejected, rejected]);
      expect(bed.now() - askedAt).toBeLessThan(CALL_MS + 200);
      bed.resume();
      await bed.waitUntil('etcd to answer again', async () => (await planStore.readAll()).length === 0);
    });
  });
}
