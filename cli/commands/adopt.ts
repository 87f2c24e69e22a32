import type { Command } from 'commander';
import {
  controllersOption,
  dryRunOption,
  jsonOption,
  nameArgument,
  yesOption,
} from '#cli/commands/options.js';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly policy?: string;
  readonly leaderIsOff?: true;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
  readonly controllers: readonly string[];
}

export function addAdopt(program: Command, terminal: Terminal): void {
  program
    .command('adopt')
    .summary('take a running cluster into care')
    .description(
      'Looks at every connected member, shows what would hurt at a failover, asks, and takes the cluster into care around the ' +
        'leader that runs already. Nothing is restarted and nobody is appointed. Exactly one member must accept writes.',
    )
    .addArgument(nameArgument('<cluster>', "the name that the agents' files give"))
    .option('--policy <file>', 'what you ask for: timings, waits, members (default: the default policy)')
    .option(
      '--leader-is-off',
      'state that the machine of the leader before a release is off and stays off, if it has not let go',
    )
    .addOption(dryRunOption())
    .addOption(yesOption())
    .addOption(jsonOption())
    .addOption(controllersOption())
    .addHelpText(
      'after',
      `
Start the agent of every member first; tanist status shows which are connected. What is looked at, and what to do about
each finding: docs/operations.md

Examples:
  tanist adopt orders --dry-run
  tanist adopt orders --policy orders.yaml --controllers 10.0.0.1:7400,10.0.0.2:7400
  tanist adopt orders --dry-run --json | jq '.inspection.findings[] | {severity, member, code}'`,
    )
    .action(async (cluster: string, options: Options) => {
      const { controllers, policy, leaderIsOff, dryRun, yes, json } = options;
      const { adopt } = await import('#cli/adopt/adopt.js');
      const { operator } = await import('#cli/operator.js');
      const request = { controllers, cluster, policyFile: policy, leaderIsOff: leaderIsOff ?? false };
      const wishes = { dryRun: dryRun ?? false, yes: yes ?? false, json: json ?? false };
      await adopt({ ...request, ...wishes }, operator, terminal);
    });
}
