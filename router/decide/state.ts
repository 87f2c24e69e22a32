/** What a router knows. */
import type { Epoch, MonotonicMs } from '#core/brand.js';
import type { Asked, Led, Topology, Word } from '#core/topology.js';

export interface RouterState {
  readonly clusters: Readonly<Record<string, ClusterState>>;
}

export interface ClusterState {
  /** The last word: never replaced by one of a lower epoch. */
  readonly word: Word | undefined;
  readonly led: Led;
  /** By controller, what it said last; only of those that are heard. */
  readonly heard: Readonly<Record<string, Topology>>;
  /** Clients are held back. */
  readonly pause: Pause | undefined;
  /** By controller, the pause that is not begun any more: clients were let go, and its time was theirs. */
  readonly spent: Readonly<Record<string, bigint | undefined>>;
}

export interface Pause extends Asked {
  /** Of the leader that is about to close. */
  readonly epoch: Epoch;
  readonly since: MonotonicMs;
  /** Nothing that leads clients has any transaction of theirs open. */
  readonly isHeld: boolean;
}

export type Input =
  | { readonly kind: 'topology'; readonly controller: string; readonly topology: Topology }
  /** That controller is not heard any more. */
  | { readonly kind: 'lost'; readonly controller: string }
  /** For the pause of that number clients are held back now. */
  | { readonly kind: 'held'; readonly cluster: string; readonly number: bigint }
  | { readonly kind: 'tick' };

export type Effect =
  /** A word that is new is durable before anything is led by it. */
  | { readonly kind: 'lead'; readonly cluster: string; readonly word: Word; readonly led: Led }
  | { readonly kind: 'hold'; readonly cluster: string; readonly number: bigint }
  | { readonly kind: 'letGo'; readonly cluster: string; readonly because: LetGo }
  /** To whoever asked for it: clients are held back. */
  | { readonly kind: 'sayHeld'; readonly cluster: string; readonly asked: Asked };

/** `led`: the next leader is there. `called-off`: the switchover came to nothing. `budget`: it took too long. */
export type LetGo = 'led' | 'called-off' | 'budget';
