/** Layer 5 of DESIGN 7: clients are sent to no leader but the one that is proved at the committed epoch, as long as its right lasts. */
import type { Epoch } from '#core/brand.js';

/** Said by the agent beside it, of its own database. */
export function routing_mayServe(leader: {
  readonly isWritable: boolean;
  /** What its plan names it for is done: its mark is written (S3). */
  readonly isOpened: boolean;
  /** By its lease or what stands for it (L4). */
  readonly mayBeOpen: boolean;
  /** A fence is under way. */
  readonly isClosing: boolean;
}): boolean {
  return leader.isWritable && leader.isOpened && leader.mayBeOpen && !leader.isClosing;
}

/** Told to clients by a controller that heard it from a member: `knownEpoch` is the highest that it has ever heard of. */
export function routing_mayTell(planEpoch: Epoch, knownEpoch: Epoch): boolean {
  return planEpoch === knownEpoch;
}
