import type { Command } from 'commander';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly config: string;
  readonly check?: true;
}

export function addRouter(program: Command, terminal: Terminal): void {
  program
    .command('router')
    .summary('run a router beside a proxy or pooler')
    .description(
      'Runs a router until SIGTERM or SIGINT: beside HAProxy or PgBouncer it makes each new leader known to it at once, and it calls hooks. ' +
        'Clients are sent on to the last known leader when it is gone, or no controller is heard.',
    )
    .option('--config <file>', "the router's file", '/etc/tanist/router.yaml')
    .option('--check', 'only check the file, then exit')
    .addHelpText('after', '\nEvery key of the file: docs/configuration.md. An example: deploy/router.yaml')
    .action(async ({ config: file, check }: Options) => {
      const { readRouterConfig } = await import('#cli/config/router.js');
      const { realSurroundings } = await import('#cli/config/surroundings.js');
      const config = readRouterConfig(
        file,
        realSurroundings((text) => terminal.tell(`warning: ${text}`)),
      );
      if (check) return terminal.print(`${file} is valid\n`);
      const { runRouter } = await import('#router/main.js');
      await runRouter(config);
    });
}
