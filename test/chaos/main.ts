/** `npm run chaos`: real faults on hosts of their own, and every write counted. */
import { Command, InvalidArgumentError, Option } from 'commander';
import { DURABILITY_MODES } from '#core/policy.js';
import { engineOption } from '#test/cluster/engine-option.js';
import { KITS, KIT_NAMES, type KitName } from '#test/cluster/engines.js';
import { PROFILES, type ProfileName } from '#core/timings.js';
import { strikeAll, type Wanted } from '#test/chaos/campaign.js';
import type { DurabilityMode } from '#test/chaos/faults/fault.js';
import { EVERY_CELL, FAULT_NAMES, type FaultName, FAULTS } from '#test/chaos/faults/index.js';
import { leftOutInWords, whyLeftOut } from '#test/chaos/left-out.js';
import { REPORT, writeReport } from '#test/chaos/report.js';
import { cellName, cellsOf, newestResults, openResults, type Result } from '#test/chaos/results.js';
import { CONVERGED_WITHIN_MS } from '#test/chaos/run.js';
import { selectionOf } from '#test/chaos/selection.js';
import { whyNoClock } from '#test/cluster/clock.js';
import { whyNoDisk } from '#test/cluster/disk.js';
import { whyNoNetwork } from '#test/cluster/network.js';
import { runProgram } from '#test/cluster/run-program.js';

const NO_HOSTS = 2;
const DEFAULT_RUNS = 3;

interface Options {
  readonly only?: readonly FaultName[];
  readonly engine: KitName;
  readonly durability?: DurabilityMode;
  readonly profile: ProfileName;
  readonly members: number;
  readonly runs?: number;
  readonly convergedWithin: number;
  readonly folder: string;
  readonly resume?: true;
  readonly ci?: true;
  readonly report?: true;
  readonly note?: string;
  readonly list?: true;
  readonly json?: true;
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
    'Strikes a real cluster, each of its parts on a host of its own (a network namespace), under clients that never stop trying, and holds what they were told against what is there in the end. Every run leaves its history, the ledger, all logs and one timeline in a folder.',
  )
  .addOption(new Option('--only <fault...>', 'these; default: all, see --list').choices(FAULT_NAMES))
  .addOption(engineOption())
  .addOption(
    new Option(
      '--durability <mode>',
      'with available and strict one replica confirms every write; default: each in turn',
    ).choices(DURABILITY_MODES),
  )
  .addOption(new Option('--profile <profile>', 'set of timings').choices(PROFILES).default('balanced'))
  .option('--members <n>', 'databases', count(3, 5), 3)
  .option(
    '--runs <n>',
    `of each cell; default: ${DEFAULT_RUNS}, or 10 where a fault asks for it`,
    count(1, 1000),
  )
  .option(
    '--converged-within <seconds>',
    'from healing on; raise it where the machine has other work (the report has what it took)',
    count(1, 3600),
    CONVERGED_WITHIN_MS / 1000,
  )
  .option('--folder <path>', 'where runs leave what they saw, by commit', '.chaos')
  .option('--resume', 'adds to what there is of the same commit, and repeats nothing of it')
  .option('--ci', 'one run of each of a selection that takes five minutes at most')
  .option('--report', `makes no runs: takes the newest results into ${REPORT}`)
  .option('--note <text>', 'with --report: what is to be known of the machine of those runs')
  .option('--list', 'what there is and what it does, and what is left out on which engine')
  .option('--json', 'the last line is a JSON document')
  .action(async (options: Options) => {
    if (options.list) return list();
    if (options.report) return report(options.folder, options.note);
    for (const line of leftOutInWords(KITS[options.engine], FAULTS, askedOf(options)))
      tell(`left out, ${line}`);
    const why = whyNot(options);
    if (why !== undefined) {
      tell(`error: ${why}`);
      process.exitCode = NO_HOSTS;
      return;
    }
    await strike(options);
  });

function whyNot(options: Options): string | undefined {
  const wanted = wantedBy(options);
  const needs = wanted.map(({ fault }) => FAULTS[fault].needs);
  return (
    (wanted.length === 0 ? 'nothing of that is done' : undefined) ??
    whyNoNetwork() ??
    (needs.includes('disks') ? whyNoDisk() : undefined) ??
    (needs.includes('clocks') ? whyNoClock() : undefined)
  );
}

function list(): void {
  const width = Math.max(...FAULT_NAMES.map(({ length }) => length)) + 2;
  for (const name of FAULT_NAMES) process.stdout.write(`${name.padEnd(width)}${FAULTS[name].what}\n`);
  for (const engine of KIT_NAMES) {
    const lines = leftOutInWords(KITS[engine], FAULTS, EVERY_CELL);
    process.stdout.write(
      `\n--engine ${engine}: ${lines.length === 0 ? 'all of them' : 'all of them, but for'}\n`,
    );
    for (const line of lines) process.stdout.write(`  ${line}\n`);
  }
}

function report(folder: string, note: string | undefined): void {
  const newest = newestResults(folder);
  if (newest === undefined) {
    tell(`error: there are no results in ${folder}: run npm run chaos first, or name their --folder`);
    process.exitCode = 1;
    return;
  }
  const cells = writeReport(newest.commit, newest.all, note);
  process.stdout.write(
    `${REPORT}: ${cells} cells; ${newest.all.length} runs on commit ${newest.commit} are new\n`,
  );
}

/** Of which some may be left out. */
function askedOf({ engine, ci, only, durability, runs }: Options): readonly Wanted[] {
  const cells: readonly Wanted[] = ci
    ? selectionOf(KITS[engine])
    : EVERY_CELL.map((cell) => ({ ...cell, runs: runs ?? FAULTS[cell.fault].runs ?? DEFAULT_RUNS }));
  return cells.filter(
    (cell) =>
      (only === undefined || only.includes(cell.fault)) &&
      (durability === undefined || cell.durability === durability),
  );
}

const wantedBy = (options: Options): readonly Wanted[] =>
  askedOf(options).filter(
    ({ fault, durability }) => whyLeftOut(KITS[options.engine], FAULTS[fault], durability) === undefined,
  );

async function strike(options: Options): Promise<void> {
  const wanted = wantedBy(options);
  const asked = new Set(wanted.map((one) => cellName({ ...one, engine: options.engine })));
  const isAsked = (one: Result): boolean => asked.has(cellName(one));
  const results = openResults(options.folder, (known) => options.resume === true || !isAsked(known));
  const { passed, failed } = await strikeAll(wanted, results, {
    ...options,
    ...{ convergedWithinMs: options.convergedWithin * 1000, tell },
  });
  tell(`what each run saw: ${results.folder}`);
  process.stdout.write(`${passed} passed, ${failed} failed\n`);
  if (options.json)
    process.stdout.write(`${JSON.stringify({ cells: cellsOf(results.all.filter(isAsked)) })}\n`);
  if (failed > 0) process.exitCode = 1;
}

await runProgram(program);
