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
  readonly acceptLoss?: true;
  readonly leaderIsOff?: true;
  readonly dryRun?: true;
  readonly yes?: true;
  readonly json?: true;
  readonly controllers: readonly string[];
}

export function addFailover(program: Command, terminal: Terminal): void {
  program
    .command('failover')
    .summary('let another member lead, whatever becomes of the present leader')
    .description(
      'Appoints another member also when the leader is not well or does not answer, as Tanist does by itself when a leader ' +
        'fails. A leader that does not answer may still accept writes: its lease is waited out first. For planned work use ' +
        'switchover.',
    )
    .addArgument(nameArgument('<cluster>', 'which cluster'))
    .addOption(toOption())
    .option(
      '--accept-loss',
      "go on also if the one appointed lacks writes that another one has, or that the old leader's log cannot give",
    )
    .option(
      '--leader-is-off',
      "state that the leader's machine is off and stays off: no lease is waited out, and a member that is not eligible may " +
        'lead. If it is not true, two databases accept writes',
    )
    .addOption(dryRunOption())
    .addOption(yesOption())
    .addOption(jsonOption())
    .addOption(controllersOption())
    .addHelpText(
      'after',
      `
It goes on by itself if you interrupt the command; tanist status and tanist history show what came of it, and what was lost.

Examples:
  tanist failover orders --dry-run
  tanist failover orders --to orders-3
  tanist failover orders --leader-is-off --accept-loss`,
    )
    .action(async (cluster: string, options: Options) => {
      const { handOver } = await import('#cli/handover/hand-over.js');
      const { operator } = await import('#cli/operator.js');
      const { controllers, to, acceptLoss, leaderIsOff, dryRun, yes, json } = options;
      const request = { controllers, cluster, of: 'failover', to } as const;
      const stated = { acceptLoss: acceptLoss ?? false, leaderIsOff: leaderIsOff ?? false };
      const wishes = { dryRun: dryRun ?? false, yes: yes ?? false, json: json ?? false };
      await handOver({ ...request, ...stated, ...wishes }, operator, terminal);
    });
}
