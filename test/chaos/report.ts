/** The matrix for people: `docs/fault-matrix.md`. */
import type { DurabilityMode } from '#test/chaos/faults/fault.js';
import { FAULT_NAMES, FAULTS } from '#test/chaos/faults/index.js';
import { type Cell, cellsOf, type Result } from '#test/chaos/results.js';
import { DURABILITY_MODES } from '#core/policy.js';

export function matrix(commit: string, results: readonly Result[]): string {
  const cells = cellsOf(results);
  const runs = cells.reduce((n, cell) => n + cell.runs, 0);
  return [
    '# Fault matrix',
    '',
    'What a three-member PostgreSQL cluster, profile `balanced`, did under each fault: hosts are network namespaces, six clients append without',
    'a stop, and every answer that one of them got is held against what is there in the end. Written by `npm run chaos -- --report`.',
    '',
    `Commit \`${commit}\`, ${runs} runs. One replica confirms every write under \`available\` and \`strict\`.`,
    '',
    'Each cell: outage p50 / max in seconds, acknowledged writes that are missing, writes that two leaders accepted at once, seconds until',
    'the cluster had converged after healing (the longest), runs. The outage is the time from the fault to the first write that another leader',
    'acknowledged, where it is to end in one; elsewhere the longest time without any acknowledgement. *stalls*: nobody can write there before it is healed, as it must be.',
    '',
    `| fault | ${DURABILITY_MODES.join(' | ')} |`,
    `|---|${DURABILITY_MODES.map(() => '---').join('|')}|`,
    ...FAULT_NAMES.map(
      (fault) =>
        `| \`${fault}\` | ${DURABILITY_MODES.map((mode) =>
          inCell(
            cells.find((cell) => cell.fault === fault && cell.durability === mode),
            mode,
          ),
        ).join(' | ')} |`,
    ),
    '',
    '## The faults',
    '',
    ...FAULT_NAMES.map((fault) => `- \`${fault}\`: ${FAULTS[fault].what}.`),
    '',
  ].join('\n');
}

function inCell(cell: Cell | undefined, mode: DurabilityMode): string {
  if (cell === undefined) return '';
  const seconds = (ms: number): string => (ms / 1000).toFixed(ms < 1000 ? 2 : 1);
  const { outageMs, ackedLost, doublyAccepted, convergedMs, runs, failed } = cell;
  const stalls = FAULTS[cell.fault].stallsUnder?.includes(mode) === true ? ' *stalls*' : '';
  const wrong = failed > 0 ? ` **${failed} wrong**` : '';
  return `${seconds(outageMs.p50)} / ${seconds(outageMs.max)}${stalls}; ${ackedLost} missing; ${doublyAccepted} doubly; ${seconds(convergedMs)}; ${runs}${wrong}`;
}
