import type { Command } from 'commander';
import type { DurationMs } from '#core/brand.js';
import { LONGEST_HOLD } from '#core/timings.js';
import { controllersOption, duration, jsonOption, nameArgument } from '#cli/commands/options.js';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly for?: DurationMs;
  readonly end?: true;
  readonly json?: true;
  readonly controllers: readonly string[];
}

export function addHold(program: Command, terminal: Terminal): void {
  const command = program.command('hold');
  command
    .summary("let the leader's agent be away for longer than its lease")
    .description(
      "Lets the leader's agent be stopped for longer than its lease, for an upgrade: its database stays open meanwhile. The command " +
        'ends when the agent may be stopped, and says for how long. A restart that takes less than the lease needs no hold.',
    )
    .addArgument(nameArgument('<cluster>', 'which cluster'))
    .option(
      '--for <duration>',
      'how long the agent may be away, from now, like 60s: longer than the lease, at most ten minutes',
      duration(0, LONGEST_HOLD),
    )
    .option('--end', 'the agent is back: replace a leader that falls silent as quickly as usual again')
    .addOption(jsonOption())
    .addOption(controllersOption())
    .addHelpText(
      'after',
      `
What it costs: if the leader's host dies during the hold, nobody is appointed before about 1.3 times the hold has passed, unless
you state that it is off (tanist failover --leader-is-off). A database that hangs or crashes while its agent runs is replaced as
usual; while the agent is away nobody notices. So hold for as long as you need, and end it when the agent is back.

Examples:
  tanist hold orders --for 60s
  tanist hold orders --end`,
    )
    .action(async (cluster: string, options: Options) => {
      const { for: forMs, end, json, controllers } = options;
      if ((forMs === undefined) === (end === undefined))
        command.error('error: give either --for, with how long the agent may be away, or --end');
      const { endHold, hold } = await import('#cli/care/hold.js');
      const { operator } = await import('#cli/operator.js');
      const request = { controllers, cluster, json: json ?? false };
      await (forMs === undefined
        ? endHold(request, operator, terminal)
        : hold(request, forMs, operator, terminal));
    });
}
