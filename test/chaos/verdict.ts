/** What must not be, whatever befalls a cluster. */
import type { DurabilityMode, Fault } from '#test/chaos/faults/fault.js';
import type { Observed } from '#test/chaos/run.js';

/** Undefined: all as promised. */
export function whatIsWrong(
  { measured, broken, findings }: Observed,
  fault: Fault,
  durability: DurabilityMode,
): string | undefined {
  if (measured === undefined) return broken ?? 'nothing was measured';
  const wrongs = [
    measured.doublyAccepted > 0 && 'two leaders accepted writes at once',
    measured.ackedLost > 0 && mustKeep(fault, durability) && 'acknowledged writes are missing',
    measured.otherwiseWrong > 0 &&
      `the history cannot be: ${findings.find(({ kind }) => kind !== 'lost')?.text ?? ''}`,
    measured.refused > 0 && fault.unnoticed === true && 'clients noticed it',
    measured.unaccounted > 0 && 'writes are missing that are in the cluster by the ledger, or in no salvage',
    measured.leaderChanged && fault.ends === 'the same leader' && 'there was no reason for another leader',
  ];
  return wrongs.find((wrong) => wrong !== false);
}

/** Unless nobody but the old leader had a write, and it could not be asked. */
const mustKeep = ({ agentAnswers }: Fault, durability: DurabilityMode): boolean =>
  durability !== 'async' || agentAnswers === true;
