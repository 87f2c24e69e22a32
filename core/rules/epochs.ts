/**
 * E: who may write what. etcd decides between controllers by guarded transactions; an agent decides for itself by
 * the epoch it durably knows. Without these, a controller that lost its election or misread an answer appoints twice.
 */
import { type Epoch, nextVersion, type Revision, type Version } from '#core/brand.js';
import { comparePlans, memberOf, type Plan, type PlanMember } from '#core/plan.js';
import { isSameTerm, type OwnTerm, type Term } from '#core/term.js';

/** What etcd must still find for a write to happen. */
export interface Guard {
  /** The election key: created at this term's revision, on its lease, and the generation not touched since. */
  readonly term: OwnTerm;
  /** mod_revision of the plan as it was read; 0n: there must be none. */
  readonly planRevision: Revision;
}

/**
 * E1: every write of a controller holds only if it is still elected and the plan is still the one it read. Revisions alone do not tell: after
 * a restore of etcd they come again, and a write of before that arrives late could find both in another's term.
 */
export function E1_guardWrite(term: OwnTerm, planRevision: Revision): Guard {
  return { term, planRevision };
}

/**
 * E2: a write whose outcome is unknown may have happened, and may still happen: nothing else is decided before it is settled. So is one
 * that is being settled while etcd still shows the revision from before it.
 */
export function E2_mayStillHappen(write: {
  readonly outcome: 'committed' | 'refused' | 'unknown';
  readonly settling: boolean;
  /** Whether a read after the outcome showed another revision than the write was guarded by; undefined: not read yet. */
  readonly revisionMoved: boolean | undefined;
}): boolean {
  return write.outcome === 'unknown' || (write.settling && write.revisionMoved === false);
}

/**
 * E2: an unknown outcome is settled by overwriting the plan (same content, next version, same guard) until the revision has
 * moved; a read-back that shows the old revision proves nothing, since the first write may still be on its way.
 */
export function E2_settle(unknown: Plan): Plan {
  return { ...unknown, version: nextVersion(unknown.version) };
}

/**
 * E3: from submitting an appointment until its outcome is known, no grant for the old epoch leaves; nor while one is being prepared: once
 * replicas are sealed for the next epoch this leader is on its way out, and its lease is left to end.
 */
export function E3_mayGrant(
  underWay: { readonly writing: Epoch | undefined; readonly attempting: Epoch | undefined },
  planEpoch: Epoch,
): boolean {
  const { writing = planEpoch, attempting = planEpoch } = underWay;
  return writing === planEpoch && attempting === planEpoch;
}

/** E4: a controller decides only on a plan that was read in or after the transaction that won its term. */
export function E4_isCurrent(readInTerm: OwnTerm | undefined, term: OwnTerm | undefined): boolean {
  return readInTerm !== undefined && term !== undefined && isSameTerm(readInTerm, term);
}

/** E5: an agent refuses a plan below the epoch it durably knows, and any that is not newer than its own. */
export function E5_acceptsPlan(
  known: {
    readonly highestEpoch: Epoch;
    readonly plan: { readonly epoch: Epoch; readonly version: Version } | undefined;
  },
  offered: { readonly epoch: Epoch; readonly version: Version },
): 'accept' | 'known' | 'stale' {
  if (offered.epoch < known.highestEpoch) return 'stale';
  if (known.plan === undefined) return 'accept';
  const order = comparePlans(offered, known.plan);
  return order > 0 ? 'accept' : order === 0 ? 'known' : 'stale';
}

/**
 * E5, second half: what was promised under a name was promised by the identity that the plan has for it. Whoever answers under that name
 * with another one has lost that memory, or was handed a copy of it: it takes up no such plan, and nothing that it says counts as that
 * member's. A name that the plan does not know has promised nothing.
 */
export function E5_isMember(plan: Plan, who: Pick<PlanMember, 'name' | 'identity'>): boolean {
  const named = memberOf(plan, who.name);
  return named === undefined || named.identity === who.identity;
}

/**
 * E6, second half: a plan of an earlier generation than the term was committed before an operator said that etcd was restored. Whether it is
 * the newest that there was, only the members can tell, all of them: one that is not heard may hold another, of a leader that is open.
 */
export function E6_isBeforeRestore(plan: { readonly generation: bigint }, term: Term): boolean {
  return plan.generation < term.generation;
}

/**
 * E6: an agent that holds a plan newer than etcd's proves that etcd was restored from a backup: nothing is granted or
 * appointed in that cluster until an operator raises the generation. A bare seal above etcd's epoch is no such proof: a
 * controller may have died between seal and commit.
 */
export function E6_storeIsBehind(
  stored: { readonly epoch: Epoch; readonly version: Version },
  heard: { readonly epoch: Epoch; readonly version: Version },
): boolean {
  return comparePlans(heard, stored) > 0;
}
