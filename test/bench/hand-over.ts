/** The active controller is stopped in the ordinary way while clients write: nobody may notice. */
import { finish, tell } from '#test/bench/numbers.js';
import { type EngineKit, KITS, type KitName } from '#test/cluster/engines.js';
import { waitFor } from '#test/cluster/processes.js';
import { startTanistOn } from '#test/cluster/tanist.js';
import { longestGap, prepareLoad, startLoad } from '#test/load/writers.js';

export async function benchHandOver(options: {
  readonly engine: KitName;
  readonly runs: number;
}): Promise<void> {
  const engine: EngineKit = KITS[options.engine];
  const cluster = await startTanistOn(engine, { label: 'bench', progress: tell });
  const leader = await cluster.leader();
  await prepareLoad(leader.server);
  const load = startLoad([leader.server], 'hand-over', { writers: 4, pauseMs: 2 });
  for (let i = 1; i <= options.runs; i++) {
    const active = await cluster.activeController();
    await active.stop();
    const next = await cluster.activeController();
    tell(`run ${i}: ${active.name} stopped, ${next.name} is active; ${load.failures()} failed writes so far`);
    active.start();
    const before = load.acknowledged.length;
    // Longer than a lease: a hand-over that loses the leader's grants would show by now.
    const until = performance.now() + 3000;
    await waitFor(() => performance.now() > until && load.acknowledged.length > before, {
      timeoutMs: 10_000,
      what: 'writes to go on',
    });
  }
  await load.stop();
  finish({
    engine: options.engine,
    handOvers: options.runs,
    acknowledged: load.acknowledged.length,
    failedWrites: load.failures(),
    longestGapMs: Math.round(longestGap(load.acknowledged)),
  });
}
