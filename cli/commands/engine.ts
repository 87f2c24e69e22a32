import { resolve } from 'node:path';
import type { Command } from 'commander';
import type { Terminal } from '#cli/terminal.js';

interface Options {
  readonly bed: string;
  readonly only?: string;
  readonly verbose?: true;
}

export function addEngine(program: Command, terminal: Terminal): void {
  const engine = program
    .command('engine')
    .summary('try an engine of your own')
    .description('For whoever writes an executable that Tanist leads a store by: docs/exec.md');
  engine
    .command('check')
    .summary('hold an executable against what every engine must do')
    .description(
      'Makes small clusters with the help of a second executable, and takes every step on them that Tanist takes: crashes, ' +
        'seals, tails, openings, fences with sessions that write on. Each case is told as it ends; nothing of yours is touched.',
    )
    .argument('<executable>', 'the engine')
    .requiredOption('--bed <executable>', 'makes members, and writes to them')
    .option('--only <text>', 'only cases whose names contain it')
    .option('--verbose', 'show what the engine logs, the stderr of the executable too')
    .addHelpText('after', '\nExample:\n  tanist engine check ./engine.lua --bed ./bed.lua --only fences')
    .action(async (executable: string, { bed, only, verbose }: Options) => {
      const { check } = await import('#cli/engine/check.js');
      await check(
        { engine: resolve(executable), bed: resolve(bed), only, verbose: verbose ?? false },
        terminal,
      );
    });
}
