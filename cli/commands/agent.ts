import type { Command } from 'commander';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly config: string;
  readonly check?: true;
}

export function addAgent(program: Command, terminal: Terminal): void {
  program
    .command('agent')
    .summary('run the agent of one database')
    .description(
      'Runs the agent of one database until SIGTERM or SIGINT. It runs beside its database, as the user that owns the data. ' +
        'Stopping an agent does not stop its database, but a leader whose agent stays away is fenced and replaced.',
    )
    .option('--config <file>', "the agent's file", '/etc/tanist/agent.yaml')
    .option('--check', 'only check the file, then exit')
    .addHelpText('after', '\nEvery key of the file: docs/configuration.md. An example: deploy/agent.yaml')
    .action(async ({ config: file, check }: Options) => {
      const { readAgentConfig } = await import('#cli/config/agent.js');
      const { realSurroundings } = await import('#cli/config/surroundings.js');
      const config = readAgentConfig(
        file,
        realSurroundings((text) => terminal.tell(`warning: ${text}`)),
      );
      if (check) return terminal.print(`${file} is valid\n`);
      const { runAgent } = await import('#agent/main.js');
      await runAgent(config);
    });
}
