/** The main job on real etcd and servers: a leader dies, its heir takes over, nothing is lost, everybody follows. Asynchronous replication. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { succeed } from '#test/cluster/command-line.js';
import { CLUSTER } from '#test/cluster/configuration.js';
import type { EngineKit } from '#test/cluster/engines.js';
import type { FamilyServer } from '#test/cluster/family-server.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { type Member, startTanistOn, type TanistCluster } from '#test/cluster/tanist.js';
import { longestGap, missing, prepareLoad, startLoad } from '#test/load/writers.js';

/** `closed`: the variable that says that a server takes no writes. */
export function mainJob(kit: EngineKit<FamilyServer>, closed: string): void {
  describe(`a leader on ${kit.called} in care`, () => {
    let cluster: TanistCluster<FamilyServer>;
    let epoch = 1;

    beforeAll(async () => {
      cluster = await startTanistOn(kit, { label: kit.name });
      await prepareLoad((await cluster.leader()).server);
    }, 120_000);
    afterAll(stopAll);

    /** Runs `change` under writers and waits until another one takes writes, and all is well. */
    async function under(run: string, writers: number, change: () => Promise<void> | void) {
      const load = startLoad(
        cluster.members.map((m) => m.server),
        run,
        { writers, pauseMs: writers === 1 ? 5 : 1 },
      );
      await waitFor(() => load.acknowledged.length > 100, { timeoutMs: 20_000, what: 'writes' });
      await change();
      epoch += 1;
      await cluster.waitUntilWell({ epoch, timeoutMs: 40_000 });
      const before = load.acknowledged.length;
      const goesOn = (): boolean => load.acknowledged.length > before + 50;
      await waitFor(goesOn, { timeoutMs: 10_000, what: 'writes to go on' });
      await load.stop();
      return load.acknowledged;
    }

    async function expectAllThere(
      run: string,
      acknowledged: Awaited<ReturnType<typeof under>>,
    ): Promise<void> {
      const leader = await cluster.leader();
      for (const { server } of cluster.members.filter((m) => m !== leader))
        await server.waitUntilCaughtUpWith(leader.server);
      for (const { server } of cluster.members)
        expect(await missing(server, run, acknowledged), server.name).toEqual([]);
    }

    it.each([1, 8])(
      'killed with SIGKILL under %i writers: an heir leads, no acknowledged write is missing, the old leader follows',
      { timeout: 90_000 },
      async (writers) => {
        const old = await cluster.leader();
        const run = `crash-${writers}`;
        const acknowledged = await under(run, writers, () => old.server.kill('SIGKILL'));
        expect((await cluster.leader()).name).not.toBe(old.name);
        await expectAllThere(run, acknowledged);
        expect(longestGap(acknowledged)).toBeLessThan(3_000);
        const [entry] = await cluster.history();
        expect(entry).toMatchObject({ kind: 'failover', outcome: 'proved', loss: { kind: 'none' } });
      },
    );

    it('has a replica that its administrator restarts: it follows again', { timeout: 60_000 }, async () => {
      const leader = await cluster.leader();
      const [{ server }] = cluster.members.filter((m) => m !== leader) as [Member<FamilyServer>];
      await server.stop();
      await server.start();
      await server.waitUntilStreaming();
      await cluster.waitUntilWell({ epoch });
    });

    it(
      'is switched over under writers: nothing is missing, and the old leader follows',
      { timeout: 90_000 },
      async () => {
        const old = await cluster.leader();
        const acknowledged = await under('switchover', 1, async () => {
          await succeed(cluster.tanist, ['switchover', CLUSTER, '--yes']);
        });
        expect((await cluster.leader()).name).not.toBe(old.name);
        await expectAllThere('switchover', acknowledged);
        expect((await cluster.history())[0]).toMatchObject({ kind: 'switchover', loss: { kind: 'none' } });
      },
    );

    it(
      'lost with its agent: its lease is waited out, an heir leads, and what comes back is closed',
      { timeout: 120_000 },
      async () => {
        const old = await cluster.leader();
        // All are where the leader is, so nothing is lost with it.
        const load = startLoad(
          cluster.members.map((m) => m.server),
          'lost',
          { writers: 1, pauseMs: 50 },
        );
        await waitFor(() => load.acknowledged.length > 20, { timeoutMs: 20_000, what: 'writes' });
        await load.stop();
        for (const { server } of cluster.members.filter((m) => m !== old))
          await server.waitUntilCaughtUpWith(old.server);
        await old.kill();
        epoch += 1;
        await waitFor(async () => (await cluster.leader()) !== old, { timeoutMs: 20_000, what: 'an heir' });
        old.revive();
        await cluster.waitUntilWell({ epoch, timeoutMs: 40_000 });
        await expectAllThere('lost', load.acknowledged);
        const [row] = await old.server.query<{ closed: number | bigint }>(
          `select @@global.${closed} as closed`,
        );
        expect(Number(row?.closed)).toBe(1);
      },
    );
  });
}
