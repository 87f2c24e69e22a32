/**
 * F: closed is closed. A controller relies on a member that said it was fenced; so nothing opens that member again at
 * that epoch, and nothing is said before it is true.
 */
import type { Epoch } from '#core/brand.js';

/**
 * F1: a member opens only at an epoch above every one at which it was closed, and not below any that it
 * durably knows. Reopening is always a commit of a higher epoch.
 */
export function F1_mayOpen(
  durable: { readonly fencedEpoch: Epoch; readonly highestEpoch: Epoch },
  planEpoch: Epoch,
): boolean {
  return planEpoch > durable.fencedEpoch && planEpoch >= durable.highestEpoch;
}

/** F2: "fenced" is said only when nothing can commit any more: no session, and no process of a dead server. */
export function F2_isFenced(found: { readonly clientSessions: number; readonly orphans: number }): boolean {
  return found.clientSessions === 0 && found.orphans === 0;
}
