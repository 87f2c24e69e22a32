import type { Command } from 'commander';
import {
  controllersOption,
  dryRunOption,
  jsonOption,
  nameArgument,
  toOption,
  yesOption,
} from '#cli/commands/options.js';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly to?: string;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
  readonly controllers: readonly string[];
}

export function addSwitchover(program: Command, terminal: Terminal): void {
  program
    .command('switchover')
    .summary('let another member lead, without losing anything')
    .description(
      'Hands a healthy leader over to another member: waits until that one is near, closes the leader in order, and opens the ' +
        'other one once it is proved to have all of the log. If anything fails before that, the old leader is opened again. ' +
        'Writers are shut out for a moment.',
    )
    .addArgument(nameArgument('<cluster>', 'which cluster'))
    .addOption(toOption())
    .addOption(dryRunOption())
    .addOption(yesOption())
    .addOption(jsonOption())
    .addOption(controllersOption())
    .addHelpText(
      'after',
      `
It goes on by itself if you interrupt the command; tanist status and tanist history show what came of it.

Examples:
  tanist switchover orders --dry-run
  tanist switchover orders --to orders-2
  tanist switchover orders --yes && systemctl restart postgresql@16-main`,
    )
    .action(async (cluster: string, { controllers, to, dryRun, yes, json }: Options) => {
      const { handOver } = await import('#cli/handover/hand-over.js');
      const { operator } = await import('#cli/operator.js');
      const request = { controllers, cluster, of: 'switchover', to } as const;
      const never = { acceptLoss: false, leaderIsOff: false };
      const wishes = { dryRun: dryRun ?? false, yes: yes ?? false, json: json ?? false };
      await handOver({ ...request, ...never, ...wishes }, operator, terminal);
    });
}
