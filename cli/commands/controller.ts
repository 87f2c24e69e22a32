import type { Command } from 'commander';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly config: string;
  readonly check?: true;
}

export function addController(program: Command, terminal: Terminal): void {
  program
    .command('controller')
    .summary('run a controller')
    .description(
      'Runs a controller until SIGTERM or SIGINT. Run three of them, on machines of their own if you can: one is elected through ' +
        'etcd and decides, the others stand by with the same picture.',
    )
    .option('--config <file>', "the controller's file", '/etc/tanist/controller.yaml')
    .option('--check', 'only check the file, then exit')
    .addHelpText(
      'after',
      '\nEvery key of the file: docs/configuration.md. An example: deploy/controller.yaml',
    )
    .action(async ({ config: file, check }: Options) => {
      const { readControllerConfig } = await import('#cli/config/controller.js');
      const { realSurroundings } = await import('#cli/config/surroundings.js');
      const config = readControllerConfig(
        file,
        realSurroundings((text) => terminal.tell(`warning: ${text}`)),
      );
      if (check) return terminal.print(`${file} is valid\n`);
      const { runController } = await import('#controller/main.js');
      await runController(config);
    });
}
