/**
 * S3 and S4: the leader's own mark proves the opening; the plan that says so, one version later, is what lets replicas follow. Asked
 * for whoever the plan names, so a successor finishes what its predecessor committed.
 */
import { nextVersion, since } from '#core/brand.js';
import type { LedgerEntry } from '#core/ledger.js';
import { isBeingAdopted, isProved, type Plan, type ProvedOpening } from '#core/plan.js';
import { reason } from '#core/reasons.js';
import type { OpenedReport } from '#core/report.js';
import { formatTerm } from '#core/term.js';
import { withPhase } from '#controller/decide/failover.js';
import { inWords, replyDone, replyError } from '#controller/decide/reply.js';
import type { Attempt, ClusterState, Context } from '#controller/decide/state.js';
import { submit } from '#controller/decide/writes.js';

/** Openings that a plan carries; older ones are in the ledger and in the databases themselves. */
const KEPT_OPENINGS = 16;

export function proveOpening(cluster: ClusterState, context: Context): ClusterState | undefined {
  const stored = cluster.stored;
  if (stored === undefined || isProved(stored.plan)) return undefined;
  const { plan } = stored;
  const picture = cluster.members[plan.leader];
  const opened = picture?.report?.opened;
  if (opened === undefined || picture?.report?.planEpoch !== plan.epoch) return undefined;
  if (!context.rules.S3(plan, opened)) return undefined;
  const { identifiers, ...mark } = opened;
  const proved: ProvedOpening = { ...mark, leader: plan.leader };
  const next: Plan = {
    ...plan,
    version: nextVersion(plan.version),
    opening: { state: 'proved' },
    openings: [...ancestors(plan, opened), proved].slice(-KEPT_OPENINGS),
  };
  context.emit({
    kind: 'log',
    level: 'info',
    cluster: cluster.name,
    reason: reason('PROVED', {
      leader: plan.leader,
      epoch: Number(plan.epoch),
      ...(cluster.attempt === undefined
        ? {}
        : { outageMs: Math.round(context.now - cluster.attempt.suspectedAt) }),
    }),
  });
  answerWish(cluster.attempt, plan, context);
  const ended = { ...cluster, attempt: undefined, suspicion: undefined, said: undefined };
  return submit(ended, next, context, { entry: provedEntry(cluster, plan, identifiers, context) });
}

/** The operator's wish has come true, or somebody else leads for a reason that is told. */
function answerWish(attempt: Attempt | undefined, plan: Plan, context: Context): void {
  if (attempt?.wish === undefined) return;
  const { goBack, wish } = attempt;
  const from = plan.openings.at(-1)?.leader ?? '';
  const { epoch, leader: to } = plan;
  const isItself = attempt.choice?.sealed.length === 0;
  if ((to !== from || isItself) && (wish.to === undefined || wish.to === to)) {
    const closedMs = Math.round(since(wish.closedAt ?? attempt.suspectedAt, context.now));
    replyDone(wish.request, { kind: 'handedOver', handover: { from, to, epoch, closedMs } }, context);
    return;
  }
  const why = inWords(goBack ?? attempt.reason);
  replyError(wish.request, 'OPERATION_FAILED', `${to} leads at epoch ${epoch}: ${why}`, context);
}

/**
 * S2: the openings that the new leader's log contains. One whose log nobody could fetch is no ancestor of what follows: it stays in the
 * ledger, and whoever holds its mark has diverged.
 */
function ancestors(plan: Plan, opened: OpenedReport): readonly ProvedOpening[] {
  const { marks } = opened.position;
  const oldest = marks[0]?.epoch ?? opened.epoch;
  return plan.openings.filter(
    ({ epoch, mark }) => epoch < oldest || marks.some((m) => m.epoch === epoch && m.mark === mark),
  );
}

/** The entry of this epoch as it ends; a successor that did not see the choice records what it knows. */
function provedEntry(
  cluster: ClusterState,
  plan: Plan,
  identifiers: LedgerEntry['identifiers'],
  context: Context,
): LedgerEntry {
  const attempt = cluster.attempt;
  const phases = attempt === undefined ? [] : withPhase(attempt, 'proved', context);
  const written = cluster.entry?.epoch === plan.epoch ? cluster.entry : undefined;
  if (written !== undefined) return { ...written, identifiers, phases, outcome: 'proved' };
  const first = isBeingAdopted(plan);
  return {
    cluster: plan.cluster,
    epoch: plan.epoch,
    kind: first ? 'adopt' : plan.leader === plan.openings.at(-1)?.leader ? 'reopen' : 'failover',
    leader: plan.leader,
    previousLeader: plan.openings.at(-1)?.leader,
    at: context.wall,
    controller: context.controller,
    term: context.role.kind === 'active' ? formatTerm(context.role.term) : '',
    reason: attempt?.reason ?? reason('ADOPTED'),
    candidates: [],
    tail: { kind: 'not-needed' },
    loss: first ? { kind: 'none' } : { kind: 'unknown', text: 'decided by an earlier controller' },
    salvaged: [],
    identifiers,
    phases,
    outcome: 'proved',
  };
}
