/** What a fault is: how it is done, what may come of it, and how it ends. */
import type { DurabilityPolicy } from '#core/policy.js';
import type { Chaos, Equipment, Roles } from '#test/chaos/cluster.js';
import type { AnyMember } from '#test/cluster/tanist.js';

export type DurabilityMode = DurabilityPolicy['mode'];

/** Ends the fault. */
export type Heal = () => Promise<void> | void;

export interface Fault {
  readonly what: string;
  /** What is to come of it: another leader, or nothing that a writer would notice but for the time it takes. */
  readonly ends: 'another leader' | 'the same leader' | 'either';
  /** How often it is to be done for a cell of the matrix; default 3. */
  readonly runs?: number;
  /** The old leader's agent answers all along, so its tail is taken: nothing is missing under `async` either. */
  readonly agentAnswers?: true;
  /** The leader's process ends, and with it what it has in memory only. */
  readonly endsServer?: true;
  /** It strikes while the tail of a dead leader's log is taken. */
  readonly needsTail?: true;
  /** Its database goes on where some clients still reach it: they stay, and try to write. */
  readonly runsOn?: true;
  /** No client may notice: not one attempt may come to anything but an acknowledgement. */
  readonly unnoticed?: true;
  /** What its cluster has to be made with. */
  readonly needs?: Equipment;
  /** Under these nobody can write before it is healed, and that is as it must be. */
  readonly stallsUnder?: readonly DurabilityMode[];
  /** How long it lasts at the least, ms; default 0. One that ends in another leader lasts until that one is open. */
  readonly lastsMs?: number;
  /** `roles`: as they were a moment ago; to ask for them would take longer than some faults last. */
  strike(chaos: Chaos, leader: AnyMember, roles: Roles): Promise<Heal> | Heal;
}

/** The old leader may come back with writes that no other member has: nobody could fetch its tail, whether or not anybody was told of them. */
export const mayDiverge = ({ ends, agentAnswers }: Fault): boolean =>
  ends !== 'the same leader' && agentAnswers !== true;

/** For faults that are over as soon as they are done. */
export const NOTHING: Heal = () => undefined;

/** Several at once, healed together. */
export const all =
  (...heals: readonly Heal[]): Heal =>
  async () => {
    for (const heal of heals) await heal();
  };
