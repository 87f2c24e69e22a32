/**
 * E6 on the real thing: etcd is stopped, gets back the data that it had before a switchover, and starts. The leader of today goes on, nobody
 * decides on the old plan, and once the generation is raised everything goes on where it was.
 */
import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { Etcd3 } from 'etcd3';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { ClusterStatus } from '#core/status.js';
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { type Member, startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { longestGap, missing, prepareLoad, startLoad } from '#test/load/writers.js';

describe('a cluster whose etcd is restored from before a switchover', { timeout: 120_000 }, () => {
  let cluster: TanistCluster;
  let backup: string;
  beforeAll(async () => {
    cluster = await startTanist({ label: 'restored', policy: { profile: 'fast' } });
    await prepareLoad((await cluster.leader()).server);
    backup = join(cluster.folder, 'etcd-backup');
  });
  afterAll(stopAll);

  const shown = async (): Promise<ClusterStatus | undefined> => (await cluster.status()).clusters[0];

  async function whileEtcdIsStopped(
    then: (etcd: TanistCluster['etcd']['members'][0]) => void,
  ): Promise<void> {
    const [etcd] = cluster.etcd.members;
    if (etcd === undefined) throw new Error('no etcd');
    await etcd.stop();
    then(etcd);
    await etcd.start();
  }

  async function raiseGeneration(): Promise<void> {
    const etcd = new Etcd3({ hosts: [...cluster.etcd.endpoints] });
    await etcd.put('/tanist/v1/generation').value('1');
    etcd.close();
  }

  const openOnes = async (): Promise<readonly string[]> => {
    const asked = cluster.members.map(async ({ name, server }) => {
      const [row] = await server.query('select pg_is_in_recovery() as closed');
      return row?.['closed'] === false ? [name] : [];
    });
    return (await Promise.all(asked)).flat();
  };

  it('keeps its leader open, decides nothing, and goes on at the same epoch once the generation is raised', async () => {
    await whileEtcdIsStopped((etcd) => etcd.backUp(backup));
    await cluster.waitUntilWell();
    const before = await cluster.leader();
    await succeed(cluster.tanist, COMMANDS.switchover(cluster));
    await cluster.waitUntilWell({ epoch: 2 });
    const leader = await cluster.leader();
    expect(leader.name).not.toBe(before.name);

    const load = startLoad([leader.server], 'restored', { writers: 4, pauseMs: 5 });
    try {
      await waitFor(() => load.acknowledged.length > 100, { timeoutMs: 20_000, what: 'writes' });
      const active = await cluster.activeController();
      await whileEtcdIsStopped((etcd) => {
        active.kill('SIGKILL');
        etcd.restore(backup);
      });
      const isBehind = async (): Promise<boolean> => (await shown())?.reason?.code === 'STORE_BEHIND';
      await waitFor(isBehind, { timeoutMs: 20_000, what: 'the restore to be found out' });
      active.start();
      // Several leases: it lives on vouches, and nobody else is opened.
      await sleep(4000);
      expect((await shown())?.reason?.code).toBe('STORE_BEHIND');
      expect(await openOnes()).toEqual([leader.name]);
      expect(codesOf(leader)).toContain('VOUCHING');

      await raiseGeneration();
      await waitFor(async () => (await shown())?.epoch === 2, { timeoutMs: 20_000, what: 'the plan' });
      await cluster.waitUntilWell({ epoch: 2 });
    } finally {
      await load.stop();
    }
    expect(load.failures()).toBe(0);
    expect(longestGap(load.acknowledged)).toBeLessThan(500);
    expect(await shown()).toMatchObject({ leader: leader.name, epoch: 2 });
    const [entry] = await cluster.history();
    expect(entry).toMatchObject({
      epoch: 2,
      kind: 'restore',
      outcome: 'proved',
      reason: { code: 'RESTORED' },
    });
    expect(await missing(leader.server, 'restored', load.acknowledged)).toEqual([]);
  });

  it('fails over as ever after that', async () => {
    const old = await cluster.leader();
    old.server.kill('SIGKILL');
    await cluster.waitUntilWell({ epoch: 3 });
    const heir = await cluster.leader();
    expect(heir.name).not.toBe(old.name);
    const [entry] = await cluster.history();
    expect(entry).toMatchObject({ epoch: 3, kind: 'failover', outcome: 'proved', loss: { kind: 'none' } });
  });
});

function codesOf({ agent }: Member): readonly string[] {
  const lines = readFileSync(agent.logFile, 'utf8').split('\n');
  return lines.flatMap((line) =>
    line.startsWith('{') ? [(JSON.parse(line) as { readonly code: string }).code] : [],
  );
}
