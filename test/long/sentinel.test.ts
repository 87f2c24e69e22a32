/** What the bench holds against us has to be Sentinel as it is: its clients follow as fast as it lets them, and what it loses is its own doing. */
import { afterAll, expect, it } from 'vitest';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { startSentinelCluster } from '#test/cluster/sentinel.js';
import { missing, startLoad } from '#test/load/writers.js';

afterAll(stopAll);

it(
  'SENTINEL FAILOVER: who hears of it leaves the old leader at once, who does not writes on there, and that is lost',
  { timeout: 120_000 },
  async () => {
    const cluster = await startSentinelCluster({ label: 'sentinel' });
    const old = await cluster.leader();
    const clients = [true, false].map((listens) => {
      const guide = cluster.guide({ listens });
      const run = listens ? 'hears' : 'deaf';
      return { run, guide, load: startLoad(cluster.servers, run, { writers: 1, pauseMs: 5, guide }) };
    });
    await waitFor(() => clients.every(({ load }) => load.acknowledged.length > 50), {
      timeoutMs: 20_000,
      what: 'writes',
    });
    const struckAt = performance.now();
    await cluster.switchOver();
    const arrivals = clients.map(({ load }) =>
      waitFor(() => load.acknowledged.find(({ server }) => server !== old.name), {
        timeoutMs: 60_000,
        what: 'a write on the heir',
      }),
    );
    const [hears, deaf] = (await Promise.all(arrivals)).map(({ at }) => at - struckAt);
    for (const { load, guide } of clients) {
      await load.stop();
      guide.stop();
    }
    const heir = await cluster.leader();
    const [lost, lostByDeaf] = await Promise.all(
      clients.map(async ({ run, load }) => (await missing(heir, run, load.acknowledged)).length),
    );
    expect(deaf).toBeGreaterThan(Number(hears));
    expect(lostByDeaf).toBeGreaterThan(Number(lost));
    await cluster.waitUntilWell();
  },
);
