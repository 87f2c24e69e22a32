import type { Command } from 'commander';
import { controllersOption, nameArgument, untilSignal, wholeNumber } from '#cli/commands/options.js';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly json?: true;
  readonly follow?: true;
  readonly fromEpoch?: number;
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
    .option('--json', 'print the entries for programs, as one array; with --follow one per line')
    .option(
      '--follow',
      'print the newest, then each failover as it comes, and again when what it cost is known better',
    )
    .option(
      '--from-epoch <n>',
      'with --follow: begin with that epoch',
      wholeNumber(1, Number.MAX_SAFE_INTEGER),
    )
    .option('--limit <n>', 'at most so many entries', wholeNumber(1, 1000), 20)
    .addOption(controllersOption())
    .addHelpText(
      'after',
      `
Kinds: adopt; failover; switchover; reopen, the same leader after it was closed; renew, the same leader without a pause.
Phases are milliseconds from the first sign of trouble to the end of each phase; times are UTC.

Examples:
  tanist history orders --limit 1
  tanist history orders --json | jq '.[] | select(.loss.kind != "none")'
  tanist history orders --follow --json | jq -c '{epoch, previousLeader, leader, loss}'`,
    )
    .action(async (cluster: string, { controllers, json, limit, follow, fromEpoch }: Options) => {
      const { followHistory, showHistory } = await import('#cli/history/show.js');
      if (follow === true) {
        const { watchFailovers } = await import('#proto/failovers.js');
        const request = { controllers, cluster, fromEpoch: BigInt(fromEpoch ?? 0) };
        const events = watchFailovers(request, untilSignal(), (because) => {
          terminal.tell(`no active controller answers, asking on: ${because}`);
        });
        return followHistory({ json: json ?? false }, events, terminal);
      }
      const { operator } = await import('#cli/operator.js');
      await showHistory({ controllers, cluster, limit, json: json ?? false }, operator, terminal);
    });
}
