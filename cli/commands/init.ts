import type { Command } from 'commander';
import { clusterArgument, controllersOption } from '#cli/commands/options.js';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly policy?: string;
  readonly controllers: readonly string[];
}

export function addInit(program: Command, terminal: Terminal): void {
  program
    .command('init')
    .summary('take a running cluster into care')
    .description(
      'Takes a running cluster into care: commits epoch 1 around the leader that runs already. Nothing is restarted and nobody is ' +
        'appointed. Exactly one of the connected members must accept writes.',
    )
    .addArgument(clusterArgument('<cluster>', "the name that the agents' files give"))
    .option('--policy <file>', 'what you ask for: timings, waits, priorities (default: the default policy)')
    .addOption(controllersOption())
    .addHelpText(
      'after',
      `
Start the agent of every member first; tanist status shows which are connected.

Examples:
  tanist init orders
  tanist init orders --policy orders.yaml --controllers 10.0.0.1:7400,10.0.0.2:7400`,
    )
    .action(async (cluster: string, { controllers, policy }: Options) => {
      const { takeIntoCare } = await import('#cli/init/take-into-care.js');
      const { operator } = await import('#cli/operator.js');
      await takeIntoCare({ controllers, cluster, policyFile: policy }, operator, terminal);
    });
}
