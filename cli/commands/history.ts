import type { Command } from 'commander';
import { controllersOption, nameArgument, wholeNumber } from '#cli/commands/options.js';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly json?: true;
  readonly limit: number;
  readonly controllers: readonly string[];
}

export function addHistory(program: Command, terminal: Terminal): void {
  program
    .command('history')
    .summary('show who led since when, and why')
    .description(
      'Shows the ledger of a cluster, newest first: each opening with its reason and evidence, the candidates and their positions, ' +
        'what may have been lost, and how long each phase took.',
    )
    .addArgument(nameArgument('<cluster>', 'whose ledger'))
    .option('--json', 'print the entries for programs, as one array')
    .option('--limit <n>', 'at most so many entries', wholeNumber(1, 1000), 20)
    .addOption(controllersOption())
    .addHelpText(
      'after',
      `
Kinds: adopt; failover; switchover; reopen, the same leader after it was closed; renew, the same leader without a pause.
Phases are milliseconds from the first sign of trouble to the end of each phase; times are UTC.

Examples:
  tanist history orders --limit 1
  tanist history orders --json | jq '.[] | select(.loss.kind != "none")'`,
    )
    .action(async (cluster: string, { controllers, json, limit }: Options) => {
      const { showHistory } = await import('#cli/history/show.js');
      const { operator } = await import('#cli/operator.js');
      await showHistory({ controllers, cluster, limit, json: json ?? false }, operator, terminal);
    });
}
