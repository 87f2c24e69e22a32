import type { Command } from 'commander';
import { controllersOption, jsonOption, nameArgument, yesOption } from '#cli/commands/options.js';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly yes?: true;
  readonly json?: true;
  readonly controllers: readonly string[];
}

export function addRelease(program: Command, terminal: Terminal): void {
  program
    .command('release')
    .summary('let a cluster go, as it was found')
    .description(
      'Lets a cluster go: every agent puts back what Tanist changed in its database. The leader stays open and nothing is ' +
        'restarted; from then on nobody replaces a leader that fails.',
    )
    .addArgument(nameArgument('<cluster>', 'which cluster'))
    .addOption(yesOption())
    .addOption(jsonOption())
    .addOption(controllersOption())
    .addHelpText(
      'after',
      `
Let the agents run until it is done: only they can put things back. A member that is away is let go when it is back.

Examples:
  tanist release orders
  tanist release orders --yes`,
    )
    .action(async (cluster: string, { controllers, yes, json }: Options) => {
      const { release } = await import('#cli/care/release.js');
      const { operator } = await import('#cli/operator.js');
      const request = { controllers, cluster, yes: yes ?? false, json: json ?? false };
      await release(request, operator, terminal);
    });
}
