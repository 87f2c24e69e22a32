/**
 * The controllers' own election. Instants are read on the clock of expiries. The adapter campaigns, keeps the lease alive and proves the key; it decides nothing:
 * whether the controller may act is a function of these events and the time (rules A1, A2).
 */
import type { DurationMs, MonotonicMs } from '#core/brand.js';
import type { OwnTerm } from '#core/term.js';

export interface Election {
  /** Campaigns until `stop`; every event goes to `emit`. Each start is a new candidacy with a key of its own (E4). */
  start(emit: (event: ElectionEvent) => void): void;
  /**
   * Gives the active role up and leaves the rest of the promises for the successor, in one transaction guarded by the election
   * key. The term is over with the call itself: `deposed` is emitted before anything is sent, and no proof of it follows, whatever
   * becomes of the transaction; nothing may be granted from the moment at which the record was made. Resolves false when it was
   * not active any more, or when nobody knows whether the record reached etcd; a successor that finds none waits in full (A2).
   * Afterwards the adapter stands aside for a TTL, so that somebody else is elected, and then campaigns again unless stopped.
   */
  resign(record: ResignRecord): Promise<boolean>;
  /** Ends the campaign; revokes the lease if it can within a second. Idempotent. */
  stop(): Promise<void>;
}

export type ElectionEvent =
  /** `receivedAt`: when the answer that elected it came. `resigned`: what the predecessor left, read and deleted. */
  | {
      readonly kind: 'elected';
      readonly term: OwnTerm;
      readonly receivedAt: MonotonicMs;
      readonly resigned: ResignRecord | undefined;
      /** The two parts of the first proof. */
      readonly sentAt: MonotonicMs;
    }
  /** A keepalive *and* a check of all that guards a write of this term (E1), but for the plan, both succeeded (rule A1). */
  | {
      readonly kind: 'proof';
      readonly term: OwnTerm;
      readonly keepaliveSentAt: MonotonicMs;
      readonly checkSentAt: MonotonicMs;
    }
  /**
   * The key is gone or is another's, the lease is lost, the generation was set, or this controller resigned. Once per
   * `elected`, and not after `stop`. An etcd that does not answer is no event: authority runs out by itself (A1).
   */
  | { readonly kind: 'deposed'; readonly term: OwnTerm; readonly text: string };

/** Rest of the promise per cluster, in ms at the moment of resigning. */
export interface ResignRecord {
  readonly controller: string;
  readonly promises: Readonly<Record<string, DurationMs>>;
}
