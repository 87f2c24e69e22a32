/** `npm run chaos`: real faults on hosts of their own, and every write counted. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { DURABILITY_MODES } from '#core/policy.js';
import { PROFILES, type ProfileName } from '#core/timings.js';
import { startChaos } from '#test/chaos/cluster.js';
import { type Fault, type FaultName, FAULTS } from '#test/chaos/faults.js';
import { type Run, runOnce } from '#test/chaos/run.js';
import { whyNoNetwork } from '#test/cluster/network.js';
import { runProgram } from '#test/cluster/run-program.js';
import { prepareLoad } from '#test/load/writers.js';

const NAMES = Object.keys(FAULTS) as readonly FaultName[];
const NO_HOSTS = 2;

interface Options {
  readonly only?: FaultName;
  readonly durability: (typeof DURABILITY_MODES)[number];
  readonly profile: ProfileName;
  readonly members: number;
  readonly runs: number;
  readonly list?: true;
  readonly json?: true;
}

interface Cell {
  readonly fault: FaultName;
  readonly engine: 'postgres';
  readonly durability: string;
  readonly runs: number;
  readonly outageMs: { readonly p50: number; readonly max: number };
  readonly ackedLost: number;
  readonly doublyAccepted: number;
  readonly convergedMs: number;
}

const count =
  (least: number, most: number) =>
  (text: string): number => {
    const value = Number(text);
    if (Number.isInteger(value) && value >= least && value <= most) return value;
    throw new InvalidArgumentError(`a whole number from ${least} to ${most}`);
  };

const tell = (text: string): void => void process.stderr.write(`${text}\n`);

const program = new Command('npm run chaos --')
  .description(
    'Strikes a real cluster, each of its parts on a host of its own (a network namespace), under writers that never stop trying, and counts what they were told against what is there in the end.',
  )
  .addOption(new Option('--only <fault>', 'this one; default: all, see --list').choices(NAMES))
  .addOption(
    new Option('--durability <mode>', 'with available and strict one replica confirms every write')
      .choices(DURABILITY_MODES)
      .default('async'),
  )
  .addOption(new Option('--profile <profile>', 'set of timings').choices(PROFILES).default('balanced'))
  .option('--members <n>', 'databases', count(3, 5), 3)
  .option('--runs <n>', 'of each fault', count(1, 1000), 3)
  .option('--list', 'what there is, and what it does')
  .option('--json', 'the last line is a JSON document')
  .action(async (options: Options) => {
    if (options.list) return list();
    const why = whyNoNetwork();
    if (why !== undefined) {
      tell(`error: ${why}`);
      process.exitCode = NO_HOSTS;
      return;
    }
    await strike(options);
  });

function list(): void {
  const width = Math.max(...NAMES.map(({ length }) => length)) + 2;
  for (const name of NAMES) process.stdout.write(`${name.padEnd(width)}${FAULTS[name].what}\n`);
}

async function strike({ only, durability, profile, members, runs: many, json }: Options): Promise<void> {
  const acknowledgements = durability === 'async' ? 0 : 1;
  const chaos = await startChaos({
    ...{ members, profile, progress: tell },
    durability: { mode: durability, acknowledgements },
  });
  await prepareLoad((await chaos.cluster.leader()).server);
  const cells: Cell[] = [];
  let failed = 0;
  for (const name of only === undefined ? NAMES : [only]) {
    const fault: Fault = FAULTS[name];
    const runs: Run[] = [];
    for (let number = 1; number <= many; number++) {
      const run = await runOnce(chaos, fault, `${name}-${number}`);
      runs.push(run);
      const why = whatIsWrong(run, fault, durability);
      if (why !== undefined) failed += 1;
      tell(
        `${name} ${number}: outage ${run.outageMs} ms, ${run.acknowledged} acknowledged, ${run.ackedLost} missing, ${run.doublyAccepted} doubly accepted, converged in ${run.convergedMs} ms${why === undefined ? '' : `: ${why}`}`,
      );
    }
    cells.push(cellOf(name, durability, runs));
  }
  process.stdout.write(`${cells.length * many - failed} passed, ${failed} failed\n`);
  if (json) process.stdout.write(`${JSON.stringify({ cells })}\n`);
  if (failed > 0) process.exitCode = 1;
}

/** What must not be, whatever befalls it. */
function whatIsWrong(run: Run, { ends }: Fault, durability: string): string | undefined {
  if (run.doublyAccepted > 0) return 'two leaders accepted writes';
  if (durability !== 'async' && run.ackedLost > 0) return 'acknowledged writes are missing';
  if (!run.lossIsSaid) return 'the ledger does not say what is missing';
  if (ends === 'the same leader' && run.leaderChanged) return 'there was no reason for a failover';
  return undefined;
}

function cellOf(fault: FaultName, durability: string, runs: readonly Run[]): Cell {
  const outages = runs.map(({ outageMs }) => outageMs).sort((a, b) => a - b);
  const sum = (of: (run: Run) => number): number => runs.reduce((n, run) => n + of(run), 0);
  return {
    ...{ fault, engine: 'postgres', durability, runs: runs.length },
    outageMs: { p50: outages[Math.floor(outages.length / 2)] ?? 0, max: outages.at(-1) ?? 0 },
    ackedLost: sum(({ ackedLost }) => ackedLost),
    doublyAccepted: sum(({ doublyAccepted }) => doublyAccepted),
    convergedMs: Math.max(...runs.map(({ convergedMs }) => convergedMs)),
  };
}

await runProgram(program);
