/** The commit of a failover (DESIGN 6.5): the plan of the new epoch and its ledger entry, in one guarded transaction. */
import { asDuration, nextVersion } from '#core/brand.js';
import type { SealedCandidate } from '#core/choose.js';
import type { LedgerEntry, LedgerKind, LossAccount } from '#core/ledger.js';
import { type AutomaticFailover, isBeingAdopted, isProved, type Plan } from '#core/plan.js';
import { logAhead, comparePositions, type Position } from '#core/position.js';
import { reason } from '#core/reasons.js';
import { formatTerm } from '#core/term.js';
import { onTheLine } from '#controller/decide/line.js';
import { reaches } from '#controller/decide/candidates.js';
import { mayAppoint, sealedMembers } from '#controller/decide/choose.js';
import { returned, withIdentities } from '#controller/decide/identity.js';
import { say } from '#controller/decide/say.js';
import type { Attempt, Choice, ClusterState, Context } from '#controller/decide/state.js';
import { submit } from '#controller/decide/writes.js';

export function appoint(cluster: ClusterState, attempt: Attempt, context: Context): ClusterState {
  const stored = cluster.stored;
  const { choice } = attempt;
  if (stored === undefined || choice === undefined) return cluster;
  const sealed = sealedMembers(cluster, stored.plan, attempt, context);
  const proof = mayAppoint(cluster, stored.plan, attempt, sealed, context);
  // L5 is asked again at the point of use: time passed since the choice.
  if (proof === undefined)
    return say(cluster, 'warn', reason('PROMISE_RUNS', { leader: stored.plan.leader }), context);
  const old = stored.plan;
  // E5: whoever came back without its memory begins anew with this epoch; the old leader too, of whom nobody waits for anything now.
  const back = returned(cluster, old);
  const known = withIdentities(old, back);
  const { atLeast } = choice;
  const loss = lossOf(cluster, old, choice, sealed, context);
  const level = sealed.filter(({ position }) => atLeast !== undefined && reaches(position, atLeast));
  const plan: Plan = {
    ...known,
    epoch: attempt.epoch,
    version: nextVersion(old.version),
    leader: choice.member,
    eligible: context.rules.V5(known.eligible, choice.sealed, choice.member),
    joining: [],
    // What was wished for its data has been overtaken.
    reclones: withoutKey(old.reclones, choice.member),
    // A4: L5's proof, just asked, ends whatever was granted under a hold.
    holdMs: asDuration(0),
    // Who begins anew has confirmed nothing.
    durability: context.rules.S5_opening(
      stored.policy.durability,
      {
        ...old.durability,
        synchronous: old.durability.synchronous.filter((name) => !back.some((one) => one.name === name)),
      },
      { leader: choice.member, sealed: choice.sealed, level: level.map(({ member }) => member) },
    ),
    opening: { state: 'pending', atLeast, oldLeader: proof, mayLack: loss.kind !== 'none' },
    lastFailover: automaticFailover(old, attempt, choice, context) ?? old.lastFailover,
    policy: stored.policy,
  };
  return submit(
    { ...cluster, attempt: { ...attempt, stage: 'committing', stageAt: context.now } },
    plan,
    context,
    {
      entry: entryOf(old, plan, attempt, choice, loss, context),
    },
  );
}

const withoutKey = <T>(record: Readonly<Record<string, T>>, key: string): Readonly<Record<string, T>> =>
  Object.fromEntries(Object.entries(record).filter(([name]) => name !== key));

/** Undefined: an operator asked for it, or the leader stays the same. */
function automaticFailover(
  { leader, openings }: Plan,
  { wish, epoch }: Attempt,
  { member }: Choice,
  { wall }: Context,
): AutomaticFailover | undefined {
  if (wish !== undefined || member === leader) return undefined;
  return { epoch, from: openings.at(-1)?.leader ?? leader, to: member, at: wall };
}

function entryOf(
  old: Plan,
  plan: Plan,
  attempt: Attempt,
  choice: Choice,
  loss: LossAccount,
  context: Context,
): LedgerEntry {
  return {
    cluster: plan.cluster,
    epoch: plan.epoch,
    kind: kindOf(plan, old, attempt),
    leader: plan.leader,
    previousLeader: old.leader,
    at: context.wall,
    controller: context.controller,
    term: context.role.kind === 'active' ? formatTerm(context.role.term) : '',
    reason: attempt.goBack ?? attempt.reason,
    candidates: choice.candidates,
    tail: choice.tail,
    loss,
    salvaged: [],
    identifiers: undefined,
    phases: attempt.phases,
    outcome: 'pending',
  };
}

function kindOf(plan: Plan, old: Plan, { failed, wish }: Attempt): LedgerKind {
  if (plan.leader === old.leader) return 'reopen';
  return wish?.kind === 'switchover' && failed.length === 0 ? 'switchover' : 'failover';
}

/** What the old leader may have acknowledged and the chosen member lacks. Never called none without proof. */
function lossOf(
  cluster: ClusterState,
  old: Plan,
  choice: Choice,
  sealedNow: readonly SealedCandidate[],
  context: Context,
): LossAccount {
  const before = lossBefore(cluster, old);
  if (before.kind === 'unknown') return before;
  const { member, position, sealed, tail, isComplete } = choice;
  if (position === undefined || (member === old.leader && !sealed.includes(member))) {
    const text =
      'the leader lost its memory, and nobody sealed it: its database may lack what it acknowledged';
    return { kind: 'unknown', text };
  }
  const isItself = member === old.leader && context.rules.S1_keeps(position);
  if (isItself || tail.kind === 'taken' || isComplete) return lossSince(before, position);
  // An operator may name one that has left the line, and accept what that loses.
  if (!onTheLine(sealedNow, old, context).some((one) => one.member === member))
    return { kind: 'unknown', text: 'the new leader had left the line of history that the old one wrote' };
  const known = cluster.members[old.leader]?.report?.database.position;
  const ahead = (known && logAhead(known, position)) ?? 0n;
  return lossSince(before, position, ahead > 0n ? ahead : 0n);
}

/** What the one before may have lost is lost still, and whatever its own line held after the position that is opened now. */
function lossSince(
  before: LossAccount & { readonly kind: 'none' | 'at-most' },
  position: Position,
  ahead?: bigint,
): LossAccount {
  if (before.kind === 'none')
    return ahead === undefined ? before : { kind: 'at-most', after: position, atLeastBytes: ahead };
  const stands = comparePositions(before.after, position);
  if (stands === 'diverged')
    return { kind: 'unknown', text: 'leaders that followed on each other share no line of history' };
  const after = stands === 'ahead' ? position : before.after;
  return { kind: 'at-most', after, atLeastBytes: before.atLeastBytes };
}

/** An appointment that never proved itself hands on what it may have lost. */
function lossBefore(cluster: ClusterState, old: Plan): Exclude<LossAccount, { readonly kind: 'exactly' }> {
  if (isProved(old) || isBeingAdopted(old)) return { kind: 'none' };
  const entry = cluster.entry?.epoch === old.epoch ? cluster.entry : undefined;
  // Settled is only what was proved.
  if (entry !== undefined && entry.loss.kind !== 'exactly') return entry.loss;
  return {
    kind: 'unknown',
    text: 'an earlier controller appointed a leader that never proved writable',
  };
}
