/** Something that leads clients: a proxy, a pooler, a hook. */
import type { Led, Word } from '#core/topology.js';

export interface Target {
  /** For the log. */
  readonly name: string;
  /**
   * Brings it to that leader, and looks whether it is still there: asked again and again. Rejects with what is in the way, and is asked
   * once more.
   */
  lead(word: Word, led: Led): Promise<void>;
  /** Undefined: it cannot hold clients back. */
  readonly holds: Holds | undefined;
  stop(): Promise<void>;
}

export interface Holds {
  /** Lets what clients have begun come to its end, and keeps back what they begin; resolves once nothing is open. Rejects when it cannot, or with `over`. */
  hold(over: AbortSignal): Promise<void>;
  /** Also of what an earlier process has held back, or what was never held. */
  letGo(): Promise<void>;
}
