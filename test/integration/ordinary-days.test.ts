/** What is done with a healthy cluster on purpose, one after the other on the same one. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import { CLUSTER } from '#test/cluster/configuration.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { adopt, startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { differences, findTraces, type Traces } from '#test/cluster/traces.js';
import { waitUntilReported } from '#test/cluster/waiting.js';
import { missing, prepareLoad, startLoad } from '#test/load/writers.js';

describe('a running cluster', () => {
  let cluster: TanistCluster;
  let found: readonly Traces[];
  const tracesOf = (): Promise<readonly Traces[]> =>
    Promise.all(cluster.members.map(({ server }) => findTraces(server)));
  const epochNow = async (): Promise<number> => Number((await cluster.history())[0]?.epoch);

  beforeAll(async () => {
    cluster = await startTanist({ label: 'ordinary', adopt: false });
    await waitUntilReported(cluster.status, cluster.members.length);
    found = await tracesOf();
  }, 60_000);
  afterAll(stopAll);

  it('is taken into care and let go: no setting is left behind', async () => {
    await adopt(cluster);
    await succeed(cluster.tanist, COMMANDS.release(cluster));
    const now = await tracesOf();
    const left = cluster.members.flatMap(({ name }, i) => differences(name, found[i]!, now[i]!));
    expect(left).toEqual([]);
  });

  it('is taken into care again, and epochs go on', async () => {
    await adopt(cluster);
    expect(await epochNow()).toBe(2);
  });

  it('is switched over under writers: nothing is missing, and the old leader follows', async () => {
    const old = await cluster.leader();
    await prepareLoad(old.server);
    const servers = cluster.members.map((m) => m.server);
    const load = startLoad(servers, 'switched', { writers: 2, pauseMs: 5 });
    const elsewhere = (): number => load.acknowledged.filter((a) => a.server !== old.name).length;
    try {
      await waitFor(() => load.acknowledged.length > 50, { timeoutMs: 20_000, what: 'writes before' });
      await succeed(cluster.tanist, COMMANDS.switchover(cluster));
      await waitFor(() => elsewhere() > 50, { timeoutMs: 20_000, what: 'writes on the next leader' });
    } finally {
      await load.stop();
    }
    await cluster.waitUntilWell({ epoch: 3 });
    const next = await cluster.leader();
    expect(next.name).not.toBe(old.name);
    expect(await missing(next.server, 'switched', load.acknowledged)).toEqual([]);
    expect((await cluster.history())[0]).toMatchObject({ kind: 'switchover', loss: { kind: 'none' } });
  });

  it('is paused: nobody else is appointed, and a leader that crashed is opened again', async () => {
    const leader = await cluster.leader();
    await succeed(cluster.tanist, ['pause', CLUSTER]);
    leader.server.kill('SIGKILL');
    await waitFor(async () => (await epochNow()) === 4, { timeoutMs: 30_000, what: 'the next epoch' });
    await succeed(cluster.tanist, ['resume', CLUSTER]);
    await cluster.waitUntilWell({ epoch: 4 });
    expect((await cluster.leader()).name).toBe(leader.name);
  });
});
