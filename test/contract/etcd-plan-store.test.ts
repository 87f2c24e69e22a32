// The plan store port on a real etcd of Debian: what is written under which guard, and what is said when nobody can know.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { waitingNow } from '#controller/adapters/clock.js';
import {
  type PlanStore,
  type PlanWrite,
  StoreCorrupt,
  StoreUnavailable,
  type WriteOutcome,
} from '#controller/ports/plan-store.js';
import { asDuration, asEpoch, asRevision, asVersion, asWall, type Revision } from '#core/brand.js';
import { NO_DURABILITY } from '#core/durability.js';
import type { LedgerEntry } from '#core/ledger.js';
import type { Plan } from '#core/plan.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { reason } from '#core/reasons.js';
import { E2_settle } from '#core/rules/epochs.js';
import { type EtcdCluster, type EtcdMember, startEtcd } from '#test/cluster/etcd.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { controller, etcdConfig, etcdctl, lineTo } from '#test/contract/etcd-support.js';

const NONE = asRevision(0n);

function planOf(cluster: string, epoch: bigint, version = 1n): Plan {
  return {
    cluster,
    engine: 'postgres',
    dataId: '7301934857201938475',
    epoch: asEpoch(epoch),
    version: asVersion(version),
    leader: 'pg-1',
    members: [
      { name: 'pg-1', identity: 'i-1', agentAddress: 'pg-1:7400', databaseHost: 'pg-1', databasePort: 5432 },
    ],
    eligible: [],
    joining: [],
    care: 'automatic',
    maintenance: [],
    holdMs: asDuration(0),
    durability: NO_DURABILITY,
    upstreams: {},
    opening: { state: 'proved' },
    openings: [],
    policy: DEFAULT_POLICY,
  };
}

function entryOf({ cluster, epoch, leader }: Plan): LedgerEntry {
  return {
    cluster,
    epoch,
    kind: 'failover',
    leader,
    previousLeader: 'pg-0',
    at: asWall(1_770_000_000_000),
    controller: 'ctl-1',
    term: '0.1',
    reason: reason('AGENT_SILENT', { silentForMs: 1200 }),
    candidates: [],
    tail: { kind: 'not-needed' },
    loss: { kind: 'unknown', text: 'the old leader is gone', atLeastBytes: 12n },
    phases: [{ phase: 'committed', ms: 812 }],
    outcome: 'pending',
  };
}

describe('plan store on etcd', { timeout: 20_000 }, () => {
  let etcd: EtcdCluster;
  let member: EtcdMember;
  beforeAll(async () => {
    etcd = await startEtcd({ dir: createRunFolder('etcd-plans') });
    member = etcd.members[0]!;
  }, 30_000);
  afterAll(stopAll, 30_000);

  interface Active {
    readonly planStore: PlanStore;
    readonly logged: readonly string[];
    /** etcd directly, also where the store has it behind a line that is cut. */
    readonly operator: ReturnType<typeof etcdctl>;
    /** A plan alone, unless said otherwise. */
    write(plan: Plan, planRevision: Revision, more?: Partial<PlanWrite>): Promise<WriteOutcome>;
    /** The same, where nothing else is expected than that it is committed. */
    commit(plan: Plan, planRevision: Revision, more?: Partial<PlanWrite>): Promise<Revision>;
  }

  /** The store of a controller whose election key has no lease: here nobody is deposed because something takes its time. */
  async function active(endpoints = etcd.endpoints): Promise<Active> {
    const config = etcdConfig(endpoints);
    const operator = etcdctl({ ...config, endpoints: etcd.endpoints });
    const { logged, planStore } = controller('ctl-1', config);
    const electionRevision = await operator.put('election/leader', 'ctl-1');
    const write: Active['write'] = (plan, planRevision, more) => {
      const guard = { electionRevision, planRevision };
      return planStore.write({
        guard,
        plan,
        entry: undefined,
        policy: undefined,
        forgetUpTo: undefined,
        ...more,
      });
    };
    const commit: Active['commit'] = async (...args) => {
      const outcome = await write(...args);
      if (outcome.kind !== 'committed') throw new Error(`expected a commit, not ${JSON.stringify(outcome)}`);
      return outcome.revision;
    };
    return { planStore, logged, operator, write, commit };
  }

  const epochsOf = async (store: PlanStore, cluster: string, limit = 100): Promise<bigint[]> =>
    (await store.ledger(cluster, limit)).map(({ epoch }) => epoch);

  describe('that answers', () => {
    it('holds nothing at first', async () => {
      const { planStore } = controller('ctl-1', etcdConfig(etcd.endpoints));
      expect(await planStore.readAll()).toEqual([]);
      expect(await planStore.read('orders')).toBeUndefined();
      expect(await planStore.ledger('orders', 10)).toEqual([]);
    });

    it('reads back what was committed, with the revision of the commit, as JSON that a person can read', async () => {
      const { commit, operator, planStore } = await active();
      const plan = planOf('orders', 1n);
      const entry = entryOf(plan);
      const revision = await commit(plan, NONE, { entry, policy: DEFAULT_POLICY });
      const stored = { plan, revision, policy: DEFAULT_POLICY };
      expect(await planStore.read('orders')).toStrictEqual(stored);
      expect(await planStore.readAll()).toStrictEqual([stored]);
      expect(await planStore.ledger('orders', 1)).toStrictEqual([entry]);

      expect((await operator.keys()).filter((key) => key.startsWith('clusters/'))).toEqual([
        'clusters/orders/ledger/00000000000000000001',
        'clusters/orders/plan',
        'clusters/orders/policy',
      ]);
      expect(await operator.get('clusters/orders/plan')).toContain(
        '  "epoch": 1,\n  "version": 1,\n  "leader": "pg-1"',
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

    it('keeps the newest entries of the ledger and tells them newest first, also beyond epoch 9', async () => {
      const { commit, planStore } = await active();
      let revision = NONE;
      for (let epoch = 1n; epoch <= 12n; epoch += 1n) {
        const plan = planOf('orders', epoch, epoch);
        const policy = epoch === 1n ? DEFAULT_POLICY : undefined;
        const forgetUpTo = epoch > 5n ? asEpoch(epoch - 5n) : undefined;
        revision = await commit(plan, revision, { entry: entryOf(plan), policy, forgetUpTo });
      }
      expect(await epochsOf(planStore, 'orders')).toEqual([12n, 11n, 10n, 9n, 8n]);
      expect(await epochsOf(planStore, 'orders', 2)).toEqual([12n, 11n]);
      expect(await epochsOf(planStore, 'orders', 0)).toEqual([]);
    });

    it('never forgets the entry that it writes, even where the policy keeps none', async () => {
      const { commit, planStore } = await active();
      const [one, two] = [planOf('orders', 1n), planOf('orders', 2n, 2n)];
      const revision = await commit(one, NONE, { entry: entryOf(one), policy: DEFAULT_POLICY });
      await commit(two, revision, { entry: entryOf(two), forgetUpTo: two.epoch });
      expect(await epochsOf(planStore, 'orders')).toEqual([2n]);
    });
  });

  describe('under its guard', () => {
    it('refuses when the plan has moved, and when there is one where none was expected', async () => {
      const { commit, planStore, write } = await active();
      const first = await commit(planOf('orders', 1n), NONE, { policy: DEFAULT_POLICY });
      const second = await commit(planOf('orders', 1n, 2n), first);
      expect(await write(planOf('orders', 2n, 3n), first)).toEqual({ kind: 'refused' });
      expect(await write(planOf('orders', 2n, 3n), NONE)).toEqual({ kind: 'refused' });
      expect(await planStore.read('orders')).toMatchObject({ plan: { version: 2n }, revision: second });
    });

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
    /** E2: the same content again, under the same guard, until the revision has moved. */
    async function settle(
      { write }: Active,
      plan: Plan,
      planRevision: Revision,
    ): Promise<{ outcome: WriteOutcome; plan: Plan }> {
      let unknown = plan;
      for (let attempt = 0; attempt < 20; attempt += 1) {
        unknown = E2_settle(unknown);
        const outcome = await write(unknown, planRevision);
        if (outcome.kind !== 'unknown') return { outcome, plan: unknown };
      }
      throw new Error('it never settled');
    }

    it('a write that reached etcd, and whose answer is lost, is unknown; overwriting it is refused, for it was done', async () => {
      const line = await lineTo(member.endpoint);
      const store = await active([line.endpoint]);
      const first = await store.commit(planOf('orders', 1n), NONE, { policy: DEFAULT_POLICY });
      line.loseAnswersAfter('"leader": "pg-2"');
      const failover = { ...planOf('orders', 2n, 2n), leader: 'pg-2' };
      expect(await store.write(failover, first)).toMatchObject({
        kind: 'unknown',
        text: expect.stringContaining('DEADLINE'),
      });

      line.mend();
      expect((await settle(store, failover, first)).outcome).toEqual({ kind: 'refused' });
      const stored = await store.planStore.read('orders');
      expect(stored?.plan).toEqual(failover);
      expect(stored?.revision).toBeGreaterThan(first);
    });

    it('a write that never reached etcd is unknown too; overwriting it commits', async () => {
      const line = await lineTo(member.endpoint);
      const store = await active([line.endpoint]);
      const first = await store.commit(planOf('orders', 1n), NONE, { policy: DEFAULT_POLICY });
      line.cut();
      const failover = { ...planOf('orders', 2n, 2n), leader: 'pg-2' };
      const writtenAt = waitingNow();
      expect((await store.write(failover, first)).kind).toBe('unknown');
      expect(waitingNow() - writtenAt).toBeLessThan(1_700);
      expect(await store.operator.get('clusters/orders/plan')).toContain('"epoch": 1');

      line.mend();
      const { outcome, plan } = await settle(store, failover, first);
      expect(outcome.kind).toBe('committed');
      expect((await store.planStore.read('orders'))?.plan).toEqual(plan);
    });

    it('a write to an etcd that is paused is unknown, and settles one way or the other once it goes on', async () => {
      const store = await active();
      const first = await store.commit(planOf('orders', 1n), NONE, { policy: DEFAULT_POLICY });
      const failover = { ...planOf('orders', 2n, 2n), leader: 'pg-2' };
      member.pause();
      const outcome = await store.write(failover, first).finally(() => member.resume());
      expect(outcome.kind).toBe('unknown');
      await settle(store, failover, first);
      expect((await store.planStore.read('orders'))?.plan).toMatchObject({ epoch: 2n, leader: 'pg-2' });
    });

    it('reads are unavailable, within the deadline', async () => {
      const { planStore } = controller('ctl-1', etcdConfig(etcd.endpoints));
      await planStore.readAll();
      member.pause();
      try {
        const askedAt = waitingNow();
        const reads = [planStore.readAll(), planStore.read('orders'), planStore.ledger('orders', 1)];
        const rejected = { status: 'rejected', reason: expect.any(StoreUnavailable) };
        expect(await Promise.allSettled(reads)).toEqual([rejected, rejected, rejected]);
        expect(waitingNow() - askedAt).toBeLessThan(1_700);
      } finally {
        member.resume();
      }
      await waitFor(() => planStore.readAll(), { timeoutMs: 5_000, what: 'etcd to answer again' });
    });

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
