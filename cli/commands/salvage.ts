import { type Command, Option } from 'commander';
import { controllersOption, nameArgument, nameOption, wholeNumber } from '#cli/commands/options.js';
import type { Sources } from '#cli/salvage/show.js';
import type { Terminal } from '#cli/terminal.js';

interface ListOptions {
  readonly json?: true;
  readonly controllers: readonly string[];
}

interface ShowOptions extends ListOptions {
  readonly sql?: true;
  readonly diff?: true;
  readonly member?: string;
  readonly database?: string;
  readonly limit: number;
}

export function addSalvage(program: Command, terminal: Terminal): void {
  const salvage = program
    .command('salvage')
    .summary('show writes that were saved before a rejoin destroyed them')
    .description(
      'An old leader that comes back with writes which the new one lacks is rewound; what it had is saved before, row by row. Nothing of it is ' +
        'applied by itself.',
    );
  addList(salvage, terminal);
  addShow(salvage, terminal);
}

function addList(salvage: Command, terminal: Terminal): void {
  salvage
    .command('list')
    .summary('name all that was saved of a cluster')
    .description('Asks every agent of the cluster what it has saved, and names those that do not answer.')
    .addArgument(nameArgument('<cluster>', 'which cluster'))
    .option('--json', 'print all records for programs, as one document')
    .addOption(controllersOption())
    .addHelpText('after', '\nExample:\n  tanist salvage list orders')
    .action(async (cluster: string, { controllers, json }: ListOptions) => {
      const { listSalvages } = await import('#cli/salvage/show.js');
      await listSalvages({ controllers, cluster, json: json ?? false }, await sources(), terminal);
    });
}

function addShow(salvage: Command, terminal: Terminal): void {
  salvage
    .command('show')
    .summary('show the rows')
    .description(
      'Shows what was saved when that epoch began: tables, rows, and what could not be saved as rows. A row that is marked + was inserted, ~ updated, ' +
        '- deleted, by transactions that the new leader does not have.',
    )
    .addArgument(nameArgument('<cluster>', 'which cluster'))
    .argument('<epoch>', 'of the leader that lacks them', wholeNumber(1, Number.MAX_SAFE_INTEGER))
    .addOption(new Option('--sql', 'print the statements, to be read and then run').conflicts('json'))
    .option('--json', 'print the rows for programs, one in each line')
    .addOption(
      new Option(
        '--diff',
        'hold each row against what the new leader has now: same, missing, conflicting',
      ).conflicts('sql'),
    )
    .addOption(nameOption('--member <member>', 'of this member, if several have saved something'))
    .option('--database <database>', 'with --sql: of this database, if there are several')
    .option('--limit <n>', 'at most so many rows', wholeNumber(0, 1_000_000), 20)
    .addOption(controllersOption())
    .addHelpText(
      'after',
      `
Examples:
  tanist salvage show orders 7
  tanist salvage show orders 7 --diff              # what of it is still missing, and what somebody has changed since
  tanist salvage show orders 7 --sql > lost.sql    # read it; then: psql -X -v ON_ERROR_STOP=1 -1 -f lost.sql
  tanist salvage show orders 7 --json | jq 'select(.table == "public.payments")'`,
    )
    .action(async (cluster: string, epoch: number, options: ShowOptions) => {
      const { showSalvage } = await import('#cli/salvage/show.js');
      const { controllers, member, database, limit, diff: compared = false } = options;
      const as = options.sql === true ? 'sql' : options.json === true ? 'json' : 'text';
      await showSalvage(
        { controllers, cluster, epoch, member, database, as, compared, limit },
        await sources(),
        terminal,
      );
    });
}

async function sources(): Promise<Sources> {
  const { operator } = await import('#cli/operator.js');
  const { salvageSource } = await import('#cli/salvage/agents.js');
  return { operator, salvages: salvageSource };
}
