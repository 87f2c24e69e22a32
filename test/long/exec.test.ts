// The main job on a store that Tanist knows through a script alone: real etcd, real Tarantool, agents from the command line.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { succeed } from '#test/cluster/command-line.js';
import { CLUSTER } from '#test/cluster/configuration.js';
import { EXEC } from '#test/cluster/engines.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { startTanistOn, type TanistCluster } from '#test/cluster/tanist.js';
import type { TarantoolServer } from '#test/cluster/tarantool.js';
import { longestGap, missing as missingOn, prepareLoad, startLoad } from '#test/load/writers.js';

describe('a leader on Tarantool in care, through a script', () => {
  let cluster: TanistCluster<TarantoolServer>;
  let epoch = 1;

  beforeAll(async () => {
    cluster = await startTanistOn(EXEC, { label: 'exec' });
    await prepareLoad((await cluster.leader()).server);
  }, 120_000);
  afterAll(stopAll);

  /** Runs `change` under writers; everybody has all that was acknowledged. Answers with the longest gap. */
  async function under(run: string, change: () => Promise<void> | void): Promise<number> {
    const servers = cluster.members.map(({ server }) => server);
    const load = startLoad(servers, run, { writers: 4, pauseMs: 2 });
    await waitFor(() => load.acknowledged.length > 100, { timeoutMs: 20_000, what: 'writes' });
    await change();
    epoch += 1;
    await cluster.waitUntilWell({ epoch, timeoutMs: 60_000 });
    const before = load.acknowledged.length;
    const goesOn = (): boolean => load.acknowledged.length > before + 50;
    await waitFor(goesOn, { timeoutMs: 20_000, what: 'writes to go on' });
    await load.stop();
    const leader = await cluster.leader();
    for (const { server } of cluster.members.filter((m) => m !== leader))
      await server.waitUntilCaughtUpWith(leader.server);
    for (const server of servers) expect(await missingOn(server, run, load.acknowledged)).toEqual([]);
    const gapMs = Math.round(longestGap(load.acknowledged));
    console.log(`${run}: outage ${gapMs} ms; ${load.acknowledged.length} acknowledged, none of them missing`);
    return gapMs;
  }

  it('killed with SIGKILL: an heir leads, nothing is missing anywhere, the old leader follows', async () => {
    const old = await cluster.leader();
    expect(await under('crash', () => old.server.kill('SIGKILL'))).toBeLessThan(15_000);
    expect((await cluster.leader()).name).not.toBe(old.name);
    const [entry] = await cluster.history();
    expect(entry).toMatchObject({ kind: 'failover', outcome: 'proved', loss: { kind: 'none' } });
  }, 120_000);

  it('is switched over: nothing is missing, and the old leader follows', async () => {
    const old = await cluster.leader();
    await under('switchover', async () => {
      await succeed(cluster.tanist, ['switchover', CLUSTER, '--yes']);
    });
    expect((await cluster.leader()).name).not.toBe(old.name);
    expect((await cluster.history())[0]).toMatchObject({ kind: 'switchover', loss: { kind: 'none' } });
  }, 120_000);

  it('hangs: its lease is not renewed, it is killed without its script, and an heir leads', async () => {
    const old = await cluster.leader();
    await under('hang', () => old.server.kill('SIGSTOP'));
    expect((await cluster.leader()).name).not.toBe(old.name);
  }, 120_000);

  it('lost with its agent and guard: its lease is waited out, and what comes back is closed', async () => {
    const old = await cluster.leader();
    await old.kill();
    epoch += 1;
    await waitFor(async () => (await cluster.leader()) !== old, { timeoutMs: 30_000, what: 'an heir' });
    old.revive();
    await cluster.waitUntilWell({ epoch, timeoutMs: 60_000 });
    const session = await old.server.clients.connect({ waits: 'half a second' });
    const row = { run: 'to a closed one', writer: 1, number: 1 };
    expect(await session.insert(row)).toMatchObject({ outcome: 'failed' });
    session.leave();
  }, 120_000);
});
