import type { Command } from 'commander';
import { controllersOption, jsonOption, nameArgument } from '#cli/commands/options.js';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly file: string;
  readonly json?: true;
  readonly controllers: readonly string[];
}

export function addPolicy(program: Command, terminal: Terminal): void {
  program
    .command('policy')
    .summary('give a cluster in care another policy')
    .description(
      'Replaces the whole policy of a cluster in care: a key that the file leaves out is as in the default policy, whatever ' +
        'it was before.',
    )
    .addArgument(nameArgument('<cluster>', 'which cluster'))
    .requiredOption('--file <file>', 'the policy')
    .addOption(jsonOption())
    .addOption(controllersOption())
    .addHelpText(
      'after',
      `
Every key of the file: docs/configuration.md

Example:
  tanist policy orders --file orders.yaml`,
    )
    .action(async (cluster: string, { controllers, file, json }: Options) => {
      const { change } = await import('#cli/care/change.js');
      const { readPolicy } = await import('#cli/config/policy.js');
      const { operator } = await import('#cli/operator.js');
      const { operatorName } = await import('#cli/operator-name.js');
      const request = { controllers, cluster, json: json ?? false };
      const command = { kind: 'setPolicy', policy: readPolicy(file), by: operatorName() } as const;
      await change(request, command, operator, terminal);
    });
}
