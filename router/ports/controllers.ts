/** The controllers, as a router hears them. */
import type { Asked, Topology } from '#core/topology.js';

export interface Controllers {
  /** Listens to all of them until `stop`. */
  start(emit: (event: ControllerEvent) => void): void;
  /** To whoever asked for the pause; lost if it is gone. */
  sayHeld(cluster: string, asked: Asked): void;
  stop(): void;
}

export type ControllerEvent =
  | { readonly kind: 'topology'; readonly controller: string; readonly topology: Topology }
  /** It is not heard any more. */
  | { readonly kind: 'lost'; readonly controller: string };
