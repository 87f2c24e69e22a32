/**
 * S5 and S6: how many sealed members hold every acknowledged write, and in which order the synchronous set may change so that this is
 * true at every instant. A plan that claims more than the leader keeps to loses writes without anybody noticing.
 */
import type { Durability, PlannedDurability } from '#core/durability.js';
import { NO_DURABILITY } from '#core/durability.js';
import type { DurabilityPolicy } from '#core/policy.js';

/**
 * S5: if a write is acknowledged only after `acknowledgements` (k) of the `synchronous` (N) members have it, sealing any N-k+1 of
 * them holds every acknowledged write and makes further acknowledgements impossible. Needs no clock.
 */
export function S5_isLossless(synchronous: number, acknowledgements: number, sealed: number): boolean {
  return (
    acknowledgements > 0 && synchronous >= acknowledgements && sealed >= synchronous - acknowledgements + 1
  );
}

/**
 * S5, INV-5: where fewer can be sealed, whether nobody leads who may lack a write that replicas confirmed. Under `available` that binds while
 * any of them is counted on; once none is, for none was there, whoever is left may lead that has the newest opening in its log: its leader held
 * all that was confirmed before (`hasOpening`).
 */
export function S5_keepsConfirmed(
  mode: DurabilityPolicy['mode'],
  acknowledgements: number,
  hasOpening: boolean,
): boolean {
  return mode === 'strict' || (mode === 'available' && (acknowledgements > 0 || !hasOpening));
}

/**
 * S6: the order in which one change of the synchronous set is made. Adding a member or lowering k weakens: etcd first, then the leader.
 * Removing one or raising k strengthens: the leader applies it and enough members catch up before etcd has it.
 */
export function S6_changeOrder(from: Durability, to: Durability): 'store-first' | 'leader-first' | 'refuse' {
  const added = to.synchronous.filter((m) => !from.synchronous.includes(m)).length;
  const removed = from.synchronous.filter((m) => !to.synchronous.includes(m)).length;
  const raised = to.acknowledgements - from.acknowledgements;
  if (added + removed + Math.abs(raised) !== 1) return 'refuse';
  return added === 1 || raised < 0 ? 'store-first' : 'leader-first';
}

/**
 * S6, the end of a strengthening: etcd may have `to` once the leader has `applied` in every sender and `holders` of to's members have the
 * log up to where it ended then. What was acknowledged before lies in that log; what is acknowledged since has waited for `applied`.
 */
export function S6_mayCount(to: Durability, applied: Durability, holders: number): boolean {
  return S6_keepsTo(applied, to) && holders >= to.acknowledgements;
}

/** S6: whatever the leader acknowledges under `applied` is on as many members of `counted` as that says. */
export function S6_keepsTo(applied: Durability, counted: Durability): boolean {
  const outside = applied.synchronous.filter((name) => !counted.synchronous.includes(name)).length;
  return counted.acknowledgements === 0 || applied.acknowledgements - outside >= counted.acknowledgements;
}

/**
 * S5 across an appointment: what the plan of a new epoch may claim. Everything that was ever acknowledged lies below the heir's position,
 * so the claim is as strong as the number of members that have that position too, whatever its leader is told to wait for. The rest is
 * claimed when those members have caught up, as any strengthening is (S6).
 */
export function S5_atOpening(
  { mode, acknowledgements: wanted }: DurabilityPolicy,
  before: Durability,
  opening: {
    readonly leader: string;
    readonly sealed: readonly string[];
    /** Of the sealed: who has all that the heir opens with. */
    readonly level: readonly string[];
  },
): PlannedDurability {
  if (mode === 'async') return NO_DURABILITY;
  const others = before.synchronous.filter((name) => name !== opening.leader);
  const synchronous = mode === 'strict' ? others : others.filter((name) => opening.sealed.includes(name));
  // `strict` waits for as many as ever, also where there are not so many; `available` for those that are there.
  const acknowledgements = mode === 'strict' ? wanted : Math.min(wanted, synchronous.length);
  const level = synchronous.filter((name) => opening.level.includes(name)).length;
  return {
    synchronous,
    acknowledgements: Math.min(acknowledgements, level),
    atLeader: { synchronous, acknowledgements },
  };
}
