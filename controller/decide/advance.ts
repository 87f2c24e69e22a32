/**
 * What follows for one cluster from all that is known now. Level-triggered: it looks at what is, not at what just happened, and can be
 * asked again at any time. One thing at a time: a write under way is waited for, a failover comes before growth.
 */
import { isProved } from '#core/plan.js';
import { reason } from '#core/reasons.js';
import { storeIsBehind } from '#controller/decide/agents.js';
import { growEligible } from '#controller/decide/eligibility.js';
import { continueAttempt, startAttempt } from '#controller/decide/failover.js';
import { proveOpening } from '#controller/decide/prove.js';
import { renew } from '#controller/decide/renew.js';
import { say } from '#controller/decide/say.js';
import type { ClusterState, Context } from '#controller/decide/state.js';
import { isFenced, suspect } from '#controller/decide/suspect.js';

export function advance(cluster: ClusterState, context: Context): ClusterState {
  const { stored } = cluster;
  if (stored === undefined || cluster.write !== undefined || context.role.kind !== 'active') return cluster;
  if (!context.rules.E4(stored.readIn, context.role.term)) return cluster;
  if (storeIsBehind(cluster, context)) return say(cluster, 'error', reason('STORE_BEHIND'), context);

  const proved = proveOpening(cluster, context);
  if (proved !== undefined) return proved;
  // Adoption: the running leader had no lease before its plan, so only its own word that it is closed ends its first epoch.
  const adopting = !isProved(stored.plan) && stored.plan.epoch === 1n;
  if (adopting && !isFenced(cluster.members[stored.plan.leader], stored.plan)) return cluster;

  const suspicion = suspect(cluster, stored.plan, context.role, context.now);
  const said = suspicion === undefined && cluster.attempt === undefined ? undefined : cluster.said;
  const seen =
    suspicion === cluster.suspicion && said === cluster.said ? cluster : { ...cluster, suspicion, said };
  if (seen.attempt !== undefined) return continueAttempt(seen, seen.attempt, context);
  if (suspicion !== undefined) return startAttempt(seen, suspicion, context);
  return renew(seen, context) ?? growEligible(seen, context);
}
