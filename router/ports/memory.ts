/** What a router knows across restarts. Durable when a call resolves. */
import type { Word } from '#core/topology.js';

export interface Memory {
  readonly words: Readonly<Record<string, Word | undefined>>;
  /** Of which clusters clients may be held back since before the start. */
  readonly held: readonly string[];
  remember(cluster: string, word: Word): Promise<void>;
  /** Before they are held back, and once they are not any more. */
  rememberHeld(cluster: string, isHeld: boolean): Promise<void>;
}
