import { Argument, type Command } from 'commander';
import { controllersOption, jsonOption, nameArgument } from '#cli/commands/options.js';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly json?: true;
  readonly controllers: readonly string[];
}

export function addMaintenance(program: Command, terminal: Terminal): void {
  program
    .command('maintenance')
    .summary('say that somebody works on a member, or no more')
    .description(
      'Takes a replica out of the members that may be appointed, before it is stopped, upgraded or moved; or lets it in again. ' +
        'Its absence then means nothing. A leader cannot be in maintenance: switch over first.',
    )
    .addArgument(nameArgument('<cluster>', 'which cluster'))
    .addArgument(nameArgument('<member>', 'which member'))
    .addArgument(new Argument('<on|off>', 'whether somebody works on it').choices(['on', 'off']))
    .addOption(jsonOption())
    .addOption(controllersOption())
    .addHelpText(
      'after',
      `
Examples:
  tanist maintenance orders orders-2 on
  tanist maintenance orders orders-2 off`,
    )
    .action(async (cluster: string, member: string, state: 'on' | 'off', { controllers, json }: Options) => {
      const { change } = await import('#cli/care/change.js');
      const { operator } = await import('#cli/operator.js');
      const { operatorName } = await import('#cli/operator-name.js');
      const request = { controllers, cluster, json: json ?? false };
      const command = { kind: 'maintenance', member, on: state === 'on', by: operatorName() } as const;
      await change(request, command, operator, terminal);
    });
}
