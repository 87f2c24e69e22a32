/** What a router knows across restarts. */
import type { Word } from '#core/topology.js';

export interface Memory {
  readonly words: Readonly<Record<string, Word | undefined>>;
  /** Durable when it resolves. Rejects where the disk does not take it; then what was there before still is. */
  remember(cluster: string, word: Word): Promise<void>;
}
