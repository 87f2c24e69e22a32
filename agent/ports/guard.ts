/**
 * The second layer of fencing (DESIGN 7.2): a process of its own that holds a copy of the lease's deadline and fences when the agent
 * cannot. So an agent may be killed, stopped or restarted without the database staying open past its lease, or being closed for nothing.
 */
import type { Epoch, MonotonicMs } from '#core/brand.js';

export interface Guard {
  /**
   * Takes over the guard that an earlier agent left, or else nothing. Resolves to what it holds, on this process's clock; undefined:
   * no guard, or one that was never armed. Bounded (about 1 s). Called once, before the agent decides anything.
   */
  takeOver(): Promise<GuardOrder | undefined>;
  /** Keeps one guard standing (starting one when there is none, starting another when it is lost) and tells about it. */
  start(emit: (event: GuardEvent) => void): void;
  /**
   * Replaces what the guard holds; answered by guard-standing with this order. Latest wins; given again by the adapter itself to a
   * guard that it has just started.
   */
  arm(order: GuardOrder): void;
  /** The agent ends and leaves the guard standing: another agent will take it over. */
  leave(): Promise<void>;
  /** The database is no longer in care: ends the guard. */
  dismiss(): Promise<void>;
}

/** Until when the database may accept writes at `epoch`. On the agent's own clock (ports' `now`); NEVER (core/brand.ts): no end. */
export interface GuardOrder {
  readonly epoch: Epoch;
  readonly until: MonotonicMs;
}

export type GuardEvent =
  /** A guard stands, and this is what it holds: acknowledged by the guard itself. An order of a higher epoch: ours was refused. */
  | { readonly kind: 'guard-standing'; readonly order: GuardOrder | undefined }
  /** None stands; a new one is being started. */
  | { readonly kind: 'guard-lost'; readonly text: string };
