/** A cluster at work is taken into care and let go again: no client may notice, and nothing may stay behind. */
import { clientsOf } from '#test/load/pgbench.js';
import { finish, spread, tell } from '#test/bench/numbers.js';
import { differences, findTraces, type Traces } from '#test/cluster/traces.js';
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import { adopt, startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { waitUntilReported } from '#test/cluster/waiting.js';

/** Long enough for both commands with the waits between them. */
const CLIENTS_WORK_S = 20;

export async function benchAdopt(options: { readonly runs: number }): Promise<void> {
  const cluster = await startTanist({ label: 'bench', adopt: false, progress: tell });
  const [leader] = cluster.members;
  if (leader === undefined) throw new Error('no members');
  await waitUntilReported(cluster.status, cluster.members.length);
  const clients = clientsOf(leader.server, cluster.folder);
  await clients.prepare();
  const adoptMs: number[] = [];
  const releaseMs: number[] = [];
  const found: string[] = [];
  let done = 0;
  let failed = 0;
  for (let number = 1; number <= options.runs; number++) {
    const before = await tracesOf(cluster);
    const work = clients.start(CLIENTS_WORK_S);
    adoptMs.push(await timed(() => adopt(cluster)));
    releaseMs.push(await timed(() => succeed(cluster.tanist, COMMANDS.release(cluster))));
    const transactions = await work.finish();
    const after = await tracesOf(cluster);
    const left = cluster.members.flatMap(({ name }, i) => differences(name, before[i]!, after[i]!));
    tell(
      `run ${number}: ${transactions.done} transactions, ${transactions.failed} failed, ${left.length} differences`,
    );
    for (const difference of left) tell(`  ${difference}`);
    found.push(...left);
    done += transactions.done;
    failed += transactions.failed;
  }
  finish({
    ...{ clients: clients.program, runs: options.runs, transactions: done, failedTransactions: failed },
    ...{ adoptMs: spread(adoptMs), releaseMs: spread(releaseMs), differences: found },
  });
}

const tracesOf = (cluster: TanistCluster): Promise<readonly Traces[]> =>
  Promise.all(cluster.members.map(({ server }) => findTraces(server)));

async function timed(work: () => Promise<unknown>): Promise<number> {
  const began = performance.now();
  await work();
  return performance.now() - began;
}
