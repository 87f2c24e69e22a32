// Problem: that a ledger says "writes may be missing" is worth nothing unless it says which, and is right.
// Rule: it names a position of the old leader's line; what is missing was written after it, and begun before the heir was appointed. A client
// sees where the log ends when its statement runs, before the commit; where it ends for the same writer's next statement is after it.
// And each lies in the salvage of the member that had it, once that is back, where the engine saves such writes.
// Consequence: a missing write of which that is known to be otherwise is one that the ledger has wrong.
import type { LedgerEntry } from '#core/ledger.js';
import type { EngineKit } from '#test/cluster/engines.js';
import type { Attempt } from '#test/load/appenders.js';

/**
 * Of the acknowledged, those that are `lost` and lie outside of all that any entry says may be, or in no salvage; and what is salvaged though it
 * was refused, or was never tried. `salvaged` undefined: nothing is saved here.
 */
export function unaccounted(
  { isPast }: Pick<EngineKit, 'isPast'>,
  attempts: readonly Attempt[],
  lost: ReadonlySet<number>,
  ledger: readonly LedgerEntry[],
  salvaged: ReadonlySet<number> | undefined,
): readonly number[] {
  const acknowledged = attempts.filter(({ outcome }) => outcome === 'ok');
  const isOutside = (attempt: Attempt): boolean =>
    salvaged?.has(attempt.value) === false ||
    !ledger.some((entry) => covers(isPast, entry, attempt, nextOf(attempt, acknowledged)));
  const mayBe = new Set(attempts.filter(({ outcome }) => outcome !== 'failed').map(({ value }) => value));
  return [
    ...acknowledged
      .filter((attempt) => lost.has(attempt.value) && isOutside(attempt))
      .map(({ value }) => value),
    ...[...(salvaged ?? [])].filter((value) => !mayBe.has(value)),
  ];
}

function covers(
  isPast: EngineKit['isPast'],
  { loss, at }: LedgerEntry,
  { began }: Attempt,
  next: Attempt | undefined,
): boolean {
  if (loss.kind === 'none') return false;
  // Settled, it says how many besides.
  if (performance.timeOrigin + began > at) return false;
  if (loss.kind === 'unknown' || next?.logEnd === undefined) return true;
  return isPast(next.logEnd, loss.after) !== false;
}

const nextOf = (
  { writer, server, line, ended }: Attempt,
  acknowledged: readonly Attempt[],
): Attempt | undefined =>
  acknowledged.find(
    (one) => one.writer === writer && one.server === server && one.line === line && one.began >= ended,
  );
