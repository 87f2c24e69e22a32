/** Readers hold back replay on the candidates: promotion would wait for them; they are ended. */
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { readAndWait } from '#test/load/postgres-readers.js';
import { longestGap, missing, prepareLoad, startLoad } from '#test/load/writers.js';

describe('readers that block replay on every replica', () => {
  let cluster: TanistCluster;
  beforeAll(async () => {
    const settings = { max_standby_streaming_delay: '-1', max_standby_archive_delay: '-1' };
    cluster = await startTanist({ label: 'readers', settings });
    const { server } = await cluster.leader();
    await prepareLoad(server);
    await server.query('create table held (n int)');
  });
  afterAll(stopAll);

  it('do not hold back the heir, and what was received but not applied is not dropped', async () => {
    const old = await cluster.leader();
    const replicas = cluster.members.filter((m) => m !== old);
    for (const { server } of replicas) await server.waitUntilCaughtUpWith(old.server);
    const readers = await Promise.all(replicas.map(({ server }) => readAndWait(server)));
    await old.server.query('truncate held');
    const load = startLoad(
      cluster.members.map((m) => m.server),
      'readers',
      { writers: 1, pauseMs: 5 },
    );
    await waitFor(() => load.acknowledged.length > 100, { timeoutMs: 20_000, what: 'writes' });
    old.server.kill('SIGKILL');
    await waitFor(() => load.acknowledged.filter((a) => a.server !== old.name).length > 50, {
      timeoutMs: 20_000,
      what: 'writes on the heir',
    });
    await load.stop();
    for (const reader of readers) await reader.end().catch(() => undefined);
    const heir = cluster.member(load.acknowledged.at(-1)?.server ?? '');
    expect(await missing(heir.server, 'readers', load.acknowledged)).toEqual([]);
    expect(longestGap(load.acknowledged)).toBeLessThan(2000);
  });
});
