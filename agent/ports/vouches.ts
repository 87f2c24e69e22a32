/** Questions to the agents of other members, when no controller answers (DESIGN 5). */
import type { DurationMs } from '#core/brand.js';
import type { VouchAnswer, VouchQuestion } from '#core/vouch.js';

export interface Vouches {
  /**
   * Asks the agent at this address. Undefined: no answer within that time, or too many questions to it are unanswered already. Never
   * rejects.
   */
  ask(agentAddress: string, question: VouchQuestion, withinMs: DurationMs): Promise<VouchAnswer | undefined>;
  /** Ends every question and connection at once. */
  stop(): void;
}
