import { type Command, InvalidArgumentError, Option } from 'commander';
import { controllersOption, nameArgument, untilSignal } from '#cli/commands/options.js';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly json?: true;
  /** Seconds; true for the default. */
  readonly watch?: number | true;
  readonly controllers: readonly string[];
}

const DEFAULT_SECONDS = 2;

export function addStatus(program: Command, terminal: Terminal): void {
  program
    .command('status')
    .summary('show clusters and their members')
    .description(
      'Shows what the active controller sees: each cluster, its leader and epoch, and every member.',
    )
    .addArgument(nameArgument('[cluster]', 'only this cluster'))
    .option('--json', 'print the document for programs; with --watch one per line')
    .addOption(
      new Option(
        '--watch [seconds]',
        `show it again and again, every ${DEFAULT_SECONDS} seconds or as often as you say`,
      ).argParser(parseSeconds),
    )
    .addOption(controllersOption())
    .addHelpText(
      'after',
      `
Columns:
  APPOINTABLE  eligible: may be appointed; joining: will be, soon; no: may not; never: by the policy; maintenance
  FOLLOWS      whom it follows; shown where that is not the leader for everybody
  STREAMING    whether log arrives from there now
  BEHIND       log that the leader had and this member had not, when last heard
  HEARD        since the last heartbeat

Examples:
  tanist status orders --watch
  tanist status --json | jq '.clusters[] | {name, state, leader}'`,
    )
    .action(async (cluster: string | undefined, { controllers, json, watch }: Options) => {
      const { showStatus, watchStatus } = await import('#cli/status/show.js');
      const { operator } = await import('#cli/operator.js');
      const request = { controllers, cluster, json: json ?? false };
      if (watch === undefined) return showStatus(request, operator, terminal);
      const everyMs = (watch === true ? DEFAULT_SECONDS : watch) * 1000;
      await watchStatus(request, everyMs, operator, terminal, untilSignal());
    });
}

function parseSeconds(text: string): number {
  const seconds = Number(text);
  if (/^\d+(\.\d+)?$/.test(text) && seconds >= 0.1 && seconds <= 3600) return seconds;
  throw new InvalidArgumentError(
    'Expected seconds from 0.1 to 3600. To watch one cluster, name it first: tanist status CLUSTER --watch',
  );
}
