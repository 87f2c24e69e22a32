import { type Command, Option } from 'commander';
import { controllersOption, jsonOption, nameArgument, nameOption } from '#cli/commands/options.js';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly json?: true;
  readonly from?: string;
  readonly waiveSalvage?: true;
  readonly cancel?: true;
  readonly controllers: readonly string[];
}

export function addReinit(program: Command, terminal: Terminal): void {
  program
    .command('reinit')
    .summary("replace a replica's data by a copy of the leader's")
    .description(
      "Copies the data of the leader, or of another replica, beside a replica's own and puts it in its place; the old data is kept for as long as " +
        'the policy says (oldDataRetention). The replica is read from until then, and receives nothing meanwhile. Writes that only it has are ' +
        'saved first (tanist salvage); if they cannot be, nothing is replaced unless you do without them.',
    )
    .addArgument(nameArgument('<cluster>', 'which cluster'))
    .addArgument(nameArgument('<member>', 'which replica'))
    .addOption(nameOption('--from <member>', 'copy this replica instead of the leader'))
    .addOption(
      new Option('--waive-salvage', 'go on also if the writes that only this member has cannot be saved'),
    )
    .addOption(
      new Option('--cancel', 'give up a copy that was asked for').conflicts(['from', 'waiveSalvage']),
    )
    .addOption(jsonOption())
    .addOption(controllersOption())
    .addHelpText(
      'after',
      `
Examples:
  tanist reinit orders orders-2
  tanist reinit orders orders-3 --from orders-2
  tanist reinit orders orders-3 --cancel`,
    )
    .action(async (cluster: string, member: string, options: Options) => {
      const { change } = await import('#cli/care/change.js');
      const { operator } = await import('#cli/operator.js');
      const { operatorName } = await import('#cli/operator-name.js');
      const { controllers, json = false, from, waiveSalvage = false, cancel = false } = options;
      const by = operatorName();
      const command = cancel
        ? ({ kind: 'cancelReinit', member, by } as const)
        : ({ kind: 'reinit', member, from, waiveSalvage, by } as const);
      await change({ controllers, cluster, json }, command, operator, terminal);
    });
}
