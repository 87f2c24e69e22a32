/**
 * The guard beside this agent (DESIGN 7.2): a process of its own, with its own copy of the deadline and its own means to fence whatever is
 * writable past it.
 */
import type { Epoch, MonotonicMs } from '#core/brand.js';

/** Until when the database may accept writes at `epoch`, on this agent's clock; NEVER: without end. */
export interface GuardOrder {
  readonly epoch: Epoch;
  readonly until: MonotonicMs;
}

export type GuardEvent =
  /** A guard stands, and this is what it holds, in its own word. */
  | { readonly kind: 'guard-standing'; readonly order: GuardOrder | undefined }
  /** None stands; another one is being started. */
  | { readonly kind: 'guard-lost'; readonly text: string };

export interface Guard {
  /**
   * Takes over the guard that an earlier agent left. Resolves within about a second to what it holds; undefined: there is none, or
   * one that was never given an order.
   */
  takeOver(): Promise<GuardOrder | undefined>;
  /** Keeps one guard standing from now on, and tells about it. */
  start(emit: (event: GuardEvent) => void): void;
  /** Replaces what the guard holds; answered by `guard-standing`. Latest wins. */
  arm(order: GuardOrder): void;
  /** This agent ends; the guard goes on and waits for the next one. */
  leave(): Promise<void>;
  /** The database is no longer in care: ends the guard. */
  dismiss(): Promise<void>;
}
