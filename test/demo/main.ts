/** `npm run demo`: a cluster in care, its leader killed, switched and lost; then it stays up to be played with. */
import { Command } from 'commander';
import { stopAll } from '#test/cluster/processes.js';
import { startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { play, SCENES, type Seen } from '#test/demo/scenes.js';

interface Options {
  readonly once?: boolean;
  readonly json?: boolean;
}

const options = new Command('npm run demo --')
  .description(
    'Starts etcd, three controllers and three PostgreSQL members with agents; kills a leader, switches the next, loses the third, and shows what happens.',
  )
  .option('--once', 'ends after that instead of staying up')
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

  const crash = await play(cluster, 'crash', SCENES.crash, print);
  const switchover = await play(cluster, 'switchover', SCENES.switchover, print);
  print(
    '\nA write that only the lost machine had is lost with it (durability async); what comes back is saved before it is rewound.',
  );
  const member = await play(cluster, 'member', SCENES.member, print);
  print(`\n${(await cluster.tanist('status')).stdout}`);
  print((await cluster.tanist('history', cluster.name)).stdout);
  if (options.once !== true) {
    invite(cluster);
    await interrupted;
  }
  if (options.json === true) {
    const brief = ({ outageMs, ackedLost }: Seen): object => ({ outageMs, ackedLost });
    const result = {
      ...brief(crash),
      epoch: crash.epoch,
      rejoined: [crash, switchover, member].every((seen) => seen.rejoined),
      switchover: brief(switchover),
      memberLost: brief(member),
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}

function invite(cluster: TanistCluster): void {
  const controllers = cluster.controllerAddresses.join(',');
  print('It stays up until Ctrl-C. In another terminal:\n');
  print(`  export TANIST_CONTROLLERS=${controllers}`);
  print('  node dist/program/tanist.js status --watch');
  print(`  node dist/program/tanist.js history ${cluster.name}`);
  for (const { name, server } of cluster.members) {
    print(
      `  psql "${server.conninfo}"   # ${name}; its server's process: head -1 ${server.dir}/postmaster.pid`,
    );
  }
}
