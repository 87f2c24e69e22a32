/**
 * Who has to have a write before it is acknowledged. Two answers stand in every plan, for a change of the set has two ends that cannot
 * change at once (S6): what controllers may *count on* when they choose an heir, and what the leader has *in force*, which is the
 * same or stronger.
 */
import type { EngineName } from '#core/position.js';

export interface Durability {
  /** Replicas whose confirmation counts; never the leader itself. */
  readonly synchronous: readonly string[];
  /** k: how many of them have to have a write on disk; 0: none. */
  readonly acknowledgements: number;
}

/** The outer pair is what S5 counts on: every acknowledged write is on `acknowledgements` of `synchronous`, whatever leader acknowledged it. */
export interface PlannedDurability extends Durability {
  /** What the leader of this epoch has in force, before its first client gets in. */
  readonly atLeader: Durability;
}

/** Nobody is waited for; a setting that was found there stays as it was. */
export const NO_ACKNOWLEDGEMENTS: Durability = { synchronous: [], acknowledgements: 0 };
export const NO_DURABILITY: PlannedDurability = { ...NO_ACKNOWLEDGEMENTS, atLeader: NO_ACKNOWLEDGEMENTS };

export const sameDurability = (a: Durability, b: Durability): boolean =>
  a.acknowledgements === b.acknowledgements &&
  a.synchronous.length === b.synchronous.length &&
  a.synchronous.every((name) => b.synchronous.includes(name));

/** `2 of b c d`. */
export const formatDurability = ({ synchronous, acknowledgements }: Durability): string =>
  `${acknowledgements} of ${synchronous.length === 0 ? 'nobody' : synchronous.join(' ')}`;

/** What an engine can enforce. */
export interface Enforceable {
  readonly mostAcknowledgements: number;
  /** A replica has to know that it confirms: the leader cannot tell whom it waits for by itself. */
  readonly replicasAreTold: boolean;
}

export const ENFORCES: Readonly<Record<EngineName, Enforceable>> = {
  postgres: { mostAcknowledgements: Number.POSITIVE_INFINITY, replicasAreTold: false },
  mariadb: { mostAcknowledgements: 1, replicasAreTold: true },
  // As far as it counts.
  mysql: { mostAcknowledgements: 65_535, replicasAreTold: true },
  // It acknowledges before any replica has a write.
  redis: { mostAcknowledgements: 0, replicasAreTold: false },
  exec: { mostAcknowledgements: 0, replicasAreTold: false },
};

export const isEnforceable = (
  engine: EngineName,
  { acknowledgements }: { readonly acknowledgements: number },
): boolean => acknowledgements <= ENFORCES[engine].mostAcknowledgements;
