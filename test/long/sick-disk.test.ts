/** The disk under a leader's data and its agent's memory gives way: the agent stays, and says no more than that disk keeps. */
import { readFileSync } from 'node:fs';
import { afterEach, expect, it } from 'vitest';
import { timingsOf } from '#core/timings.js';
import { whyNoDisk } from '#test/cluster/disk.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { startTanist } from '#test/cluster/tanist.js';
import { describeUnless } from '#test/contract/unless.js';
import { longestGap, missing, prepareLoad, startLoad } from '#test/load/writers.js';

const { promiseMs } = timingsOf('balanced');
/** Until the database is found to be hung or dead, and seals, promotion, the clients' search; and a machine that is busy. */
const AROUND_MS = 6000;

describeUnless(whyNoDisk(), 'the disk of a leader', () => {
  afterEach(stopAll);

  it.each(['full', 'read-only'] as const)('turns out %s: an heir leads, the agent stays', async (how) => {
    const cluster = await startTanist({ label: `sick-${how}`, disks: true, synchronous: true });
    const old = await cluster.leader();
    await prepareLoad(old.server);
    const load = startLoad(
      cluster.members.map((m) => m.server),
      'sick',
      { writers: 4, pauseMs: 0 },
    );
    const by = (isOld: boolean): number =>
      load.acknowledged.filter((a) => (a.server === old.name) === isOld).length;
    try {
      await waitFor(() => by(true) > 300, { timeoutMs: 20_000, what: 'writes before the trouble' });
      if (how === 'full') {
        // What only fits into a table no more is refused, and nobody is replaced for that.
        old.disk?.fill();
        old.server.kill('SIGKILL');
      } else old.disk?.makeReadOnly();
      await waitFor(() => by(false) > 300, { timeoutMs: 60_000, what: 'writes on the heir' });
    } finally {
      await load.stop();
    }
    const heir = cluster.member(load.acknowledged.at(-1)?.server ?? '');
    const outageMs = longestGap(load.acknowledged);
    const log = readFileSync(old.agent.logFile, 'utf8');
    expect(await missing(heir.server, 'sick', load.acknowledged)).toEqual([]);
    expect(log).not.toContain('AGENT_BROKEN');
    expect(old.agent.process()?.obituary()).toBeUndefined();
    // A full disk still keeps that the leader is closed; on the other its lease has to be waited out.
    expect(outageMs).toBeLessThan(how === 'full' ? promiseMs : promiseMs + AROUND_MS);
  });
});
