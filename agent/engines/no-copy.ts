/** For engines whose servers copy from each other: their agents hand out no copy. */
import type { CopyAnswer } from '#agent/ports/engine.js';

/** `called`: the engine's name, for people. */
export const refuseCopy = (called: string) => (): Promise<CopyAnswer> =>
  Promise.resolve({ kind: 'refused', text: `${called} is copied from the server, and not from its agent` });
