/** Guarded writes and what follows from their outcomes (E1, E2, E3). One at a time per cluster. */
import type { ErrorCode } from '#core/errors.js';
import type { LedgerEntry } from '#core/ledger.js';
import type { Plan } from '#core/plan.js';
import type { Policy } from '#core/policy.js';
import { asEpoch, asRevision, LONG_AGO } from '#core/brand.js';
import { isEqual } from '#core/equal.js';
import { reason } from '#core/reasons.js';
import { timingsOf } from '#core/timings.js';
import { tell } from '#controller/decide/tell.js';
import { vouchedUntil } from '#controller/decide/vouched.js';
import { answerEverybody, replyDone, replyError } from '#controller/decide/reply.js';
import {
  type ClusterState,
  type Context,
  type Event,
  openingOf,
  type Stored,
  type Write,
  type WriteUnderWay,
} from '#controller/decide/state.js';

/** Submits the plan as the next one, of this term's generation (E6). The caller has checked its authority and that no write is under way. */
export function submit(
  cluster: ClusterState,
  plan: Omit<Plan, 'generation'>,
  context: Context,
  more: { readonly entry?: LedgerEntry; readonly policy?: Policy; readonly request?: number } = {},
): ClusterState {
  if (context.role.kind !== 'active') return cluster;
  const write: Write = {
    guard: context.rules.E1(context.role.term, cluster.stored?.revision ?? asRevision(0n)),
    plan: { ...plan, generation: context.role.term.generation },
    entry: more.entry,
    policy: more.policy,
    forgetUpTo: more.entry === undefined ? undefined : forgotten(more.entry, plan.policy.ledgerRetention),
  };
  return send(cluster, write, false, more.request, context);
}

function send(
  cluster: ClusterState,
  write: Write,
  settling: boolean,
  request: number | undefined,
  context: Context,
): ClusterState {
  const id = cluster.writes + 1;
  context.emit({ kind: 'write', cluster: cluster.name, id, write });
  return { ...cluster, writes: id, write: { id, write, settling, request } };
}

/** E2: the same content again, one version later, under the same guard. */
function settle(cluster: ClusterState, { write, request }: WriteUnderWay, context: Context): ClusterState {
  return send(cluster, { ...write, plan: context.rules.E2_settle(write.plan) }, true, request, context);
}

function forgotten(entry: LedgerEntry, retention: number): Write['forgetUpTo'] {
  const upTo = entry.epoch - BigInt(retention);
  return upTo > 0n ? asEpoch(upTo) : undefined;
}

export function written(
  cluster: ClusterState,
  event: Event & { kind: 'written' },
  context: Context,
): ClusterState {
  const under = cluster.write;
  if (under?.id !== event.id) return cluster;
  const { outcome } = event;
  if (outcome.kind === 'committed')
    return adopt(cluster, { plan: under.write.plan, revision: outcome.revision }, context);
  if (outcome.kind === 'unknown') {
    const evidence = { epoch: Number(under.write.plan.epoch), because: outcome.text };
    context.emit({
      kind: 'log',
      level: 'warn',
      cluster: cluster.name,
      reason: reason('WRITE_UNKNOWN', evidence),
    });
  }
  const { settling } = under;
  if (context.rules.E2({ outcome: outcome.kind, settling, revisionMoved: undefined }))
    return settle(cluster, under, context);
  // Either somebody else wrote, or (while settling) the first write did get through: the plan in etcd tells.
  context.emit({ kind: 'reread', cluster: cluster.name, id: under.id });
  return cluster;
}

/** E2 writes the same content under one version after the other. */
const isSameContent = (a: Plan, b: Plan): boolean => isEqual({ ...a, version: 0n }, { ...b, version: 0n });

const CHANGED = 'the plan or the election changed meanwhile; look with tanist status, and ask again';

/** After a refusal etcd's plan is the truth, whoever wrote it. */
export function reread(
  cluster: ClusterState,
  event: Event & { kind: 'reread' },
  context: Context,
): ClusterState {
  const under = cluster.write;
  if (under?.id !== event.id || context.role.kind !== 'active') return cluster;
  const found = event.stored?.revision ?? asRevision(0n);
  // E2: the old revision proves nothing: the first write may still be on its way.
  const revisionMoved = found !== under.write.guard.planRevision;
  if (context.rules.E2({ outcome: 'refused', settling: under.settling, revisionMoved }))
    return settle(cluster, under, context);
  if (event.stored === undefined) {
    return abandon(cluster, 'OUTCOME_UNKNOWN', 'etcd holds no plan of this cluster any more', context);
  }
  const ours = under.settling && isSameContent(event.stored.plan, under.write.plan);
  if (ours) return adopt(cluster, event.stored, context);
  const { entry, ...read } = event.stored;
  const stored: Stored = { ...read, readIn: context.role.term };
  answerEverybody({ ...cluster, write: undefined }, context);
  return {
    ...abandon(cluster, under.settling ? 'OUTCOME_UNKNOWN' : 'OPERATION_REFUSED', CHANGED, context),
    stored,
    entry,
    vouchedUntil: vouchedUntil(stored.plan, cluster.vouchedUntil, context.now),
    attempt: undefined,
    order: undefined,
    hold: undefined,
    releasing: undefined,
  };
}

export function rereadFailed(
  cluster: ClusterState,
  event: Event & { kind: 'reread-failed' },
  context: Context,
): ClusterState {
  if (cluster.write?.id !== event.id) return cluster;
  if (event.corrupt) return abandon(cluster, 'STORE_CORRUPT', event.text, context);
  context.emit({ kind: 'reread', cluster: cluster.name, id: event.id });
  return cluster;
}

function abandon(cluster: ClusterState, code: ErrorCode, because: string, context: Context): ClusterState {
  context.emit({
    kind: 'log',
    level: 'warn',
    cluster: cluster.name,
    reason: reason('WRITE_REFUSED', { because }),
  });
  replyError(cluster.write?.request, code, because, context);
  return { ...cluster, write: undefined };
}

/** The plan is in etcd: from now on it holds, and every agent is told at once. */
function adopt(
  cluster: ClusterState,
  committed: { readonly plan: Plan; readonly revision: Stored['revision'] },
  context: Context,
): ClusterState {
  if (context.role.kind !== 'active') return cluster;
  const { plan } = committed;
  for (const { name } of plan.members) {
    if (cluster.members[name]?.connected !== true) continue;
    tell(cluster, name, { kind: 'plan', plan }, context);
  }
  replyDone(cluster.write?.request, { kind: 'plan', plan }, context);
  const attempt = cluster.attempt;
  const appointed = attempt?.stage === 'committing' && attempt.epoch === plan.epoch;
  if (appointed) {
    context.emit({
      kind: 'log',
      level: 'info',
      cluster: cluster.name,
      reason: reason('APPOINTED', { leader: plan.leader, epoch: Number(plan.epoch) }),
    });
  }
  return {
    ...cluster,
    write: undefined,
    entry: cluster.write?.write.entry ?? cluster.entry,
    stored: { plan, revision: committed.revision, policy: plan.policy, readIn: context.role.term },
    vouchedUntil: vouchedUntil(plan, cluster.vouchedUntil, context.now),
    ...promisesUnder(plan, cluster, context),
    attempt: appointed
      ? {
          ...attempt,
          stage: 'opening',
          stageAt: context.now,
          phases: [
            ...attempt.phases,
            { phase: 'committed', ms: Math.round(context.now - attempt.suspectedAt) },
          ],
        }
      : (attempt ?? openingOf(plan, reason('REPLICAS_SEALED', { leader: plan.leader }), context.now)),
  };
}

/** What is owed to the leader of the plan that was committed, and by whose grants. */
function promisesUnder(
  plan: Plan,
  { stored, promise, heldPromise }: ClusterState,
  context: Context,
): Pick<ClusterState, 'promise' | 'heldPromise'> {
  // The first plan of a cluster is committed around a leader that is open already.
  if (stored === undefined) {
    const { promiseMs } = timingsOf(plan.policy.profile);
    return { promise: context.rules.L2(promise, context.now, promiseMs), heldPromise };
  }
  // A4: L5 was proved for this commit, so nothing is owed to the opening before it, however long the hold; to this one nothing yet (E3).
  const isOver = plan.epoch > stored.plan.epoch && endsPromises(plan);
  return isOver && heldPromise !== LONG_AGO
    ? { promise: LONG_AGO, heldPromise: LONG_AGO }
    : { promise, heldPromise };
}

function endsPromises({ opening }: Plan): boolean {
  return opening.state === 'pending' && opening.oldLeader !== 'none' && opening.oldLeader !== 'adopted';
}
