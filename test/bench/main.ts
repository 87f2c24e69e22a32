/** `npm run bench`: what a user would feel, measured on a real cluster on this machine. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { benchFailover } from '#test/bench/failover.js';
import { benchHandOver } from '#test/bench/hand-over.js';
import { benchIdle } from '#test/bench/idle.js';
import { stopAll } from '#test/cluster/processes.js';

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 on');
  return value;
};

const program = new Command('npm run bench --').description(
  'Measures failovers on real etcd and PostgreSQL, three members each.',
);

program
  .command('failover')
  .description(
    'kills the leader under writers; the longest gap between acknowledged writes, and those missing afterwards',
  )
  .addOption(new Option('--fault <fault>', 'what happens to the leader').choices(['crash']).default('crash'))
  .addOption(
    new Option('--profile <profile>', 'set of timings')
      .choices(['fast', 'balanced', 'patient'])
      .default('balanced'),
  )
  .option('--runs <n>', 'failovers', count, 10)
  .option('--writers <n>', 'one writes every 5 ms; more than one as fast as they can', count, 1)
  .option('--reader', 'readers on the replicas hold back replay', false)
  .option('--json', 'the last line is a JSON document', false)
  .action(benchFailover);

program
  .command('hand-over')
  .description('stops the active controller under load; counts failed writes')
  .option('--runs <n>', 'hand-overs', count, 10)
  .option('--json', 'the last line is a JSON document', false)
  .action(benchHandOver);

program
  .command('idle')
  .description('memory and processor time of agents and controllers while nothing happens')
  .option('--seconds <n>', 'how long to look', count, 30)
  .option('--json', 'the last line is a JSON document', false)
  .action(benchIdle);

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 1;
} finally {
  await stopAll();
}
