/** `npm run demo`: a cluster in care, its leader killed, its heir writing; then it stays up to be played with. */
import { Command } from 'commander';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import { startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { tellStory } from '#test/demo/story.js';
import { longestGap, missing, prepareLoad, startLoad } from '#test/load/writers.js';

interface Options {
  readonly once?: boolean;
  readonly json?: boolean;
}

const options = new Command('npm run demo --')
  .description(
    'Starts etcd, three controllers and three PostgreSQL members with agents, kills the leader, shows what happens.',
  )
  .option('--once', 'ends after the failover instead of staying up')
  .option('--json', 'the last line is a JSON document')
  .parse()
  .opts<Options>();

/** With --json the story goes to stderr: stdout's last line is for programs. */
const print = (text: string): void => {
  (options.json === true ? process.stderr : process.stdout).write(`${text}\n`);
};

const interrupted = new Promise<void>((resolve) => {
  process.once('SIGINT', resolve);
  process.once('SIGTERM', resolve);
});

try {
  await Promise.race([show(), interrupted]);
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 1;
} finally {
  print('ending everything that was started');
  await stopAll();
}

async function show(): Promise<void> {
  const cluster = await startTanist({ label: 'demo', progress: (text) => print(`· ${text}`) });
  print(`\nAll of it lives in ${cluster.folder}.\n`);
  print((await cluster.tanist('status')).stdout);

  const result = await killTheLeader(cluster);
  if (options.once !== true) {
    play(cluster);
    await interrupted;
  }
  if (options.json === true) process.stdout.write(`${JSON.stringify(result)}\n`);
}

async function killTheLeader(cluster: TanistCluster): Promise<object> {
  const leader = await cluster.leader();
  await prepareLoad(leader.server);
  print('A writer inserts a row every 5 ms.');
  const servers = cluster.members.map((m) => m.server);
  const load = startLoad(servers, 'demo', { writers: 1, pauseMs: 5 });
  const kill: { at?: number } = {};
  const story = tellStory(
    [...cluster.controllers, ...cluster.members.map((m) => m.agent)],
    () => kill.at,
    print,
  );
  await waitFor(() => load.acknowledged.length > 300, { timeoutMs: 30_000, what: 'writes before the kill' });

  print(`\nkill -9 of the server of the leader, ${leader.name}:`);
  kill.at = Date.now();
  leader.server.kill('SIGKILL');
  await waitFor(() => load.acknowledged.filter((a) => a.server !== leader.name).length > 200, {
    timeoutMs: 60_000,
    what: 'writes on the heir',
  });
  await load.stop();
  const { clusters } = await cluster.waitUntilWell({ epoch: 2 });
  story.stop();

  const heir = await cluster.leader();
  const lost = await missing(heir.server, 'demo', load.acknowledged);
  const outageMs = Math.round(longestGap(load.acknowledged));
  print(`\n${heir.name} leads. Longest time without an acknowledged write: ${outageMs} ms.`);
  print(
    `${load.acknowledged.length} writes were acknowledged; ${lost.length === 0 ? 'none' : lost.length} of them missing.\n`,
  );
  print((await cluster.tanist('status')).stdout);
  print((await cluster.tanist('history', cluster.name)).stdout);
  return { outageMs, ackedLost: lost.length, epoch: clusters[0]?.epoch ?? 0 };
}

function play(cluster: TanistCluster): void {
  const controllers = cluster.controllerAddresses.join(',');
  print('It stays up until Ctrl-C. In another terminal:\n');
  print(`  export TANIST_CONTROLLERS=${controllers}`);
  print('  node dist/cli/main.js status --watch');
  print(`  node dist/cli/main.js history ${cluster.name}`);
  for (const { name, server } of cluster.members) {
    print(
      `  psql "${server.conninfo}"   # ${name}; its server's process: head -1 ${server.dir}/postmaster.pid`,
    );
  }
}
