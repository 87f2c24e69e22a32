/** The plans, read after winning (E4), and what is owed to the predecessor's grants (A2). */
import { latest, type MonotonicMs } from '#core/brand.js';
import { isSameTerm } from '#core/term.js';
import { ELECTION, timingsOf } from '#core/timings.js';
import {
  type ClusterState,
  type Context,
  type ControllerState,
  emptyCluster,
  type Event,
  openingOf,
  type Role,
  type Stored,
} from '#controller/decide/state.js';
import { vouchedUntil } from '#controller/decide/vouched.js';
import { reason } from '#core/reasons.js';

export function loadClusters(
  state: ControllerState,
  event: Event & { kind: 'loaded' },
  context: Context,
): ControllerState {
  const role = state.role;
  if (role.kind !== 'active' || !isSameTerm(role.term, event.term) || role.loaded) return state;
  const clusters: Record<string, ClusterState> = { ...state.clusters };
  for (const read of event.clusters) {
    const name = read.plan.cluster;
    const known = clusters[name] ?? emptyCluster(name);
    const { entry, ...stored } = read;
    clusters[name] = { ...takeOver(known, { ...stored, readIn: event.term }, role, context), entry };
  }
  return { ...state, role: { ...role, loaded: true }, clusters };
}

/**
 * A plan whose opening is not proved was left half done by a predecessor: it goes on being opened, with a time limit of
 * its own, and is given up for the next candidate like any other.
 */
function takeOver(
  cluster: ClusterState,
  stored: Stored,
  role: Role & { kind: 'active' },
  context: Context,
): ClusterState {
  const { plan } = stored;
  const promise = latest(cluster.promise, inheritedPromise(plan.cluster, stored, role, context));
  const why = reason('OPENING_FAILED', { leader: plan.leader, leftBy: 'an earlier controller' });
  return {
    ...cluster,
    stored,
    attempt: openingOf(plan, why, context.now),
    vouchedUntil: vouchedUntil(plan, cluster.vouchedUntil, context.now),
    promise,
    // A4: what a predecessor granted under the hold this controller neither knows nor goes on with.
    heldPromise: plan.holdMs > 0 ? promise : cluster.heldPromise,
  };
}

function inheritedPromise(
  cluster: string,
  stored: Stored,
  role: Role & { kind: 'active' },
  context: Context,
): MonotonicMs {
  const { plan } = stored;
  return context.rules.A2({
    receivedAt: role.electedAt,
    ttlMs: ELECTION.ttlMs,
    promiseMs: context.rules.A4(timingsOf(plan.policy.profile), plan.holdMs),
    resignedRemainderMs: role.resigned?.promises[cluster],
  });
}
