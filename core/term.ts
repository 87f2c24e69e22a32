/** The active controller's number: who wins an election later has a higher term, also after a restore of etcd (E6). */
import type { Revision } from '#core/brand.js';

export interface Term {
  /** Raised by an operator after etcd was restored from a backup, and by nothing else. */
  readonly generation: bigint;
  /** The create_revision of the election key. */
  readonly revision: Revision;
}

/** A term, as the controller knows it that holds it. */
export interface OwnTerm extends Term {
  /**
   * The lease on which the election key hangs. A restored etcd counts revisions from the backup on once more, and may elect somebody else at
   * the same one; leases it numbers by the time at which it started, so no two candidacies ever have the same.
   */
  readonly lease: string;
}

export const isSameTerm = (a: OwnTerm, b: OwnTerm): boolean =>
  compareTerms(a, b) === 0 && a.lease === b.lease;

export function compareTerms(a: Term, b: Term): number {
  if (a.generation !== b.generation) return a.generation < b.generation ? -1 : 1;
  return a.revision === b.revision ? 0 : a.revision < b.revision ? -1 : 1;
}

export const formatTerm = (term: Term): string => `${term.generation}.${term.revision}`;
