/** One seed again, told as it happened. */
import { plant } from '#test/planted/index.js';
import { run } from '#test/simulation/run.js';
import type { SimOptions } from '#test/simulation/commands/options.js';

export function replay(seed: number, { faults, without, mistake, engine }: SimOptions): void {
  const outcome = run({
    seed,
    ...plant(mistake),
    ...(engine === undefined ? {} : { engine }),
    isTraced: true,
    without: new Set(without),
    ...(faults === undefined ? {} : { faults }),
  });
  for (const line of outcome.trace) process.stdout.write(`${line}\n`);
  const { violation, failovers, virtualMs, events } = outcome;
  const found = violation === undefined ? 'no violation' : `${violation.invariant}: ${violation.text}`;
  process.stdout.write(
    `seed ${seed}, ${outcome.engine}: ${found} (${failovers} failovers, ${events} events, ${Math.round(virtualMs)} ms)\n`,
  );
  if (violation !== undefined) process.exitCode = 1;
}
