// Problem: a simulated etcd proves something only if controllers get from it what they get from a real one.
// Rule: one suite (suite.ts) in the words of the ports election and plan-store; a bed is an etcd, controllers that stand for election and
// write there, and what befalls either. Time belongs to the bed: cases wait by `pass` and `waitUntil` alone.
// Consequence: what an adapter alone does (keys, JSON, endpoints) has no case here, but beside it (etcd-*.test.ts).
import type { MonotonicMs } from '#core/brand.js';
import type { Election, ElectionEvent } from '#controller/ports/election.js';
import type { PlanStore } from '#controller/ports/plan-store.js';

export interface EtcdBed {
  /** One more controller, which stands for election once its election is started. */
  controller(name: string, host?: string): Promise<BedController>;
  /** On the bed's own clock. */
  now(): number;
  pass(ms: number): Promise<void>;
  /** Fails, with `what`, when it does not come to be within a time that is generous for etcd. A throw is a "not yet". */
  waitUntil(what: string, condition: () => boolean | Promise<boolean>): Promise<void>;

  deleteElectionKey(): Promise<void>;
  raiseGeneration(): Promise<void>;
  /** It keeps its connections, takes what is asked, and answers nothing, until it is resumed. */
  pause(): void;
  resume(): void;
  /** It has no leader for a while; resolves once it has one again. */
  changeLeader(): Promise<void>;
  /** Ends whatever is left. */
  stop(): Promise<void>;
}

export interface BedController {
  readonly name: string;
  readonly election: Election;
  readonly planStore: PlanStore;
  /** Its own clock: that of its events. */
  now(): MonotonicMs;
  /** The hosts of those who could take its place. */
  standbys(): Promise<readonly (string | undefined)[]>;

  /** Nothing comes through between it and etcd, either way, and neither is told. */
  cut(): void;
  /** What it asks comes through, and no answer does. */
  deafen(): void;
  /** The same from the moment at which etcd elects it: it does not hear of that. */
  deafenOnceElected(): void;
  mend(): void;
}

/** What an election told, and when, on the clock of the bed. */
export type Heard = ElectionEvent & { readonly at: number };
