/** Whom the clients of a cluster are to be sent to, as one controller sees it at one instant (DESIGN 7, layer 5). */
import type { Epoch } from '#core/brand.js';
import type { EngineName } from '#core/position.js';

export interface Topology {
  readonly cluster: string;
  /** Undefined: not known here yet. */
  readonly engine: EngineName | undefined;
  /** The highest of any plan that is known of here; NO_EPOCH: none is. */
  readonly epoch: Epoch;
  /** Proved writable at `epoch`, and heard a moment ago. */
  readonly leader: Address | undefined;
  /** Why there is none. */
  readonly because: NoLeader | undefined;
  /** They follow as planned, and log arrives. */
  readonly replicas: readonly Address[];
  /** The leader is about to close for a switchover: whoever can hold clients back does so now, and says so under this number. */
  readonly pause: bigint | undefined;
}

/** What is known of a leader, for whoever leads clients there. */
export interface Word {
  readonly epoch: Epoch;
  readonly leader: Address;
}

/**
 * What is heard of a word's leader now. `leads`: a controller names it. `closed`: a controller that hears everybody says that nobody leads, and none says otherwise.
 * `unheard`: nobody says either; it may lead on, or another does.
 */
export type Led = 'leads' | 'closed' | 'unheard';

/** Which pause, and who asked for it: others know nothing of it. */
export interface Asked {
  readonly controller: string;
  readonly number: bigint;
}

/** Of a member's database, for clients. */
export interface Address {
  readonly name: string;
  readonly host: string;
  readonly port: number;
}

/**
 * `not-known`: no agent of it was ever heard, and no plan read. `not-in-care`: released. `none-leads`: all members are heard, and none of them leads.
 * `not-heard`: of who may lead nothing is heard at the moment; he may lead on.
 */
export const NO_LEADER = ['not-known', 'not-in-care', 'none-leads', 'not-heard'] as const;
export type NoLeader = (typeof NO_LEADER)[number];

/** In words, for people. */
export const NO_LEADER_TEXT: Readonly<Record<NoLeader, string>> = {
  'not-known': 'no cluster of this name is known here',
  'not-in-care': 'the cluster is not in care',
  'none-leads': 'all members are heard, and none leads at the moment',
  'not-heard': 'whoever leads is not heard by this controller at the moment: ask another one',
};
