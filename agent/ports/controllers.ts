/** The agent's sessions with all controllers: every one hears every report, only the active one speaks. */
import type { MonotonicMs } from '#core/brand.js';
import type { Directive } from '#core/directive.js';
import type { Report } from '#core/report.js';

export interface Controllers {
  /** Keeps one session open to each controller until `stop`. */
  start(emit: (event: ControllerEvent) => void): void;
  /**
   * Queues the report for one controller, latest wins: a report that has not left yet is replaced, never queued behind, so
   * that a stall does not end in a burst of old news.
   */
  send(controller: string, report: Report): void;
  stop(): Promise<void>;
  /** The controllers' names (their addresses), in the configured order. */
  readonly names: readonly string[];
}

export type ControllerEvent =
  | { readonly kind: 'controller-connected'; readonly controller: string }
  | { readonly kind: 'controller-disconnected'; readonly controller: string; readonly text: string }
  | {
      readonly kind: 'directive';
      readonly controller: string;
      readonly directive: Directive;
      readonly receivedAt: MonotonicMs;
    }
  /** The controller refuses this agent for good (two agents under one name, another system identifier). */
  | { readonly kind: 'refused'; readonly controller: string; readonly code: string; readonly text: string };
