/** A leader is lost whole, with its agent or with its host: nobody can say that it is closed, so its lease is waited out. */
import { afterEach, describe, expect, it } from 'vitest';
import { timingsOf } from '#core/timings.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { bringRoleTo } from '#test/cluster/role.js';
import { type Member, startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { longestGap, missing, prepareLoad, startLoad } from '#test/load/writers.js';

const { promiseMs } = timingsOf('fast');
/** Seals, the write to etcd, promotion, the first replica that confirms, the clients' search; and a machine that is busy. */
const OPENING_MS = 1500;
/** Without its leader, etcd stores nothing for its election timeout, 1 to 2 s. */
const ETCD_ELECTION_MS = 2000;

describe('a leader whose writes are confirmed by one replica', () => {
  afterEach(stopAll);

  it('lost with its agent: an heir leads within the promise, no acknowledged write is missing, and it comes back closed', async () => {
    const cluster = await startTanist({ label: 'member', synchronous: true, policy: { profile: 'fast' } });
    const old = await cluster.leader();
    const { heir, outageMs, lost } = await lose(cluster, old, () => old.kill());
    expect(lost).toEqual([]);
    expect(outageMs).toBeLessThan(promiseMs + OPENING_MS);
    expect((await cluster.history())[0]).toMatchObject({
      kind: 'failover',
      leader: heir.name,
      previousLeader: old.name,
      reason: { code: 'MEMBER_LOST' },
    });

    expect(old.server.processes()).toEqual([]);
    old.revive();
    await old.server.waitUntilReady();
    expect(await old.server.query('select pg_is_in_recovery() as closed')).toEqual([{ closed: true }]);
  });

  it("lost with its host, a controller and etcd's leader on it: as soon, but for etcd's election", async () => {
    const cluster = await startTanist({
      ...{ label: 'host', synchronous: true, policy: { profile: 'fast' } },
      ...{ hosts: true, anonymousControllers: true },
    });
    const old = await cluster.leader();
    const host = cluster.hostOf(old);
    const elsewhere = cluster.hosts.find((other) => other !== host) ?? host;
    await bringRoleTo(cluster, elsewhere.controller);
    await cluster.etcd.moveLeader(host.etcd);
    const { outageMs, lost } = await lose(cluster, old, () => host.kill());
    expect(lost).toEqual([]);
    expect(outageMs).toBeLessThan(promiseMs + ETCD_ELECTION_MS + OPENING_MS);
    expect((await cluster.activeController()).name).toBe(elsewhere.controller.name);

    await host.revive();
    await cluster.etcd.waitUntilHealthy();
    await old.server.waitUntilReady();
    expect(await old.server.query('select pg_is_in_recovery() as closed')).toEqual([{ closed: true }]);
  });
});

/** Under writers, until the heir has taken many of theirs. */
async function lose(cluster: TanistCluster, old: Member, fault: () => Promise<void>) {
  await prepareLoad(old.server);
  const servers = cluster.members.map((m) => m.server);
  const load = startLoad(servers, 'lost', { writers: 4, pauseMs: 0 });
  const by = (isOld: boolean): number =>
    load.acknowledged.filter((a) => (a.server === old.name) === isOld).length;
  try {
    await waitFor(() => by(true) > 300, { timeoutMs: 20_000, what: 'writes before the loss' });
    await fault();
    await waitFor(() => by(false) > 300, { timeoutMs: 20_000, what: 'writes on the heir' });
  } finally {
    await load.stop();
  }
  const heir = cluster.member(load.acknowledged.at(-1)?.server ?? '');
  return {
    heir,
    outageMs: longestGap(load.acknowledged),
    lost: await missing(heir.server, 'lost', load.acknowledged),
  };
}
