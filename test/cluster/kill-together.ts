// Problem: a machine that dies takes everything along in one instant. Killed one after the other, an agent would still report
// the death of its database, and a guard would still fence.
// Rule: all that belongs to the lot is looked up first, then signalled in one go; what was just being born is found by looking again.
// Consequence: nobody on it sees another one die. Its kernel lives, though: connections end at once instead of falling silent.
import { allProcesses, isWithin, type ProcessEntry } from '#test/cluster/process-table.js';
import { sendSignal, waitFor } from '#test/cluster/processes.js';

const GONE_WITHIN_MS = 5_000;

/** Every process of these groups, and every one that works in these folders. */
export interface Lot {
  readonly groups: readonly number[];
  readonly folders: readonly string[];
}

/** SIGKILL; sent before this returns its promise, which settles when the last one is gone. */
export async function killTogether(lots: readonly Lot[]): Promise<void> {
  const groups = lots.flatMap((lot) => lot.groups);
  const folders = lots.flatMap((lot) => lot.folders);
  const belongs = ({ group, cwd }: ProcessEntry): boolean =>
    groups.includes(group) || folders.some((folder) => isWithin(cwd, folder));
  const killed = (): boolean => {
    const left = allProcesses().filter(belongs);
    for (const { pid } of left) sendSignal(pid, 'SIGKILL');
    return left.length === 0;
  };
  await waitFor(killed, {
    timeoutMs: GONE_WITHIN_MS,
    what: `everything in ${folders.join(', ')} to be gone`,
  });
}
