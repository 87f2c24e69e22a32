// Problem: that each step of an engine works on a newer server does not show that a cluster of them survives, nor how fast.
// Rule: the compat tests, and then of every newer server a short bench and the short selection of chaos, whole clusters on Debian's newest
// servers and etcd from the folder that test/compat/servers.mjs lays out.
// Consequence: the last line of stdout is `N passed, N failed`, all suites summed; the exit code is 0 only if none failed.
//
//   node test/compat/run.mjs                       all of it, some forty minutes
//   node test/compat/run.mjs mysql|postgres|valkey bench and chaos of that one alone
import { spawn } from 'node:child_process';
import { createInterface } from 'node:readline';
import { delimiter, join } from 'node:path';
import { PROJECT_ROOT, say } from '../setup.mjs';
import { bringCompatServers } from './servers.mjs';

/** By whatever `--engine` calls it; each is started as that engine's servers are. */
const CLUSTERS = {
  mysql: { engine: 'mysql' },
  postgres: { engine: 'postgres' },
  valkey: { engine: 'redis', env: { TANIST_REDIS_SERVER: 'valkey-server' } },
};
const BENCH_RUNS = 3;

const asked = process.argv.slice(2);
const unknown = asked.find((name) => !Object.hasOwn(CLUSTERS, name));
if (unknown !== undefined) {
  say(`error: ${unknown} is none of ${Object.keys(CLUSTERS).join(', ')}`);
  process.exit(2);
}

const tally = { passed: 0, failed: 0 };
let folder;
try {
  folder = bringCompatServers({ say });
} catch (error) {
  say(`compat: ${error.message}`);
  process.exit(1);
}
const newer = {
  TANIST_COMPAT_DIR: folder,
  TANIST_POSTGRES_HOME: join(folder, 'usr/lib/postgresql'),
  PATH: [join(folder, 'usr/bin'), process.env.PATH].join(delimiter),
};

if (asked.length === 0) await suite('tests', 'test/run.mjs', ['--project', 'compat'], {});
for (const [name, { engine, env = {} }] of Object.entries(CLUSTERS)) {
  if (asked.length > 0 && !asked.includes(name)) continue;
  const on = ['--engine', engine];
  const bench = ['bench', 'failover', ...on, '--fault', 'crash', '--runs', String(BENCH_RUNS)];
  await suite(`${name}, bench`, 'test/launch.mjs', bench, { ...newer, ...env });
  const chaos = ['chaos', ...on, '--ci', '--folder', join('.chaos', 'newer', name)];
  await suite(`${name}, chaos`, 'test/launch.mjs', chaos, { ...newer, ...env });
}
process.stdout.write(`${tally.passed} passed, ${tally.failed} failed\n`);
process.exitCode = tally.failed === 0 ? 0 : 1;

/** Adds the last `N passed, N failed` that it prints, or itself as one. */
async function suite(name, script, args, env) {
  say(`--- ${name}`);
  const child = spawn(process.execPath, [join(PROJECT_ROOT, script), ...args], {
    ...{ cwd: PROJECT_ROOT, env: { ...process.env, ...env }, stdio: ['inherit', 'pipe', 'inherit'] },
  });
  const ended = new Promise((resolve) => child.once('close', resolve));
  const forward = (signal) => child.kill(signal);
  for (const signal of ['SIGTERM', 'SIGHUP']) process.on(signal, forward);
  let counted;
  for await (const line of createInterface({ input: child.stdout })) {
    process.stdout.write(`${line}\n`);
    counted = /^(\d+) passed, (\d+) failed$/.exec(line) ?? counted;
  }
  const code = await ended; // null: a signal ended it
  for (const signal of ['SIGTERM', 'SIGHUP']) process.off(signal, forward);
  const failedBefore = tally.failed;
  if (counted !== undefined) {
    tally.passed += Number(counted[1]);
    tally.failed += Number(counted[2]);
  } else if (code === 0) tally.passed += 1;
  if (code !== 0 && tally.failed === failedBefore) tally.failed += 1;
}
