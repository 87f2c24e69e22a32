/**
 * The next step of a replica toward its upstream. S4: only behind a proved leader. S2: only from a log that its history contains; one
 * that left it is taken back to where it did, by itself.
 */
import { asDuration } from '#core/brand.js';
import {
  databaseAddress,
  isToldToConfirm,
  memberOf,
  type Plan,
  type PlanMember,
  recloneWishFor,
  upstreamOf,
} from '#core/plan.js';
import type { Action, AgentState, Context, Observed } from '#agent/decide/state.js';

/** Reading a whole log back and copying what changed since; a clone would take longer. */
const REWIND_WITHIN = asDuration(3_600_000);
/** One that stalls is given up by the engine much earlier; the largest data takes days. */
const RECLONE_WITHIN = asDuration(14 * 24 * 3_600_000);

export function followStep(
  state: AgentState,
  plan: Plan,
  database: Observed,
  context: Context,
): Action | undefined {
  const upstream = upstreamOf(plan, state.member);
  if (upstream === undefined || !context.rules.S4(plan) || database.role !== 'replica') return undefined;
  const confirms = isToldToConfirm(plan, state.member);
  const follow: Action = {
    kind: 'follow',
    leader: upstream,
    openings: plan.openings,
    // Slots are kept by the leader alone.
    slot: upstream.name === plan.leader ? state.member : undefined,
    confirms,
  };
  if (database.upstream === databaseAddress(upstream)) {
    // Pointed there already: the engine goes on trying by itself. Its other settings (a clone has its source's) are seen to once.
    const isDone = state.followed?.epoch === plan.epoch && state.followed.upstream === upstream.name;
    if (isDone && state.followed.confirms === confirms) return undefined;
    if (database.streaming) return follow;
  }
  // Within an epoch that it has followed already, another upstream is only another way to the same log.
  if (state.followed?.epoch === plan.epoch) return follow;
  if (state.sealed?.epoch !== plan.epoch) return { kind: 'seal', epoch: plan.epoch };
  const { position } = state.sealed;
  if (position === undefined) return undefined;
  const stands = context.rules.S2(position, plan.openings);
  if (stands === 'behind' || stands === 'equal') return follow;
  return rewindStep(plan);
}

function rewindStep(plan: Plan): Action | undefined {
  const leader = memberOf(plan, plan.leader);
  if (leader === undefined) return undefined;
  return { kind: 'rewind', leader, openings: plan.openings, timeoutMs: REWIND_WITHIN };
}

/**
 * A copy of other data in place of this one's: where nothing else helps, or an operator wishes it. Only of a proved leader's line (S4), and
 * from whatever the database is now.
 */
export function recloneStep(state: AgentState, plan: Plan, context: Context): Action | undefined {
  const { durable, member } = state;
  const wish = recloneWishFor(plan, member, durable.identity);
  const isWished = wish !== undefined && wish.wish !== durable.recloned;
  const leader = memberOf(plan, plan.leader);
  if (leader === undefined || leader.name === member || !context.rules.S4(plan)) return undefined;
  if (!isWished && state.recloneEpoch !== plan.epoch) return undefined;
  const asked = isWished && wish.from !== undefined ? memberOf(plan, wish.from) : undefined;
  const isOther = ({ name }: PlanMember): boolean => name !== member && name !== leader.name;
  return {
    kind: 'reclone',
    leader,
    source: asked ?? leader,
    instead:
      asked === undefined
        ? plan.members.filter((each) => isOther(each) && plan.eligible.includes(each.name))
        : [],
    openings: plan.openings,
    wish: isWished ? wish.wish : undefined,
    salvageWaived: isWished && wish.salvageWaived,
    timeoutMs: RECLONE_WITHIN,
  };
}
