/** E6: which plan goes on after a restore of etcd, what of it, and who has to be heard before. */
import { asDuration, NO_EPOCH } from '#core/brand.js';
import type { LedgerEntry } from '#core/ledger.js';
import { isProved, type Plan, type PlanMember } from '#core/plan.js';
import type { Reason } from '#core/reasons.js';
import { formatTerm } from '#core/term.js';
import type { ClusterState, Context, Told } from '#controller/decide/state.js';

/** What a later generation committed was committed after a restore before, with everybody heard: it goes before all that is older. */
export function newestOf(
  stored: Plan | undefined,
  told: readonly Told[],
  { rules }: Context,
): Plan | undefined {
  const isNewer = (top: Plan, one: Plan): boolean =>
    one.generation === top.generation ? rules.E6(top, one) : one.generation > top.generation;
  return told
    .map(({ plan }) => plan)
    .reduce(
      (top, one) => (one === undefined || (top !== undefined && !isNewer(top, one)) ? top : one),
      stored,
    );
}

/** Whether that memory has answered, whoever has it. */
export const isSaidBy = (told: readonly Told[], { name, identity }: PlanMember): boolean =>
  told.some(({ member }) => member.name === name && member.identity === identity);

/** The members of whose memory nothing is known yet. */
export function missing(
  plan: Plan,
  cluster: ClusterState,
  told: readonly Told[],
  context: Context,
): readonly string[] {
  const back = forgottenSince(plan, cluster, told, context).map(({ name }) => name);
  return unheard(plan, told, context).filter((name) => !back.includes(name));
}

const unheard = (plan: Plan, told: readonly Told[], { rules }: Context): readonly string[] =>
  plan.members
    .map(({ name }) => name)
    .filter(
      (name) =>
        !told.some(
          ({ member, dataId }) =>
            member.name === name &&
            (dataId === plan.dataId || dataId === '') &&
            rules.E5_member(plan, member),
        ),
    );

/**
 * Those who answered under another identity than the plan has (E5), whose memory nobody will hear any more. What it may have held of plans
 * that no other member knows matters only if it led under one; then its log would begin that opening with a mark (S2, S3). It does
 * not, and is closed, so nothing is lost with that memory but what it promised as a replica, and for that it begins anew.
 */
export function forgottenSince(
  plan: Plan,
  { members }: ClusterState,
  told: readonly Told[],
  context: Context,
): readonly PlanMember[] {
  return unheard(plan, told, context).flatMap((name) => {
    const picture = members[name];
    const database = picture?.report?.database;
    const position = database?.position;
    if (picture?.connected !== true || database === undefined || position === undefined) return [];
    if (context.rules.E5_member(plan, picture.member) || !isSaidBy(told, picture.member)) return [];
    const ledSince = (position.marks.at(-1)?.epoch ?? NO_EPOCH) > plan.epoch;
    const isClosed = database.role === 'replica' && database.state === 'running';
    return isClosed && !ledSince && database.dataId === plan.dataId ? [picture.member] : [];
  });
}

/**
 * A controller that had not heard of the restore may have written on top of an old plan. The leader vouches and is held by the plan that it has
 * itself: nobody is eligible whom it does not ask (V1, V4), and a hold that it was given counts (A4).
 */
export function asFarAsTheLeaderKnows(plan: Plan, told: readonly Told[]): Plan {
  const own = told.find(({ member }) => member.name === plan.leader)?.plan;
  if (own?.epoch !== plan.epoch) return plan;
  const asked = [...own.eligible, ...own.joining];
  return {
    ...plan,
    eligible: plan.eligible.filter((name) => asked.includes(name)),
    holdMs: asDuration(Math.max(plan.holdMs, own.holdMs)),
  };
}

/** The ledger of an epoch that etcd has is there; that of any later one went with the plan. */
export function restoredEntry(
  plan: Plan,
  before: Plan | undefined,
  why: Reason,
  { controller, role, wall }: Context,
): LedgerEntry | undefined {
  if (before !== undefined && plan.epoch <= before.epoch) return undefined;
  return {
    cluster: plan.cluster,
    epoch: plan.epoch,
    kind: 'restore',
    leader: plan.leader,
    previousLeader: before?.leader,
    at: wall,
    controller,
    term: role.kind === 'active' ? formatTerm(role.term) : '',
    reason: why,
    candidates: [],
    tail: { kind: 'not-needed' },
    loss: {
      kind: 'unknown',
      text: 'the ledger of this epoch, and of any since the backup of etcd, was lost with it',
    },
    salvaged: [],
    identifiers: undefined,
    phases: [],
    outcome: isProved(plan) ? 'proved' : 'pending',
  };
}
