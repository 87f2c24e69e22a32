/** What a controller says to an agent. Every kind but the welcome carries the term under which it was decided. */
import type { DurationMs, Epoch } from '#core/brand.js';
import type { Plan, PlanMember } from '#core/plan.js';
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
      /** D_H; more only under a hold that the plan carries (A4). */
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
    }
  /** To the leader of `epoch`, before a switchover: make the stop that follows a short one. Reported as `prepared`. */
  | { readonly kind: 'prepare'; readonly term: Term; readonly epoch: Epoch; readonly request: bigint }
  /** A4, to the leader of `epoch`: keep no more of the lease than D_H from now. Reported as `heldBack`. */
  | { readonly kind: 'endHold'; readonly term: Term; readonly epoch: Epoch; readonly request: bigint }
  /** To the leader of `epoch`: close in order, for another one is to lead. Reported as the fenced epoch (F2). */
  | { readonly kind: 'stepDown'; readonly term: Term; readonly epoch: Epoch }
  /** E6: say the whole plan that is durable here, once. Reported as `told`. */
  | { readonly kind: 'tellPlan'; readonly term: Term; readonly request: bigint }
  /** Look at that member from where you are: a connection to its database, another one to its agent. */
  | { readonly kind: 'probe'; readonly term: Term; readonly member: PlanMember }
  /** Say what would hurt at a failover, and whether each of `peers` can be replicated from. Changes nothing. */
  | {
      readonly kind: 'inspect';
      readonly term: Term;
      readonly request: bigint;
      readonly peers: readonly PlanMember[];
    };
