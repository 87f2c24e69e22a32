/** What the runs on one commit came to, kept in a folder, so that a matrix may be filled in several sittings. */
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, readdirSync, statSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { FaultName } from '#test/chaos/faults/index.js';
import type { DurabilityMode } from '#test/chaos/faults/fault.js';
import type { Measured } from '#test/chaos/run.js';
import type { KitName } from '#test/cluster/engines.js';

export interface Result {
  readonly fault: FaultName;
  readonly engine: KitName;
  readonly durability: DurabilityMode;
  /** Counted from 1 within its cell. */
  readonly run: number;
  /** Undefined: broken, see `wrong`. */
  readonly measured?: Measured | undefined;
  /** What must not have been. */
  readonly wrong?: string | undefined;
}

export interface Cell {
  readonly fault: FaultName;
  readonly engine: KitName;
  readonly durability: DurabilityMode;
  readonly runs: number;
  readonly outageMs: { readonly p50: number; readonly max: number };
  readonly ackedLost: number;
  /** Of those, how many a replica had confirmed to their client. Undefined: clients need not ask for that. */
  readonly confirmedLost?: number;
  /** Of those, how many lie in a salvage. Undefined: not looked at, in runs of before; or the engine makes none. */
  readonly salvaged?: number;
  /** Missing though the ledger says otherwise, or in no salvage. */
  readonly unaccounted?: number;
  readonly doublyAccepted: number;
  readonly convergedMs: number;
  readonly failed: number;
}

const FILE = 'results.jsonl';

export interface Results {
  readonly commit: string;
  readonly folder: string;
  readonly all: readonly Result[];
  add(result: Result): void;
}

/** Of the commit that is checked out, below `root`. `keeps`: which of those that are there already stay. */
export function openResults(root: string, keeps: (result: Result) => boolean): Results {
  const commit = currentCommit();
  const folder = join(root, commit);
  mkdirSync(folder, { recursive: true });
  const all = readResults(folder).filter(keeps);
  const file = join(folder, FILE);
  const save = (): void => writeFileSync(file, all.map((result) => `${JSON.stringify(result)}\n`).join(''));
  save();
  return {
    ...{ commit, folder, all },
    add(result) {
      all.push(result);
      save();
    },
  };
}

/** Those that were written last, of whichever commit. Undefined: there are none. */
export function newestResults(
  root: string,
): { readonly commit: string; readonly all: readonly Result[] } | undefined {
  if (!existsSync(root)) return undefined;
  const [commit] = readdirSync(root)
    .filter((name) => existsSync(join(root, name, FILE)))
    .sort((a, b) => statSync(join(root, b, FILE)).mtimeMs - statSync(join(root, a, FILE)).mtimeMs);
  return commit === undefined ? undefined : { commit, all: readResults(join(root, commit)) };
}

function readResults(folder: string): Result[] {
  const file = join(folder, FILE);
  if (!existsSync(file)) return [];
  const lines = readFileSync(file, 'utf8').split('\n');
  return lines.filter((line) => line !== '').map((line) => JSON.parse(line) as Result);
}

/** With a mark where files differ from it. */
function currentCommit(): string {
  const git = (...args: string[]): string => execFileSync('git', args, { encoding: 'utf8' }).trim();
  try {
    return git('rev-parse', '--short=12', 'HEAD') + (git('status', '--porcelain') === '' ? '' : '-changed');
  } catch {
    return 'no-commit';
  }
}

export const cellName = ({
  fault,
  engine,
  durability,
}: Pick<Cell, 'fault' | 'engine' | 'durability'>): string => `${engine} ${durability} ${fault}`;

export function cellsOf(results: readonly Result[]): readonly Cell[] {
  const names = [...new Set(results.map(cellName))];
  return names.map((name) => cellOf(results.filter((result) => cellName(result) === name)));
}

function cellOf(results: readonly Result[]): Cell {
  const [first] = results;
  if (first === undefined) throw new Error('a cell without runs');
  const measured = results.flatMap((result) => result.measured ?? []);
  const outages = measured.map(({ outageMs }) => outageMs).sort((a, b) => a - b);
  const sum = (of: (run: Measured) => number): number => measured.reduce((n, run) => n + of(run), 0);
  return {
    ...{ fault: first.fault, engine: first.engine, durability: first.durability, runs: results.length },
    outageMs: { p50: outages[Math.floor(outages.length / 2)] ?? 0, max: outages.at(-1) ?? 0 },
    ackedLost: sum(({ ackedLost }) => ackedLost),
    ...(measured.some(({ confirmedLost }) => confirmedLost !== undefined) && {
      confirmedLost: sum(({ confirmedLost = 0 }) => confirmedLost),
    }),
    ...(measured.some(({ salvaged }) => salvaged !== undefined) && {
      salvaged: sum(({ salvaged = 0 }) => salvaged),
    }),
    unaccounted: sum(({ unaccounted }) => unaccounted),
    doublyAccepted: sum(({ doublyAccepted }) => doublyAccepted),
    convergedMs: Math.max(0, ...measured.map(({ convergedMs }) => convergedMs)),
    failed: results.filter(({ wrong }) => wrong !== undefined).length,
  };
}
