/** Who wants to hear of failovers as they happen. */
import type { LedgerEntry } from '#core/ledger.js';

export interface Failovers {
  /** Answers how to stop it. */
  watchFailovers(cluster: string, watcher: FailoverWatcher): () => void;
}

export interface FailoverWatcher {
  /** A leader has proved itself, or the account of what it lacks has changed; in etcd by now. */
  happened(entry: LedgerEntry): void;
  /** This controller is not the active one: nothing more is told. */
  over(): void;
}
