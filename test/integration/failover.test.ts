/** The main job on real etcd and PostgreSQL: a leader dies, its heir takes over, nothing is lost, everybody follows. */
import { writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout as sleep } from 'node:timers/promises';
import { stringify } from 'yaml';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { succeed } from '#test/cluster/command-line.js';
import { CLUSTER } from '#test/cluster/configuration.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { longestGap, missing, prepareLoad, startLoad } from '#test/load/writers.js';

describe('a leader in care', () => {
  let cluster: TanistCluster;
  let epoch = 1;

  beforeAll(async () => {
    cluster = await startTanist({ label: 'failover' });
    await prepareLoad((await cluster.leader()).server);
  });
  afterAll(stopAll);

  /** Runs `fault` under writers and waits until another one (or the same again) takes writes. */
  async function under(run: string, writers: number, fault: () => Promise<void> | void) {
    const servers = cluster.members.map((m) => m.server);
    const load = startLoad(servers, run, { writers, pauseMs: writers === 1 ? 5 : 0 });
    await waitFor(() => load.acknowledged.length > 100, { timeoutMs: 20_000, what: 'writes' });
    await fault();
    epoch += 1;
    await cluster.waitUntilWell({ epoch, timeoutMs: 40_000 });
    const before = load.acknowledged.length;
    await waitFor(() => load.acknowledged.length > before + 50, {
      timeoutMs: 10_000,
      what: 'writes to go on',
    });
    await load.stop();
    return load.acknowledged;
  }

  async function expectEverybodyFollows(): Promise<void> {
    const leader = await cluster.leader();
    const followers = cluster.members.filter((m) => m !== leader);
    for (const { server } of followers) await server.waitUntilCaughtUpWith(leader.server);
    const streaming = await leader.server.query(
      "select 1 from pg_stat_replication where state = 'streaming'",
    );
    expect(streaming).toHaveLength(followers.length);
  }

  it.each([1, 8])(
    'killed with SIGKILL under %i writers: an heir leads within a second and no acknowledged write is missing',
    async (writers) => {
      const old = await cluster.leader();
      const acknowledged = await under(`crash-${writers}`, writers, () => old.server.kill('SIGKILL'));
      const heir = await cluster.leader();
      expect(heir.name).not.toBe(old.name);
      expect(await missing(heir.server, `crash-${writers}`, acknowledged)).toEqual([]);
      expect(longestGap(acknowledged)).toBeLessThan(1500);
      await expectEverybodyFollows();
      const [entry] = await cluster.history();
      expect(entry).toMatchObject({
        kind: 'failover',
        outcome: 'proved',
        reason: { code: 'DATABASE_CRASHED' },
        loss: { kind: 'none' },
      });
      expect(entry?.phases.map((p) => p.phase)).toEqual([
        'suspected',
        'sealed',
        'tail',
        'committed',
        'proved',
      ]);
    },
  );

  it('shut down cleanly by an administrator is waited for, and opened again at the next epoch when it returns', async () => {
    const leader = await cluster.leader();
    const acknowledged = await under('restart', 1, async () => {
      await leader.server.stop('fast');
      await waitFor(async () => (await cluster.status()).clusters[0]?.reason?.code === 'PLANNED_STOP', {
        timeoutMs: 10_000,
        what: 'the stop to be seen as planned',
      });
      await leader.server.start();
    });
    expect((await cluster.leader()).name).toBe(leader.name);
    expect(await missing(leader.server, 'restart', acknowledged)).toEqual([]);
    expect((await cluster.history())[0]).toMatchObject({ kind: 'reopen', loss: { kind: 'none' } });
  });

  it('hangs (its server is stopped by SIGSTOP): the canary finds it, it is fenced, an heir leads, nothing is missing', async () => {
    const old = await cluster.leader();
    const acknowledged = await under('hung', 1, () => old.server.pause());
    const heir = await cluster.leader();
    expect(heir.name).not.toBe(old.name);
    expect(await missing(heir.server, 'hung', acknowledged)).toEqual([]);
    expect((await cluster.history())[0]).toMatchObject({ reason: { code: 'DATABASE_HUNG' } });
    await expectEverybodyFollows();
  });

  it('loses a backend to SIGKILL: its server recovers closed, and one leader is opened at the next epoch', async () => {
    const old = await cluster.leader();
    const acknowledged = await under('backend', 1, async () => {
      const [row] = await old.server.query<{ pid: number }>(
        "select pid from pg_stat_activity where application_name = 'writer' limit 1",
      );
      process.kill(row?.pid ?? 0, 'SIGKILL');
    });
    const heir = await cluster.leader();
    expect(await missing(heir.server, 'backend', acknowledged)).toEqual([]);
    await expectEverybodyFollows();
  });

  it('cut off from every controller, and from one that could take over, fences itself before that one might, and its sessions end', async () => {
    const leader = await cluster.leader();
    // One that does not vouch is enough: it may be the one that is appointed.
    const replica = cluster.members.find((member) => member !== leader) ?? leader;
    const cut = [...cluster.controllers, replica.agent];
    const load = startLoad([leader.server], 'cut', { writers: 2, pauseMs: 5 });
    await waitFor(() => load.acknowledged.length > 100, { timeoutMs: 20_000, what: 'writes' });
    const stoppedAt = performance.now();
    for (const program of cut) program.kill('SIGSTOP');
    try {
      await waitFor(() => load.failures() >= 2, { timeoutMs: 10_000, what: 'the sessions to end' });
      const last = load.acknowledged.at(-1)?.at ?? 0;
      // D_H + F of the balanced profile.
      expect(last - stoppedAt).toBeLessThan(2500);
    } finally {
      for (const program of cut) program.kill('SIGCONT');
      await load.stop();
    }
    epoch += 1;
    await cluster.waitUntilWell({ epoch, timeoutMs: 40_000 });
    expect(await missing((await cluster.leader()).server, 'cut', load.acknowledged)).toEqual([]);
  });

  it('whose agent stands still for longer than a canary, and less than its lease, is not taken for dead', async () => {
    const { agent } = await cluster.leader();
    agent.kill('SIGSTOP');
    // Of the balanced profile's 1000 and 2000 ms.
    await sleep(1300);
    agent.kill('SIGCONT');
    await sleep(1500);
    await cluster.waitUntilWell({ epoch });
    expect(Number((await cluster.history())[0]?.epoch)).toBe(epoch);
  });

  it('killed soon after it took over, with its agent: another failover is held, and done at once when an operator asks', async () => {
    const first = await cluster.leader();
    await under('damped', 1, () => first.server.kill('SIGKILL'));
    const heir = await cluster.leader();
    const policyFile = join(cluster.folder, 'damped.yaml');
    writeFileSync(policyFile, stringify({ failoverWindow: '1m' }));
    await succeed(cluster.tanist, ['policy', CLUSTER, '--file', policyFile]);
    await heir.kill();
    const held = await waitFor(
      async () => {
        const [shown] = (await cluster.status()).clusters;
        return shown?.reason?.code === 'FAILOVER_HELD' ? shown : undefined;
      },
      { timeoutMs: 10_000, what: 'the failover to be held' },
    );
    expect(held).toMatchObject({ state: 'waiting', leader: heir.name, epoch });
    expect(held.reason?.evidence).toMatchObject({ from: first.name, to: heir.name });
    expect(held.failoverHeldMs).toBeGreaterThan(10_000);
    await succeed(cluster.tanist, ['failover', CLUSTER, '--yes']);
    expect((await cluster.leader()).name).not.toBe(heir.name);
    epoch += 1;
    heir.revive();
    await cluster.waitUntilWell({ epoch, timeoutMs: 40_000 });
    await succeed(cluster.tanist, ['policy', CLUSTER, '--file', cluster.policyFile]);
  });

  it('does not notice that the active controller was stopped', async () => {
    const leader = await cluster.leader();
    const load = startLoad([leader.server], 'hand-over', { writers: 4, pauseMs: 2 });
    const active = await cluster.activeController();
    await active.stop();
    const next = await cluster.activeController();
    expect(next.name).not.toBe(active.name);
    const until = performance.now() + 3000;
    await waitFor(() => performance.now() > until, { timeoutMs: 5000, what: 'a whole lease to pass' });
    await load.stop();
    active.start();
    expect(load.failures()).toBe(0);
  });
});
