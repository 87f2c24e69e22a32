// Problem: one command has to say whether this checkout is good, and a run in which nothing ran must not look good.
// Rule: set up, build, every check, every test; a failure stops nothing that comes later except the build's.
// Consequence: the last line of stdout is exactly `N passed, N failed`, counting tests, and each check as one; the exit
// code is 0 only if that says "0 failed" and at least one test ran.
//
//   node test/run.mjs [arguments of vitest]
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { delimiter, join } from 'node:path';
import { bringCompatServers } from './compat/servers.mjs';
import { PROJECT_ROOT, build, run, say, setUp } from './setup.mjs';

/** What takes minutes, and what needs other servers than this machine's, has a command of its own. Named, since a list of "all but" means all. */
const PROJECTS = ['unit', 'scenarios', 'simulation', 'contract', 'integration'];

const tally = { passed: 0, failed: 0 };
const asked = process.argv.slice(2);

const isAskedFor = (project) =>
  asked.some((argument) => new RegExp(`^(--project=)?${project}$`).test(argument));

const servers = ['etcd', 'postgres', 'mariadb', 'redis', 'exec', 'haproxy', 'pgbouncer', 'python3-redis'];
await setUp({
  servers: [...servers, ...(isAskedFor('long') ? ['drivers', 'arping', 'dnsmasq'] : [])],
  quiet: true,
});
if (!bringNewerServers()) {
  tally.failed += 1;
} else if (await build()) {
  await runChecks();
  await runTests(asked.length > 0 ? asked : PROJECTS.map((name) => `--project=${name}`));
} else {
  tally.failed += 1;
}
process.stdout.write(`${tally.passed} passed, ${tally.failed} failed\n`);
process.exitCode = tally.failed === 0 ? 0 : 1;

/** If it is on them that tests are to run. */
function bringNewerServers() {
  if (!isAskedFor('compat')) return true;
  try {
    process.env.TANIST_COMPAT_DIR = bringCompatServers({ say });
    return true;
  } catch (error) {
    say(`compat: ${error.message}`);
    return false;
  }
}

/** The parts of `npm run check`, one by one: one that fails hides none behind it. */
async function runChecks() {
  const { scripts } = JSON.parse(readFileSync(join(PROJECT_ROOT, 'package.json'), 'utf8'));
  const env = { PATH: [join(PROJECT_ROOT, 'node_modules', '.bin'), process.env.PATH].join(delimiter) };
  for (const part of scripts.check.split('&&').map((text) => text.trim())) {
    const { code } = await run('sh', ['-c', part], { quiet: true, env });
    count(code === 0, part);
  }
}

async function runTests(args) {
  const folder = mkdtempSync(join(tmpdir(), 'tanist-test-report-'));
  const report = join(folder, 'report.json');
  const vitest = join(PROJECT_ROOT, 'node_modules', 'vitest', 'vitest.mjs');
  const reporters = ['--reporter=default', '--reporter=json', `--outputFile.json=${report}`];
  const { code, signal } = await run(process.execPath, [vitest, 'run', ...reporters, ...args], {
    inherit: true,
    onStart: outlive,
  });
  const failedBefore = tally.failed;
  const ran = countTests(report);
  rmSync(folder, { recursive: true, force: true });
  if (ran === 0) count(false, 'vitest: no test ran');
  else if (code !== 0 && tally.failed === failedBefore) {
    count(false, `vitest: ended with ${signal ?? `code ${code}`} though no test failed`);
  }
}

/** Adds vitest's report to the tally; answers how many tests ran. A file that fails to load has no tests, and has failed. */
function countTests(report) {
  let results;
  try {
    results = JSON.parse(readFileSync(report, 'utf8'));
  } catch {
    return 0; // vitest died before it could write
  }
  tally.passed += results.numPassedTests;
  tally.failed += results.numFailedTests;
  for (const file of results.testResults) {
    const hasFailedTest = file.assertionResults.some((test) => test.status === 'failed');
    if (file.status === 'failed' && !hasFailedTest) count(false, file.name);
  }
  return results.numPassedTests + results.numFailedTests;
}

function count(passed, name) {
  say(`${passed ? 'ok    ' : 'FAILED'} ${name}`);
  tally[passed ? 'passed' : 'failed'] += 1;
}

/** Interrupted, vitest ends by itself and its servers with it; the count is printed all the same. */
function outlive(child) {
  for (const name of ['SIGINT', 'SIGTERM', 'SIGHUP']) {
    process.on(name, () => {
      if (name !== 'SIGINT' || !process.stdin.isTTY) child.kill(name);
    });
  }
}
