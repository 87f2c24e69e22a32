// Problem: `npm run demo` and `npm run bench` must work on a fresh checkout, and their stdout must stay readable by
// programs (with --json its last line is JSON).
// Rule: set up, build, then give the terminal to the compiled program; whatever this file says goes to stderr.
// Consequence: signals and the exit code are the program's own.
//
//   node test/launch.mjs demo|bench [arguments of the program]
import { constants } from 'node:os';
import { join } from 'node:path';
import { PROJECT_ROOT, build, run, say, setUp } from './setup.mjs';

const [program, ...args] = process.argv.slice(2);
if (program !== 'demo' && program !== 'bench') {
  say('usage: node test/launch.mjs demo|bench [arguments]');
  process.exit(2);
}

await setUp({ servers: ['etcd', 'postgres'], quiet: true });
if (!(await build())) process.exit(1);

const main = join(PROJECT_ROOT, 'dist', 'test', program, 'main.js');
const { code, signal } = await run(process.execPath, ['--enable-source-maps', main, ...args], {
  inherit: true,
  onStart: forwardSignals,
});
process.exitCode = code ?? 128 + constants.signals[signal];

/** A Ctrl-C reaches the program by itself, being sent to the terminal's whole group; sending it again would ask twice. */
function forwardSignals(child) {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => {
      if (name !== 'SIGINT' || !process.stdin.isTTY) child.kill(name);
    });
  }
}
