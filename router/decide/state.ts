/** What a router knows. */
import type { Epoch, MonotonicMs } from '#core/brand.js';
import type { Asked, Topology, Word } from '#core/topology.js';

export interface RouterState {
  readonly clusters: Readonly<Record<string, ClusterState>>;
}

export interface ClusterState {
  /** The last word: never replaced by one of a lower epoch. */
  readonly word: Word | undefined;
  /** False: a controller that hears everybody says that nobody leads, and none says otherwise. */
  readonly isOpen: boolean;
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
}

export type Input =
  | { readonly kind: 'topology'; readonly controller: string; readonly topology: Topology }
  /** That controller is not heard any more. */
  | { readonly kind: 'lost'; readonly controller: string }
  /** Nothing that leads clients has any transaction of theirs open. */
  | { readonly kind: 'held'; readonly cluster: string }
  | { readonly kind: 'tick' };

export type Effect =
  /** Durable before anything is led by it. */
  | { readonly kind: 'lead'; readonly cluster: string; readonly word: Word; readonly isOpen: boolean }
  | { readonly kind: 'hold'; readonly cluster: string }
  | { readonly kind: 'letGo'; readonly cluster: string; readonly because: LetGo }
  /** To whoever asked for it: clients are held back. */
  | { readonly kind: 'sayHeld'; readonly cluster: string; readonly asked: Asked };

/** `led`: the next leader is there. `called-off`: the switchover came to nothing. `budget`: it took too long. */
export type LetGo = 'led' | 'called-off' | 'budget';
