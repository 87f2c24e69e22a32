/** `npm run sim`: the production decisions of controllers and agents against models of everything else, seed after seed. */
import { Command, InvalidArgumentError } from 'commander';
import { replay } from '#test/simulation/commands/replay.js';
import { search } from '#test/simulation/commands/search.js';
import { searchPlanted } from '#test/simulation/commands/planted.js';
import type { SimOptions } from '#test/simulation/commands/options.js';
import { ENGINE_NAMES, type SimulatedEngine } from '#test/simulation/models/kinds/index.js';
import { MISTAKES } from '#test/planted/index.js';

const number = (text: string): number => {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 0) throw new InvalidArgumentError('a whole number from 0 on');
  return value;
};

const numbers = (text: string): readonly number[] => text.split(',').map(number);

const mistake = (text: string): string => {
  if (Object.hasOwn(MISTAKES, text)) return text;
  throw new InvalidArgumentError(`one of ${Object.keys(MISTAKES).join(', ')}`);
};

const engine = (text: string): SimulatedEngine => {
  const name = ENGINE_NAMES.find((one) => one === text);
  if (name !== undefined) return name;
  throw new InvalidArgumentError(`one of ${ENGINE_NAMES.join(', ')}`);
};

await new Command('npm run sim --')
  .description(
    'Plays failovers in virtual time, with faults drawn from a seed, and checks every invariant at every step. A seed that fails is shrunk, and the command that replays it with a readable log is printed.',
  )
  .option('--seconds <s>', 'how long to search', number, 15)
  .option('--seeds <n>', 'how many seeds to search, however long it takes', number)
  .option('--from <seed>', 'the first seed', number, 1)
  .option('--seed <seed>', 'replays one seed and prints all that happened', number)
  .option('--faults <n>', 'with --seed: only the first n faults', number)
  .option('--without <numbers>', 'with --seed: leaves these faults out (comma-separated)', numbers, [])
  .option(
    '--planted',
    'plants every known mistake, one at a time, and counts the seeds until it is found',
    false,
  )
  .option('--mistake <name>', 'plants this mistake', mistake)
  .option('--engine <name>', 'plays this engine, whichever the seed draws', engine)
  .option('--json', 'the last line is a JSON document', false)
  .action(async (options: SimOptions) => {
    if (options.seed !== undefined) replay(options.seed, options);
    else if (options.planted) await searchPlanted(options);
    else search(options);
  })
  .parseAsync();
