/** What must not be, whatever befalls a cluster. */
import type { DurabilityMode, Fault } from '#test/chaos/faults/fault.js';
import { confirmedOf, type Observed } from '#test/chaos/run.js';
import type { EngineKit } from '#test/cluster/engines.js';

type Kit = Pick<EngineKit, 'clientsConfirm' | 'lacks'>;

export interface Wrong {
  readonly what: string;
  /** It came too late, or a leader was replaced that only looked hung: what a machine that stands still does to any coordinator. */
  readonly isUntimely: boolean;
}

/** Undefined: all as promised. */
export function whatIsWrong(
  { measured, broken, findings, attempts }: Observed,
  fault: Fault,
  durability: DurabilityMode,
  engine: Kit = { lacks: {} },
): Wrong | undefined {
  if (measured === undefined) {
    // What was found out all the same counts: one that came to no end may have lost a write on the way.
    const lost = new Set(findings.flatMap(({ kind, value }) => (kind === 'lost' ? [value] : [])));
    const isUnsafe =
      findings.some(({ kind }) => kind !== 'lost' || mustKeep(fault, durability, engine)) ||
      (mustKeepConfirmed(fault, engine) && confirmedOf(attempts, lost) > 0);
    return { what: broken ?? 'nothing was measured', isUntimely: !isUnsafe };
  }
  const unsafe = [
    measured.doublyAccepted > 0 && 'two leaders accepted writes at once',
    measured.ackedLost > 0 && mustKeep(fault, durability, engine) && 'acknowledged writes are missing',
    (measured.confirmedLost ?? 0) > 0 &&
      mustKeepConfirmed(fault, engine) &&
      'writes are missing that a replica had confirmed to their client',
    measured.otherwiseWrong > 0 &&
      `the history cannot be: ${findings.find(({ kind }) => kind !== 'lost')?.text ?? ''}`,
    measured.unaccounted > 0 && 'writes are missing that are in the cluster by the ledger, or in no salvage',
  ].find((wrong): wrong is string => wrong !== false);
  if (unsafe !== undefined) return { what: unsafe, isUntimely: false };
  const untimely = [
    measured.refused > 0 && fault.unnoticed === true && 'clients noticed it',
    measured.leaderChanged && fault.ends === 'the same leader' && 'there was no reason for another leader',
  ].find((wrong): wrong is string => wrong !== false);
  return untimely === undefined ? undefined : { what: untimely, isUntimely: true };
}

/** Unless nobody but the old leader had a write, and it could not be asked. */
const mustKeep = ({ agentAnswers, endsServer }: Fault, durability: DurabilityMode, { lacks }: Kit): boolean =>
  durability !== 'async' ||
  (agentAnswers === true && !(endsServer === true && lacks.logOutlivesServer !== undefined));

/** Where one replica that confirms is enough under `strict`, it is enough here. */
const mustKeepConfirmed = ({ stallsUnder }: Fault, { clientsConfirm }: Kit): boolean =>
  clientsConfirm === true && stallsUnder?.includes('strict') !== true;
