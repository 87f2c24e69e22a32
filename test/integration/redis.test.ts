/** The main job on real etcd and Redis: a leader dies, its heir takes over, and everybody follows. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { succeed } from '#test/cluster/command-line.js';
import { CLUSTER } from '#test/cluster/configuration.js';
import { REDIS } from '#test/cluster/engines.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import type { RedisServer } from '#test/cluster/redis.js';
import { startTanistOn, type TanistCluster } from '#test/cluster/tanist.js';
import { longestGap, missing as missingOn, startLoad, type WriterOptions } from '#test/load/writers.js';

describe('a leader on Redis in care', () => {
  let cluster: TanistCluster<RedisServer>;
  let epoch = 1;

  beforeAll(async () => {
    cluster = await startTanistOn(REDIS, { label: 'redis' });
  }, 120_000);
  afterAll(stopAll);

  /** Runs `change` under writers and waits until another one takes writes, and all is well. */
  async function under(run: string, options: WriterOptions, change: () => Promise<void> | void) {
    const load = startLoad(
      cluster.members.map((m) => m.server),
      run,
      options,
    );
    await waitFor(() => load.acknowledged.length > 100, { timeoutMs: 20_000, what: 'writes' });
    await change();
    epoch += 1;
    await cluster.waitUntilWell({ epoch, timeoutMs: 40_000 });
    const before = load.acknowledged.length;
    const goesOn = (): boolean => load.acknowledged.length > before + 50;
    await waitFor(goesOn, { timeoutMs: 10_000, what: 'writes to go on' });
    await load.stop();
    const leader = await cluster.leader();
    for (const { server } of cluster.members.filter((m) => m !== leader))
      await server.waitUntilCaughtUpWith(leader.server);
    const { acknowledged } = load;
    const missing = await Promise.all(
      cluster.members.map(({ server }) => missingOn(server, run, acknowledged)),
    );
    const [entry] = await cluster.history();
    const gapMs = Math.round(longestGap(acknowledged));
    const phases = entry?.phases.map(({ phase, ms }) => `${phase} ${ms}`).join(', ') ?? '';
    console.log(
      `${run}: outage ${gapMs} ms; ${acknowledged.length} acknowledged, ${missing[0]?.length ?? 0} of them missing, ` +
        `${load.failures()} attempts failed; ${phases}`,
    );
    return { missing, gapMs, entry };
  }

  it.each([1, 8])(
    'killed with SIGKILL under %i writers: an heir leads, all have the same, the old leader follows',
    { timeout: 90_000 },
    async (writers) => {
      const old = await cluster.leader();
      const run = `crash-${writers}`;
      const options = { writers, pauseMs: writers === 1 ? 5 : 1 };
      const { missing, gapMs, entry } = await under(run, options, () => old.server.kill('SIGKILL'));
      expect((await cluster.leader()).name).not.toBe(old.name);
      // What it had acknowledged and not handed over is gone with its memory; the ledger does not call that nothing.
      expect(missing[1]).toEqual(missing[0]);
      expect(missing[2]).toEqual(missing[0]);
      expect(missing[0]?.length).toBeLessThan(20);
      expect(entry).toMatchObject({ kind: 'failover', outcome: 'proved' });
      expect(entry?.loss.kind).not.toBe('none');
      expect(gapMs).toBeLessThan(3_000);
    },
  );

  it(
    'killed while clients wait for a replica: nothing that was confirmed is missing',
    { timeout: 90_000 },
    async () => {
      const old = await cluster.leader();
      const options = { writers: 8, pauseMs: 1, confirmedBy: 1 };
      const { missing } = await under('confirmed', options, () => old.server.kill('SIGKILL'));
      expect(missing).toEqual([[], [], []]);
    },
  );

  it(
    'is switched over under writers: nothing is missing, and the old leader follows',
    { timeout: 90_000 },
    async () => {
      const old = await cluster.leader();
      const { missing, entry } = await under('switchover', { writers: 8, pauseMs: 1 }, async () => {
        await succeed(cluster.tanist, ['switchover', CLUSTER, '--yes']);
      });
      expect((await cluster.leader()).name).not.toBe(old.name);
      expect(missing).toEqual([[], [], []]);
      expect(entry).toMatchObject({ kind: 'switchover', loss: { kind: 'none' } });
    },
  );

  it(
    'lost with its agent: its lease is waited out, an heir leads, and what comes back is closed and follows',
    { timeout: 120_000 },
    async () => {
      const old = await cluster.leader();
      const { gapMs } = await under('lost', { writers: 1, pauseMs: 5 }, async () => {
        await old.kill();
        await waitFor(async () => (await cluster.leader()) !== old, { timeoutMs: 20_000, what: 'an heir' });
        old.revive();
      });
      expect(gapMs).toBeLessThan(6_000);
      expect(await old.server.replication('role')).toBe('slave');
    },
  );
});
