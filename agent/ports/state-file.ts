/** The agent's durable memory (rule E5), on the data's volume. */
import type { Epoch } from '#core/brand.js';
import type { Plan } from '#core/plan.js';

export interface Durable {
  readonly cluster: string;
  readonly member: string;
  /** The system identifier of the data beside which this file lies; another one makes it another member. */
  readonly dataId: string;
  readonly highestEpoch: Epoch;
  readonly plan: Plan | undefined;
  readonly sealedEpoch: Epoch;
  readonly fencedEpoch: Epoch;
  /** Highest epoch that this agent opened itself. */
  readonly openedEpoch: Epoch;
  /** Highest epoch whose opening this agent began. */
  readonly openingEpoch: Epoch;
  /** Highest epoch of a plan by which this database was let go. */
  readonly releasedEpoch: Epoch;
}

export interface StateFile {
  /** Undefined when there is none: a new member. Rejects with StateCorrupt for a file that cannot be trusted. */
  read(): Promise<Durable | undefined>;
  /** Replaces the whole file; resolves once it and its folder are fsynced. */
  write(durable: Durable): Promise<void>;
}

export class StateCorrupt extends Error {
  override readonly name = 'StateCorrupt';
}
