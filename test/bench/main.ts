/** `npm run bench`: what a user would feel, measured on a real cluster on this machine. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { benchAdopt } from '#test/bench/adopt.js';
import { benchAgentRestart } from '#test/bench/agent-restart.js';
import { benchFailover, DURABILITIES } from '#test/bench/failover.js';
import { FAULTS } from '#test/bench/faults.js';
import { benchHandOver } from '#test/bench/hand-over.js';
import { benchIdle } from '#test/bench/idle.js';
import { stopAll } from '#test/cluster/processes.js';

const count = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1) throw new InvalidArgumentError('a whole number from 1 on');
  return value;
};

const program = new Command('npm run bench --').description(
  'Measures on real etcd and PostgreSQL, three members, what a user would feel.',
);

program
  .command('failover')
  .description(
    'takes the leader away under writers: the longest gap between acknowledged writes, those missing afterwards, and how long the old leader is away',
  )
  .addOption(new Option('--fault <fault>', 'see below').choices(Object.keys(FAULTS)).default('crash'))
  .addOption(
    new Option('--profile <profile>', 'set of timings')
      .choices(['fast', 'balanced', 'patient'])
      .default('balanced'),
  )
  .addOption(
    new Option('--durability <durability>', 'one-sync: one replica confirms every write')
      .choices(DURABILITIES)
      .default('async'),
  )
  .option('--runs <n>', 'failovers', count, 10)
  .option('--writers <n>', 'one writes every 5 ms; more than one as fast as they can', count, 1)
  .option('--reader', 'readers on the replicas hold back replay', false)
  .option('--json', 'the last line is a JSON document', false)
  .addHelpText('after', explainFailover())
  .action(benchFailover);

program
  .command('hand-over')
  .description('stops the active controller under load; counts failed writes')
  .option('--runs <n>', 'hand-overs', count, 10)
  .option('--json', 'the last line is a JSON document', false)
  .action(benchHandOver);

program
  .command('agent-restart')
  .description(
    "stops the leader's agent under load and starts it again; counts failed writes and new epochs, and the time without a lease",
  )
  .option('--runs <n>', 'restarts', count, 10)
  .option('--json', 'the last line is a JSON document', false)
  .action(benchAgentRestart);

program
  .command('adopt')
  .description(
    'takes a cluster at work into care and releases it; counts failed transactions and lists what was left behind',
  )
  .option('--runs <n>', 'times', count, 3)
  .option('--json', 'the last line is a JSON document', false)
  .action(benchAdopt);

program
  .command('idle')
  .description('memory and processor time of agents and controllers while nothing happens')
  .option('--seconds <n>', 'how long to look', count, 30)
  .option('--json', 'the last line is a JSON document', false)
  .action(benchIdle);

function explainFailover(): string {
  const faults = Object.entries(FAULTS).map(([name, { what }]) => `  ${name.padEnd(17)}${what}`);
  return `
Faults:
${faults.join('\n')}

Everything is on this machine: connections to what was killed end at once instead of falling silent. outageMs is what the
writers saw. rejoinMs goes from the kill (crash, switchover) or the revival (the others) until the old leader streams from
the new one; null with hung, where nobody could say when it might have started. A run whose old leader does not come back
has its problem in notRejoined, and the next run gets a new cluster. With host, etcd's leader is lost in every other run.`;
}

try {
  await program.parseAsync();
} catch (error) {
  console.error(error instanceof Error ? (error.stack ?? error.message) : error);
  process.exitCode = 1;
} finally {
  await stopAll();
}
// What a failed run was still watching must not keep the process.
process.exit();
