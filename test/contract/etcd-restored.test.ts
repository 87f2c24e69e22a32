// E1 on a real etcd that was restored from a backup: it counts revisions from there on again, so that two terms can have the same one.
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { type EtcdCluster, startEtcd } from '#test/cluster/etcd.js';
import { createRunFolder, stopAll } from '#test/cluster/processes.js';
import { NONE, planOf, writerOf } from '#test/contract/etcd/plans.js';
import { controller, etcdConfig, etcdctl, lineTo } from '#test/contract/etcd-support.js';
import { DEFAULT_POLICY } from '#core/policy.js';

describe('an etcd that is restored from before an election', { timeout: 60_000 }, () => {
  const dir = createRunFolder('etcd-restored');
  let etcd: EtcdCluster;
  beforeAll(async () => {
    etcd = await startEtcd({ dir });
  }, 30_000);
  afterAll(stopAll, 30_000);

  it('takes neither write nor resignation of a term for those of another at the same revision', async () => {
    const [member] = etcd.members;
    const config = etcdConfig(etcd.endpoints);
    const backup = join(dir, 'backup');
    await member!.stop();
    member!.backUp(backup);
    await member!.start();

    const line = await lineTo(member!.endpoint);
    const old = controller('ctl-1', { ...config, endpoints: [line.endpoint] });
    old.start();
    const before = await old.next('elected');
    line.cut();
    await member!.stop();
    member!.restore(backup);
    await member!.start();

    const present = controller('ctl-2', config);
    present.start();
    const after = await present.next('elected');
    expect(after.term.revision).toBe(before.term.revision);
    expect(after.term.generation).toBe(before.term.generation);

    const plan = planOf('orders', 1n);
    const late = writerOf(present.planStore, before.term);
    expect(await late.write(plan, NONE, { policy: DEFAULT_POLICY })).toEqual({ kind: 'refused' });
    line.mend();
    expect(await old.election.resign({ controller: 'ctl-1', promises: {} })).toBe(false);
    expect(await etcdctl(config).get('election/resigned')).toBeUndefined();
    await writerOf(present.planStore, after.term).begin(plan);
    expect(present.all('deposed')).toEqual([]);
  });
});
