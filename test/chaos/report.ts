/**
 * The matrix for people, `docs/fault-matrix.md`, and for programs beside it. It takes hours, so it is filled in several sittings: cells that were
 * run anew replace those of before, and each names its commit.
 */
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { EVERY_CELL, FAULT_NAMES, FAULTS } from '#test/chaos/faults/index.js';
import { leftOutInWords } from '#test/chaos/left-out.js';
import { cellName, type Cell, cellsOf, type Result } from '#test/chaos/results.js';
import { DURABILITY_MODES } from '#core/policy.js';
import { KIT_NAMES, KITS, type KitName } from '#test/cluster/engines.js';

export const REPORT = 'docs/fault-matrix.md';
const CELLS = 'docs/fault-matrix.json';

/** `note`: of the machine on which it was run, where its times would mislead without. */
type KnownCell = Cell & { readonly commit: string; readonly note?: string };

/** Returns how many cells there are now. */
export function writeReport(commit: string, results: readonly Result[], note?: string): number {
  const fresh = cellsOf(results).map((cell) => ({ ...cell, commit, ...(note !== undefined && { note }) }));
  const known: readonly KnownCell[] = existsSync(CELLS)
    ? (JSON.parse(readFileSync(CELLS, 'utf8')) as KnownCell[])
    : [];
  const cells = inOrder([
    ...fresh,
    ...known.filter((old) => !fresh.some((cell) => cellName(cell) === cellName(old))),
  ]);
  writeFileSync(CELLS, `[\n${cells.map((cell) => `  ${JSON.stringify(cell)}`).join(',\n')}\n]\n`);
  writeFileSync(REPORT, matrix(cells));
  return cells.length;
}

function inOrder(cells: readonly KnownCell[]): readonly KnownCell[] {
  const names = KIT_NAMES.flatMap((engine) =>
    FAULT_NAMES.flatMap((fault) =>
      DURABILITY_MODES.map((durability) => cellName({ engine, fault, durability })),
    ),
  );
  return names.flatMap((name) => cells.filter((cell) => cellName(cell) === name));
}

function matrix(cells: readonly KnownCell[]): string {
  return [
    '# Fault matrix',
    '',
    'What three members, profile `balanced`, did under each fault. Every host is a network namespace; six clients append without a',
    'stop, and every answer that one of them got is held against what is there in the end. Under `available` and `strict` one replica confirms',
    'every write. Written by `npm run chaos -- --report`; what each fault does: `npm run chaos -- --list`.',
    '',
    '- *outage*: seconds from the fault to the first write that another leader acknowledged, where it is to end in one; elsewhere the longest',
    '  time without any acknowledgement. *stalls*: nobody can write there before it is healed, and that is as it must be.',
    '- *missing*: acknowledged writes that are not there in the end. Under `async` all of them lie where the ledger says, or it counts as wrong.',
    '  Where clients confirm writes by themselves (Redis: `WAIT`) every second one does: (n confirmed) is how many of the missing were of those, and',
    '  none may be, but where one replica is not enough under `strict` either.',
    '- *salvaged*: of the missing, how many lie in a salvage at the old leader; -: not looked at, or nothing is saved yet.',
    '- *doubly*: writes that the old leader acknowledged after the first of the new one, which may have them from it: late answers to what it has do not count.',
    '- *converged*: seconds from healing until one leader led and everybody followed, the longest.',
    '- *wrong*: runs in which anything was not as promised.',
    '',
    ...KIT_NAMES.flatMap((engine) =>
      section(
        engine,
        cells.filter((cell) => cell.engine === engine),
      ),
    ),
  ].join('\n');
}

/** Of one engine; nothing where it has no cells. */
function section(engine: KitName, cells: readonly KnownCell[]): readonly string[] {
  if (cells.length === 0) return [];
  const runs = cells.reduce((n, cell) => n + cell.runs, 0);
  const leftOut = leftOutInWords(KITS[engine], FAULTS, EVERY_CELL);
  const notes = new Set(
    cells.flatMap(({ commit, note }) => (note === undefined ? [] : [`${commit}: ${note}`])),
  );
  return [
    `## ${KITS[engine].called}`,
    '',
    `${cells.length} cells, ${runs} runs.`,
    ...leftOut.map((line) => `\nLeft out, ${line}.`),
    ...[...notes].map((line) => `\nOn ${line}.`),
    '',
    '| fault | durability | outage p50 / max | missing | salvaged | doubly | converged | runs | wrong | commit |',
    '|---|---|---|---|---|---|---|---|---|---|',
    ...cells.map(row),
    '',
  ];
}

function row(cell: KnownCell): string {
  const {
    fault,
    durability,
    outageMs,
    ackedLost,
    confirmedLost,
    salvaged,
    doublyAccepted,
    convergedMs,
    runs,
    failed,
    commit,
  } = cell;
  const seconds = (ms: number): string => (ms / 1000).toFixed(2);
  const stalls = FAULTS[fault].stallsUnder?.includes(durability) === true ? ' *stalls*' : '';
  const outage = `${seconds(outageMs.p50)} / ${seconds(outageMs.max)}${stalls}`;
  const missing = confirmedLost === undefined ? ackedLost : `${ackedLost} (${confirmedLost} confirmed)`;
  return `| \`${fault}\` | ${durability} | ${outage} | ${missing} | ${salvaged ?? '-'} | ${doublyAccepted} | ${seconds(convergedMs)} | ${runs} | ${failed} | ${commit} |`;
}
