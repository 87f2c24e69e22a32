/**
 * A failover given up after sealing ends only by committing an epoch at or above the seal's (S1): until then the sealed replicas
 * follow nobody. Where the leader itself was not reached by the seal and is well, it goes on at the new epoch without
 * being closed: nobody else was appointed, and its lease runs on.
 */
import { nextVersion } from '#core/brand.js';
import type { LedgerEntry } from '#core/ledger.js';
import { isProved, type Plan } from '#core/plan.js';
import { reason } from '#core/reasons.js';
import { formatTerm } from '#core/term.js';
import { answers } from '#controller/decide/forecast.js';
import type { ClusterState, Context } from '#controller/decide/state.js';
import { submit } from '#controller/decide/writes.js';

export function renew(cluster: ClusterState, context: Context): ClusterState | undefined {
  const plan = cluster.stored?.plan;
  if (plan === undefined || !isProved(plan) || !mayGoOn(cluster, plan, context)) return undefined;
  const sealed = plan.members
    .map((member) => member.name)
    .filter(
      (name) =>
        name !== plan.leader && (cluster.members[name]?.report?.highestEpoch ?? plan.epoch) > plan.epoch,
    );
  if (sealed.length === 0) return undefined;
  const epoch = sealed
    .map((name) => cluster.members[name]?.report?.highestEpoch ?? plan.epoch)
    .reduce((top, one) => (one > top ? one : top));
  const why = reason('REPLICAS_SEALED', {
    leader: plan.leader,
    sealed: sealed.join(' '),
    epoch: Number(epoch),
  });
  context.emit({ kind: 'log', level: 'warn', cluster: cluster.name, reason: why });
  const next: Plan = {
    ...plan,
    epoch,
    version: nextVersion(plan.version),
    eligible: context.rules.V5(plan.eligible, sealed, plan.leader),
    joining: [],
    opening: { state: 'pending', atLeast: undefined, oldLeader: 'none', mayLack: false },
  };
  const entry: LedgerEntry = {
    cluster: plan.cluster,
    epoch,
    kind: 'renew',
    leader: plan.leader,
    previousLeader: plan.leader,
    at: context.wall,
    controller: context.controller,
    term: context.role.kind === 'active' ? formatTerm(context.role.term) : '',
    reason: why,
    candidates: [],
    tail: { kind: 'not-needed' },
    loss: { kind: 'none' },
    salvaged: [],
    identifiers: undefined,
    phases: [],
    outcome: 'pending',
  };
  return submit(cluster, next, context, { entry });
}

/** S1: one that is not heard to be open may come back with less than it acknowledged, where its log ends with its server. */
function mayGoOn(cluster: ClusterState, plan: Plan, context: Context): boolean {
  const leader = cluster.members[plan.leader];
  const isOpen = leader?.report?.database.role === 'writable';
  return context.rules.S1_keeps(plan) || (isOpen && answers(leader, plan, context));
}
