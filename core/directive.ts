/** What a controller says to an agent. Every kind but the welcome carries the term under which it was decided. */
import type { DurationMs, Epoch } from '#core/brand.js';
import type { Plan } from '#core/plan.js';
import type { Term } from '#core/term.js';

export type Directive =
  | { readonly kind: 'plan'; readonly term: Term; readonly plan: Plan }
  /** L2: answers the heartbeat `nonce` of `incarnation`; the holder counts from when it sent that one (L3). */
  | {
      readonly kind: 'grant';
      readonly term: Term;
      readonly incarnation: string;
      readonly nonce: bigint;
      readonly epoch: Epoch;
      readonly holdMs: DurationMs;
    }
  /** S1: raise the highest epoch to `epoch`, cut every way by which log arrives, report the position. */
  | { readonly kind: 'seal'; readonly term: Term; readonly epoch: Epoch }
  /** DESIGN 6.4: fetch what `from` wrote and this sealed member lacks. */
  | {
      readonly kind: 'takeTail';
      readonly term: Term;
      readonly epoch: Epoch;
      readonly from: string;
      readonly agentAddress: string;
      readonly timeoutMs: DurationMs;
    };
