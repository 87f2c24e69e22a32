// The plan store port on a real etcd of Debian: what is written under which guard, and what is said when nobody can know.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitingNow } from '#controller/adapters/clock.js';
import { NO_LEASE } from '#controller/adapters/etcd/sight.js';
import { StoreCorrupt, StoreUnavailable } from '#controller/ports/plan-store.js';
import { asRevision } from '#core/brand.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { type EtcdCluster, type EtcdMember, startEtcd } from '#test/cluster/etcd.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { entryOf, NONE, planOf, writerOf } from '#test/contract/etcd/plans.js';
import { controller, etcdConfig, etcdctl, lineTo } from '#test/contract/etcd-support.js';

describe('plan store on etcd', { timeout: 20_000 }, () => {
  let etcd: EtcdCluster;
  let member: EtcdMember;
  beforeAll(async () => {
    etcd = await startEtcd({ dir: createRunFolder('etcd-plans') });
    member = etcd.members[0]!;
  }, 30_000);
  afterAll(stopAll, 30_000);

  /** The store of a controller whose election key has no lease: here nobody is deposed because something takes its time. */
  async function active(endpoints = etcd.endpoints) {
    const config = etcdConfig(endpoints);
    // Directly, also where the store has etcd behind a line that is cut.
    const operator = etcdctl({ ...config, endpoints: etcd.endpoints });
    const { logged, planStore } = controller('ctl-1', config);
    const revision = await operator.put('election/leader', 'ctl-1');
    const term = { generation: 0n, revision, lease: NO_LEASE };
    return { planStore, logged, operator, ...writerOf(planStore, term) };
  }

  describe('that answers', () => {
    it('reads back what was committed, with the revision of the commit, as JSON that a person can read', async () => {
      const { commit, operator, planStore } = await active();
      const plan = planOf('orders', 1n);
      const entry = entryOf(plan);
      const revision = await commit(plan, NONE, { entry, policy: DEFAULT_POLICY });
      const stored = { plan, revision, policy: DEFAULT_POLICY, entry };
      expect(await planStore.read('orders')).toStrictEqual(stored);
      expect(await planStore.readAll()).toStrictEqual([stored]);
      expect(await planStore.ledger('orders', 1)).toStrictEqual([entry]);

      expect((await operator.keys()).filter((key) => key.startsWith('clusters/'))).toEqual([
        'clusters/orders/ledger/00000000000000000001',
        'clusters/orders/plan',
        'clusters/orders/policy',
      ]);
      expect(await operator.get('clusters/orders/plan')).toContain(
        '  "epoch": 1,\n  "version": 1,\n  "generation": 0,\n  "leader": "pg-1"',
      );
    });

    it('reads all clusters, however long their ledgers are', async () => {
      const { commit, planStore } = await active();
      const names = ['a', 'a-b', 'a0', 'b', 'orders', 'z.z'];
      for (const name of names) {
        await commit(planOf(name, 1n), NONE, { entry: entryOf(planOf(name, 1n)), policy: DEFAULT_POLICY });
      }
      expect((await planStore.readAll()).map(({ plan }) => plan.cluster).sort()).toEqual([...names].sort());
    });
  });

  describe('under its guard', () => {
    it('refuses when the plan that was read is gone', async () => {
      const { commit, operator, planStore, write } = await active();
      const revision = await commit(planOf('orders', 1n), NONE, { policy: DEFAULT_POLICY });
      await operator.delete('clusters/orders/plan');
      expect(await write(planOf('orders', 1n, 2n), revision)).toEqual({ kind: 'refused' });
      expect(await planStore.read('orders')).toBeUndefined();
    });

    it('refuses once the election key is gone, and also when it is there again', async () => {
      const { commit, operator, planStore, write } = await active();
      const revision = await commit(planOf('orders', 1n), NONE, { policy: DEFAULT_POLICY });
      await operator.delete('election/leader');
      expect(await write(planOf('orders', 2n, 2n), revision)).toEqual({ kind: 'refused' });
      await operator.put('election/leader', 'ctl-1');
      expect(await write(planOf('orders', 2n, 2n), revision)).toEqual({ kind: 'refused' });
      expect(await planStore.read('orders')).toMatchObject({ revision });
    });

    it('a refused write leaves nothing of itself: no plan, no ledger entry, no policy', async () => {
      const { operator, write } = await active();
      const plan = planOf('orders', 1n);
      const more = { entry: entryOf(plan), policy: DEFAULT_POLICY };
      expect(await write(plan, asRevision(1n), more)).toEqual({ kind: 'refused' });
      expect((await operator.keys()).filter((key) => key.startsWith('clusters/'))).toEqual([]);
    });

    it('refuses, and says so, what etcd would never take', async () => {
      const { commit, logged, planStore, write } = await active();
      const revision = await commit(planOf('orders', 1n), NONE, { policy: DEFAULT_POLICY });
      const huge = { ...planOf('orders', 1n, 2n), dataId: 'x'.repeat(2 * 1024 * 1024) };
      expect(await write(huge, revision)).toEqual({ kind: 'refused' });
      const unreadable = planOf('orders', 2n ** 53n, 2n);
      expect(await write(unreadable, revision)).toEqual({ kind: 'refused' });
      expect(logged.filter((code) => code === 'STORE_REFUSED').length).toBe(2);
      expect(await planStore.read('orders')).toMatchObject({ revision });
    });
  });

  describe('whose values were touched by hand', () => {
    it('names the key and what is wrong with it, and does not let one cluster hide the others', async () => {
      const { commit, logged, operator, planStore } = await active();
      for (const name of ['billing', 'orders', 'stock', 'users']) {
        await commit(planOf(name, 1n), NONE, { policy: DEFAULT_POLICY });
      }
      await operator.put('clusters/billing/plan', '{ "cluster": "billing" }');
      await operator.delete('clusters/orders/policy');
      await operator.put('clusters/users/plan', (await operator.get('clusters/stock/plan'))!);
      await operator.put('clusters/', 'a stray key');
      await operator.put('clusters/stray', 'another');

      const corrupt = (cluster: string, message: RegExp) =>
        expect(planStore.read(cluster)).rejects.toThrow(
          expect.toSatisfy((error: unknown) => {
            return error instanceof StoreCorrupt && message.test(error.message);
          }),
        );
      await corrupt('billing', /\/clusters\/billing\/plan: plan is not valid: engine: /);
      await corrupt('orders', /\/clusters\/orders\/policy: missing, though there is a plan$/);
      await corrupt('users', /\/clusters\/users\/plan: this is the plan of cluster "stock"$/);
      expect((await planStore.readAll()).map(({ plan }) => plan.cluster)).toEqual(['stock']);
      expect(logged.filter((code) => code === 'STORE_CORRUPT').length).toBe(3);
    });

    it('names the entry of the ledger that cannot be read', async () => {
      const { operator, planStore } = await active();
      await operator.put('clusters/orders/ledger/00000000000000000007', 'gone');
      await expect(planStore.ledger('orders', 10)).rejects.toThrow(
        /ledger\/0{19}7: ledger entry is not JSON/,
      );
    });
  });

  describe('that does not answer', () => {
    it('whoever asks an etcd that is gone again and again asks it ten times a second, not a thousand', async () => {
      const { planStore } = controller('ctl-1', etcdConfig(['http://127.0.0.1:1']));
      const askedAt = waitingNow();
      for (let ask = 0; ask < 3; ask += 1) {
        await expect(planStore.read('orders')).rejects.toBeInstanceOf(StoreUnavailable);
      }
      expect(waitingNow() - askedAt).toBeGreaterThan(290);
    });

    it('after an unknown outcome the next endpoint is asked', async () => {
      const line = await lineTo(member.endpoint);
      const store = await active([line.endpoint, member.endpoint]);
      const first = await store.commit(planOf('orders', 1n), NONE, { policy: DEFAULT_POLICY });
      line.cut();
      const write = store.write(planOf('orders', 1n, 2n), first);
      const later = await waitFor(() => store.planStore.read('orders'), {
        timeoutMs: 5_000,
        what: 'the other endpoint',
      });
      expect(later.revision).toBe(first);
      expect((await write).kind).toBe('unknown');
    });
  });
});
