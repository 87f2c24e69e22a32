/** `npm run demo`: a cluster in care, its leader killed, switched and lost; then it stays up to be played with. */
import { Command } from 'commander';
import { type EngineKit, KITS, type KitName } from '#test/cluster/engines.js';
import { engineOption } from '#test/cluster/engine-option.js';
import { stopAll } from '#test/cluster/processes.js';
import { type AnyCluster, startTanistOn } from '#test/cluster/tanist.js';
import { play, SCENE_NAMES, type SceneName, SCENES, type Seen, whyNotPlayed } from '#test/demo/scenes.js';

interface Options {
  readonly engine: KitName;
  readonly once?: boolean;
  readonly json?: boolean;
}

const options = new Command('npm run demo --')
  .description(
    'Starts etcd, three controllers and three members, each a database with its agent; kills a leader, switches the next, loses the third, and shows what happens.',
  )
  .addOption(engineOption())
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
  const engine: EngineKit = KITS[options.engine];
  const cluster = await startTanistOn(engine, { label: 'demo', progress: (text) => print(`· ${text}`) });
  print(`\nAll of it lives in ${cluster.folder}.\n`);
  print((await cluster.tanist('status')).stdout);

  const seen: Partial<Record<SceneName, Seen>> = {};
  const leftOut: Partial<Record<SceneName, string>> = {};
  for (const name of SCENE_NAMES) {
    const why = whyNotPlayed(cluster, SCENES[name]);
    if (why === undefined) seen[name] = await play(cluster, name, SCENES[name], print);
    else {
      leftOut[name] = why;
      print(`\nThe scene "${name}" is left out: ${why}.`);
    }
  }
  print(`\n${(await cluster.tanist('status')).stdout}`);
  print((await cluster.tanist('history', cluster.name)).stdout);
  if (options.once !== true) {
    invite(cluster);
    await interrupted;
  }
  if (options.json === true) {
    // Null: a scene that was left out.
    const brief = (one: Seen | undefined): object | null =>
      one === undefined ? null : { outageMs: one.outageMs, ackedLost: one.ackedLost };
    const result = {
      ...{ engine: options.engine, ...brief(seen.crash), epoch: seen.crash?.epoch },
      rejoined: Object.values(seen).every(({ rejoined }) => rejoined),
      switchover: brief(seen.switchover),
      memberLost: brief(seen.member),
      leftOut,
    };
    process.stdout.write(`${JSON.stringify(result)}\n`);
  }
}

function invite(cluster: AnyCluster): void {
  const controllers = cluster.controllerAddresses.join(',');
  print('It stays up until Ctrl-C. In another terminal:\n');
  print(`  export TANIST_CONTROLLERS=${controllers}`);
  print('  node dist/program/tanist.js status --watch');
  print(`  node dist/program/tanist.js history ${cluster.name}`);
  for (const { name, server } of cluster.members) {
    const { command, pidFile } = server.visit;
    print(`  ${command}   # ${name}; its server's process: head -1 ${pidFile}`);
  }
}
