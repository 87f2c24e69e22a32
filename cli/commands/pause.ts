import type { Command } from 'commander';
import { controllersOption, jsonOption, nameArgument } from '#cli/commands/options.js';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly json?: true;
  readonly controllers: readonly string[];
}

/** `tanist pause` and its counterpart, `tanist resume`. */
export function addPause(program: Command, terminal: Terminal): void {
  add(
    program,
    terminal,
    'pause',
    'replace no leader until it is resumed',
    'Pauses the care of a cluster: if its leader fails, nobody else is appointed. The leader runs on, even without controllers; ' +
      'one that comes back is opened again. A switchover or a failover can still be asked for. It outlasts every restart.',
  );
  add(
    program,
    terminal,
    'resume',
    'replace a leader that fails again',
    'Ends a pause. Replicas become eligible again one by one, within seconds.',
  );
}

function add(
  program: Command,
  terminal: Terminal,
  kind: 'pause' | 'resume',
  summary: string,
  description: string,
): void {
  program
    .command(kind)
    .summary(summary)
    .description(description)
    .addArgument(nameArgument('<cluster>', 'which cluster'))
    .addOption(jsonOption())
    .addOption(controllersOption())
    .addHelpText('after', `\nExample:\n  tanist ${kind} orders`)
    .action(async (cluster: string, { controllers, json }: Options) => {
      const { change } = await import('#cli/care/change.js');
      const { operator } = await import('#cli/operator.js');
      const { operatorName } = await import('#cli/operator-name.js');
      const request = { controllers, cluster, json: json ?? false };
      await change(request, { kind, by: operatorName() }, operator, terminal);
    });
}
