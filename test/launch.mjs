// Problem: `npm run demo` and `npm run bench` must work on a fresh checkout, and their stdout must stay readable by
// programs (with --json its last line is JSON).
// Rule: set up what the program and its `--engine` need, build, then give the terminal to the compiled program; whatever this file
// says goes to stderr.
// Consequence: signals and the exit code are the program's own.
//
//   node test/launch.mjs demo|bench|sim|chaos [arguments of the program]
import { constants } from 'node:os';
import { join } from 'node:path';
import { bringCompatServers, isLaidOut } from './compat/servers.mjs';
import { PROJECT_ROOT, build, isServer, run, say, setUp } from './setup.mjs';

/** Where each lies in dist/, and what it needs on this machine; `engine`: besides, the server of the one that is asked for; `commands`: what one of them needs more. */
const PROGRAMS = {
  demo: { folder: 'demo', servers: ['etcd'], engine: true },
  bench: {
    folder: 'bench',
    servers: ['etcd'],
    engine: true,
    commands: { partition: ['ip', 'nft'], 'sentinel-clients': ['python3-redis'] },
  },
  sim: { folder: 'simulation', servers: [], engine: false },
  chaos: {
    folder: 'chaos',
    servers: ['etcd', 'ip', 'nft', 'nbdkit', 'nbdfuse', 'fusermount3', 'faketime'],
    engine: true,
  },
};

const [name, ...args] = process.argv.slice(2);
const program = PROGRAMS[name];
if (program === undefined) {
  say(`usage: node test/launch.mjs ${Object.keys(PROGRAMS).join('|')} [arguments]`);
  process.exit(2);
}

const engine = engineIn(args);
// What there is none of is the program's to say.
const servers = [
  ...program.servers,
  ...(program.engine && isServer(engine) ? [engine] : []),
  ...(program.commands?.[args[0]] ?? []),
];
await setUp({ servers, quiet: true });
if (program.engine && isLaidOut(engine)) bringNewerServers();
if (!(await build())) process.exit(1);

const main = join(PROJECT_ROOT, 'dist', 'test', program.folder, 'main.js');
const { code, signal } = await run(process.execPath, ['--enable-source-maps', main, ...args], {
  inherit: true,
  onStart: forwardSignals,
});
process.exitCode = code ?? 128 + constants.signals[signal];

/** As the programs read it: the last one counts. */
function engineIn(args) {
  const at = args.findLastIndex((arg) => arg === '--engine' || arg.startsWith('--engine='));
  if (at < 0) return 'postgres';
  return args[at] === '--engine' ? args[at + 1] : args[at].slice('--engine='.length);
}

function bringNewerServers() {
  try {
    process.env.TANIST_COMPAT_DIR = bringCompatServers({ say });
  } catch (error) {
    say(`${engine}: ${error.message}`);
    process.exit(1);
  }
}

/** A Ctrl-C reaches the program by itself, being sent to the terminal's whole group; sending it again would ask twice. */
function forwardSignals(child) {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => {
      if (name !== 'SIGINT' || !process.stdin.isTTY) child.kill(name);
    });
  }
}
