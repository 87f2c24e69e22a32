/**
 * The next step toward the plan, from whatever the database is now. Safety first: a database that may not be open is fenced,
 * whatever else is under way. Then the seal, the tail, and only then what the plan wants.
 */
import { after, asDuration, type DurationMs, type Epoch, highest, NO_EPOCH, since } from '#core/brand.js';
import { sameDurability } from '#core/durability.js';
import { isReleased, isRenewal, type Plan } from '#core/plan.js';
import { isDown } from '#core/report.js';
import { followStep, recloneStep } from '#agent/decide/follow.js';
import { isGuarded } from '#agent/decide/guard.js';
import { stopsItself } from '#agent/decide/observe.js';
import { keepsPromise } from '#agent/decide/promise.js';
import { closeWithin, mustCloseAsAnother } from '#agent/decide/replaced.js';
import { grantedUntil, mayBeOpen, mayOpen } from '#agent/decide/right.js';
import type { Action, ActionUnderWay, AgentState, Context, Observed } from '#agent/decide/state.js';

/**
 * A closed leader's log is left to be read for this long before its server is started again: also by an heir whom another controller
 * appoints, should the active one die just then. That takes the election's TTL, a seal and the tail.
 */
const RESTART_AFTER = asDuration(5000);
/** A stop that was asked for may take longer than a fence: its log is handed over in order. */
const STEP_DOWN_WITHIN = asDuration(2000);
const CHECKPOINT_WITHIN = asDuration(120_000);
const DURABILITY_WITHIN = asDuration(2000);
const RELEASE_WITHIN = asDuration(15_000);
export const SLOTS_EVERY = asDuration(5000);

export function nextAction(state: AgentState, context: Context): AgentState {
  const { plan } = state.durable;
  const { database } = state;
  if (database === undefined) return state;
  // Without a plan the database is not in care, or not in this agent's: hands off.
  if (plan === undefined || state.replacedBy !== undefined) return closeAsAnother(state, database, context);
  if (isReleased(plan)) return release(state, plan, database, context);
  if (mustFence(state, plan, database, context)) {
    if (state.action?.action.kind === 'fence' || context.now < state.fenceAgainAt) return state;
    return run(state, plan.epoch, { kind: 'fence', withinMs: fenceWithin(state, plan, context) }, context);
  }
  const sealing = state.durable.sealedEpoch > plan.epoch;
  const copy = recloneStep(state, plan, context);
  if (state.action !== undefined && !givesWay(state.action, plan, sealing, copy)) return state;
  if (context.now < state.retryAt) return state;
  const wanted = sealing
    ? sealStep(state, plan, database, context)
    : planStep(state, plan, database, context);
  return wanted === undefined ? state : run(state, plan.epoch, wanted, context);
}

/** S1 waits for no step that only serves the old plan; and nobody goes on following one who leads no more. */
function givesWay(
  { action, epoch }: ActionUnderWay,
  plan: Plan,
  sealing: boolean,
  wanted: Action | undefined,
): boolean {
  const { kind } = action;
  if (kind === 'follow' || kind === 'reclone') return sealing || epoch < plan.epoch || isOff(action, wanted);
  return sealing && (kind === 'keepSlots' || kind === 'checkpoint' || kind === 'setDurability');
}

/** A copy that was wished, and is wished no more, or otherwise. */
const isOff = (action: Action, wanted: Action | undefined): boolean =>
  action.kind === 'reclone' && (wanted?.kind !== 'reclone' || wanted.wish !== action.wish);

/** `epoch`: of the plan that it serves. */
function run(state: AgentState, epoch: Epoch, action: Action, context: Context): AgentState {
  const id = state.actions + 1;
  context.emit({ kind: 'run', id, action });
  const next = { ...state, actions: id, action: { id, epoch, action, startedAt: context.now } };
  switch (action.kind) {
    case 'open':
      return { ...next, inForce: undefined, durable: { ...next.durable, openingEpoch: action.epoch } };
    case 'setDurability':
      // S6: what was reported before holds no longer, and what comes does not yet.
      return { ...next, inForce: undefined };
    case 'fence':
      return { ...next, stoppedByFence: next.stoppedByFence || state.downSince === undefined };
    case 'keepSlots':
      return { ...next, slotsAt: after(context.now, SLOTS_EVERY) };
    default:
      return next;
  }
}

function release(state: AgentState, plan: Plan, database: Observed, context: Context): AgentState {
  if (state.durable.releasedEpoch >= plan.epoch || state.action !== undefined) return state;
  if (database.state !== 'running' || context.now < state.retryAt) return state;
  const peers = plan.members.filter(({ name }) => name !== state.member);
  const { epoch } = plan;
  return run(state, epoch, { kind: 'release', epoch, peers, timeoutMs: RELEASE_WITHIN }, context);
}

function closeAsAnother(state: AgentState, database: Observed, context: Context): AgentState {
  if (!mustCloseAsAnother(state, database, isPromoting(state) || mayAccept(state, database))) return state;
  if (state.action?.action.kind === 'fence' || context.now < state.fenceAgainAt) return state;
  return run(state, NO_EPOCH, { kind: 'fence', withinMs: closeWithin(state, context) }, context);
}

/** L4 gives a fence F after the expiry; a stop that was asked for ends by then as well. */
function fenceWithin(state: AgentState, plan: Plan, context: Context): DurationMs {
  const { fenceMs } = context.timings;
  if (state.stepDownEpoch !== plan.epoch) return fenceMs;
  const left = Math.max(0, since(context.now, grantedUntil(state, plan, context)));
  return asDuration(Math.min(STEP_DOWN_WITHIN, left + fenceMs));
}

function mustFence(state: AgentState, plan: Plan, database: Observed, context: Context): boolean {
  const mayOpen = mayBeOpen(state, plan, context);
  // A promotion that was begun may land at any moment: the right to be open bounds it like an open database.
  if (isPromoting(state) && (!mayOpen || state.durable.openingEpoch !== plan.epoch)) return true;
  if (!isDown(database.state) && mayAccept(state, database)) return !mayOpen;
  // Dead, but not its children: one that is busy can still commit.
  if (isDown(database.state) && !database.processesGone) return !stopsItself(state.action);
  // F1: what is not open any more at this epoch, or never will be, is closed for good, and is confirmed so.
  const ends = endsOnceClosed(state, plan, context);
  const closed = isDown(database.state) || (database.role === 'replica' && (ends || !isOpening(state, plan)));
  return (ends || isOver(state, plan)) && closed && state.durable.fencedEpoch < plan.epoch;
}

/** Writable, or it cannot be told of one that was opened and never closed since. */
function mayAccept(state: AgentState, database: Observed): boolean {
  const wasOpened = state.durable.openedEpoch > state.durable.fencedEpoch;
  return database.role === 'writable' || (database.role === 'unknown' && wasOpened);
}

/** An opening was begun and has neither succeeded nor been fenced. */
function isPromoting(state: AgentState): boolean {
  return state.durable.openingEpoch > highest(state.durable.openedEpoch, state.durable.fencedEpoch);
}

/** The leader's time at this epoch is over once it ends after it began, or when a higher epoch is known. */
export function isOver(state: AgentState, plan: Plan): boolean {
  if (plan.leader !== state.member) return false;
  const begun = state.durable.openedEpoch === plan.epoch || state.durable.openingEpoch === plan.epoch;
  return begun || state.durable.highestEpoch > plan.epoch;
}

/**
 * S1: a leader that is to go on at the epoch of a seal. Once it is closed it may have less than it acknowledged, where its log ends with its server: so it is
 * a candidate like any other.
 */
export function endsOnceClosed(state: AgentState, plan: Plan, context: Pick<Context, 'rules'>): boolean {
  return plan.leader === state.member && isRenewal(plan) && !context.rules.S1_keeps(plan);
}

/** Until a promotion has gone through, the database is a replica still: no sign of an end. */
function isOpening(state: AgentState, plan: Plan): boolean {
  return state.durable.openedEpoch < plan.epoch && state.durable.highestEpoch === plan.epoch;
}

/**
 * S1: an outstanding seal is done by this incarnation itself, whatever an earlier one reported; then the tail; and nothing of the
 * old plan any more.
 */
function sealStep(state: AgentState, plan: Plan, database: Observed, context: Context): Action | undefined {
  const { sealedEpoch } = state.durable;
  if (state.sealed?.epoch !== sealedEpoch) return sealOrStart(state, plan, database, sealedEpoch, context);
  const wanted = state.tailWanted;
  const asked = wanted?.epoch === sealedEpoch && state.tail?.epoch !== sealedEpoch;
  return asked ? { kind: 'takeTail', ...wanted } : undefined;
}

function sealOrStart(
  state: AgentState,
  plan: Plan,
  database: Observed,
  epoch: Epoch,
  context: Context,
): Action | undefined {
  if (isDown(database.state)) return startStep(state, plan, database, context);
  if (database.role !== 'replica' || database.state !== 'running') return undefined;
  return { kind: 'seal', epoch };
}

/** Starts a server that is down, unless an administrator shut it down, or its log is still wanted by an heir. */
function startStep(state: AgentState, plan: Plan, database: Observed, context: Context): Action | undefined {
  if (database.state === 'stopped' && !state.stoppedByFence) return undefined;
  if (logIsWanted(state, plan, database) && plan.members.length > 1) {
    if (context.now < after(state.downSince ?? context.now, RESTART_AFTER)) return undefined;
  }
  return { kind: 'start' };
}

/** An heir may be about to read it: after a crash, and after a step-down unless this member is wanted back itself (sealed). */
function logIsWanted(state: AgentState, plan: Plan, database: Observed): boolean {
  if (plan.leader !== state.member || state.durable.fencedEpoch < plan.epoch) return false;
  if (database.ownTail === 'lost') return false;
  if (state.stepDownEpoch === plan.epoch) return state.durable.sealedEpoch <= plan.epoch;
  return database.state === 'crashed' && plan.policy.onCrash === 'failover';
}

function planStep(state: AgentState, plan: Plan, database: Observed, context: Context): Action | undefined {
  const copy = recloneStep(state, plan, context);
  if (copy !== undefined) return copy;
  if (isDown(database.state)) return startStep(state, plan, database, context);
  if (database.state !== 'running') return undefined;
  return plan.leader === state.member
    ? leadStep(state, plan, database, context)
    : followStep(state, plan, database, context);
}

function leadStep(state: AgentState, plan: Plan, database: Observed, context: Context): Action | undefined {
  if (!mayOpen(state, plan, context) || !isGuarded(state, plan, context)) return undefined;
  const replicas = plan.members.map((member) => member.name).filter((name) => name !== state.member);
  if (state.opened === undefined) {
    if (!keepsPromise(state, plan, context)) return undefined;
    return {
      kind: 'open',
      epoch: plan.epoch,
      mark: context.random,
      opening: plan.opening,
      timeline: context.rules.S2_timeline(plan.epoch, plan.openings),
      openings: plan.openings,
      replicas,
      durability: plan.durability.atLeader,
      identifierGap:
        plan.opening.state === 'pending' && plan.opening.mayLack ? plan.policy.identifierGap : undefined,
      timeoutMs: plan.policy.openTimeoutMs,
    };
  }
  if (database.role !== 'writable') return undefined;
  const { atLeader } = plan.durability;
  if (state.inForce === undefined || !sameDurability(state.inForce, atLeader))
    return { kind: 'setDurability', durability: atLeader, timeoutMs: DURABILITY_WITHIN };
  if (state.prepare?.done === false) return { kind: 'checkpoint', timeoutMs: CHECKPOINT_WITHIN };
  if (context.now < state.slotsAt) return undefined;
  return { kind: 'keepSlots', replicas, retentionBytes: plan.policy.slotRetentionBytes };
}
