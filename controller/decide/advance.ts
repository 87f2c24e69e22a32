/**
 * What follows for one cluster from all that is known now. Level-triggered: it looks at what is, not at what just happened, and can be
 * asked again at any time. One thing at a time: a write under way is waited for, a failover comes before growth.
 */
import { isBeingAdopted } from '#core/plan.js';
import { settleAccount } from '#controller/decide/account.js';
import { continueInspection } from '#controller/decide/adopt.js';
import { leaveOut } from '#controller/decide/absence.js';
import { isInDoubt } from '#controller/decide/doubt.js';
import { tendDurability } from '#controller/decide/durability.js';
import { growEligible } from '#controller/decide/eligibility.js';
import { continueAttempt } from '#controller/decide/failover.js';
import { clearHold, tendHold } from '#controller/decide/hold.js';
import { decideAsPlanned, takeInReplaced } from '#controller/decide/identity.js';
import { tendMembers } from '#controller/decide/members.js';
import { continueOrder } from '#controller/decide/order.js';
import { probeSilentLeader } from '#controller/decide/probes.js';
import { proveOpening } from '#controller/decide/prove.js';
import { react } from '#controller/decide/react.js';
import { continueRelease, isLetGo } from '#controller/decide/release.js';
import { renew } from '#controller/decide/renew.js';
import { restore } from '#controller/decide/restored.js';
import type { ClusterState, Context, Stored } from '#controller/decide/state.js';
import { isFenced, suspect } from '#controller/decide/suspect.js';
import { tendUpstreams } from '#controller/decide/upstreams.js';

export function advance(before: ClusterState, context: Context): ClusterState {
  if (context.role.kind !== 'active') return before;
  const inspected = continueInspection(before, context);
  const { stored, repair } = inspected;
  if (inspected.write !== undefined) return inspected;
  if (stored !== undefined && !context.rules.E4(stored.readIn, context.role.term)) return inspected;
  if (isInDoubt(inspected, context)) return restore(inspected, context);
  const sure = repair === undefined ? inspected : { ...inspected, repair: undefined };
  if (stored === undefined) return sure;
  const cluster = tendHold(sure, stored.plan, context);
  if (isLetGo(cluster)) return continueRelease(cluster, stored.plan, context);
  return decideAsPlanned(cluster, stored.plan, context, (seen) => inCare(seen, stored, context));
}

function inCare(cluster: ClusterState, stored: Stored, context: Context): ClusterState {
  const proved = proveOpening(cluster, context);
  if (proved !== undefined) return proved;
  // Adoption: the running leader had no lease before its plan, so only its own word that it is closed ends its first epoch.
  if (isBeingAdopted(stored.plan) && !isFenced(cluster.members[stored.plan.leader], stored.plan))
    return cluster;
  return lookAfter(probeSilentLeader(cluster, stored.plan, context), context);
}

function lookAfter(cluster: ClusterState, context: Context): ClusterState {
  const plan = cluster.stored?.plan;
  if (plan === undefined) return cluster;
  const suspicion = suspect(cluster, plan, context.role, context.now);
  const isCalm = suspicion === undefined && cluster.attempt === undefined && cluster.order === undefined;
  const wellSince = suspicion === undefined ? (cluster.wellSince ?? context.now) : undefined;
  const said = isCalm ? undefined : cluster.said;
  const seen =
    suspicion === cluster.suspicion && said === cluster.said && wellSince === cluster.wellSince
      ? cluster
      : { ...cluster, suspicion, said, wellSince };
  const takenIn = takeInReplaced(seen, plan, context);
  if (takenIn !== undefined) return takenIn;
  if (seen.order !== undefined) return continueOrder(seen, plan, seen.order, context);
  if (seen.attempt !== undefined) return continueAttempt(seen, seen.attempt, context);
  if (suspicion !== undefined) return react(seen, plan, suspicion, context);
  const tended =
    renew(seen, context) ??
    // Out of the set that confirms writes before it is left out of the eligible.
    tendDurability(seen, plan, context) ??
    leaveOut(seen, plan, context) ??
    clearHold(seen, plan, context) ??
    tendMembers(seen, plan, context) ??
    tendUpstreams(seen, plan, context) ??
    growEligible(seen, context);
  return tended.write === undefined ? settleAccount(tended, plan, context) : tended;
}
