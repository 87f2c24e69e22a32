/** The sessions of an agent on its own server, as far as all engines' are alike. */
import { TanistError } from '#core/errors.js';

/**
 * A refusal is an answer, a silence is none (rule S3). `changing`: the server says that it comes up or goes down. `absent`: nobody listens
 * there; a server that comes up or goes down does not yet, or any more.
 */
export type Answer =
  | { readonly kind: 'ready' }
  | { readonly kind: 'refused' | 'changing' | 'absent' | 'silent'; readonly text: string };

export interface Sessions {
  /** The long-lived session is there. */
  isReady(): boolean;
  /** Makes the long-lived session unless it is there. */
  connect(timeoutMs: number): Promise<Answer>;
  /** Logs in once more, and out again: does the server still take new clients? */
  tryLogin(timeoutMs: number): Promise<Answer>;
  close(): void;
}

const CONNECT_WITHIN_MS = 1_000;

/** Throws DATABASE_UNREACHABLE. */
export async function requireSession(sessions: Sessions): Promise<void> {
  const answer = await sessions.connect(CONNECT_WITHIN_MS);
  if (answer.kind !== 'ready') throw new TanistError('DATABASE_UNREACHABLE', answer.text);
}
