/** The command line as a function of its words: it answers with the status to exit with, and ends no process. */
import { Command, CommanderError } from 'commander';
import { addAdopt } from '#cli/commands/adopt.js';
import { addAgent } from '#cli/commands/agent.js';
import { addController } from '#cli/commands/controller.js';
import { addEngine } from '#cli/commands/engine.js';
import { addFailover } from '#cli/commands/failover.js';
import { addHistory } from '#cli/commands/history.js';
import { addHold } from '#cli/commands/hold.js';
import { addMaintenance } from '#cli/commands/maintenance.js';
import { addPause } from '#cli/commands/pause.js';
import { addPolicy } from '#cli/commands/policy.js';
import { addReinit } from '#cli/commands/reinit.js';
import { addRelease } from '#cli/commands/release.js';
import { addRouter } from '#cli/commands/router.js';
import { addSalvage } from '#cli/commands/salvage.js';
import { addStatus } from '#cli/commands/status.js';
import { addSwitchover } from '#cli/commands/switchover.js';
import { EXIT, exitCodeOf, renderError } from '#cli/report-error.js';
import type { Terminal } from '#cli/terminal.js';
import { VERSION } from '#cli/version.js';

/** `words` are those after the program's name. */
export async function run(words: readonly string[], terminal: Terminal): Promise<number> {
  try {
    await createProgram(terminal).parseAsync([...words], { from: 'user' });
    return EXIT.ok;
  } catch (error) {
    // Commander has said by now what is wrong.
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    for (const line of renderError(error)) terminal.tell(line);
    return exitCodeOf(error);
  }
}

function createProgram(terminal: Terminal): Command {
  const program = new Command('tanist')
    .description('Keeps replicated databases writable when their leader fails.')
    .version(VERSION, '--version', 'print the version')
    .helpOption('-h, --help', 'show this help')
    .helpCommand('help [command]', 'show the help of a command')
    .showSuggestionAfterError(true)
    .showHelpAfterError('(add --help for what is possible)')
    .configureOutput({
      writeOut: (text) => terminal.print(text),
      writeErr: (text) => terminal.tell(text.trimEnd()),
    })
    .exitOverride()
    .addHelpText('after', AFTERWORD);
  // Each command loads what it needs when it runs, so that asking for the status does not load a controller.
  for (const add of COMMANDS) add(program, terminal);
  return program;
}

/** In the order in which help shows them. */
const COMMANDS = [
  ...[addController, addAgent, addRouter],
  ...[addAdopt, addStatus, addHistory, addSalvage],
  ...[addSwitchover, addFailover, addPause, addHold, addMaintenance, addReinit, addPolicy],
  ...[addRelease, addEngine],
];

const AFTERWORD = `
Environment:
  TANIST_CONTROLLERS  the controllers to ask; --controllers goes before it
  NO_COLOR            no colours

Exit status: 0 done, 1 failed (the error's code is explained in docs/errors.md), 2 wrong usage, 70 a bug.`;
