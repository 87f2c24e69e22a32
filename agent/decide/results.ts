/** What an engine's step came to. */
import { assertNever } from '#core/assert.js';
import { after, asDuration, type Epoch, highest, type MonotonicMs, NO_EPOCH } from '#core/brand.js';
import type { Position } from '#core/position.js';
import { endsOnceClosed, isOver, SLOTS_EVERY } from '#agent/decide/next-action.js';
import { afterStep } from '#agent/decide/observe.js';
import type { ActionUnderWay, AgentState, Context, Result } from '#agent/decide/state.js';

const RETRY_AFTER = asDuration(500);
const FENCE_AGAIN_AFTER = asDuration(20);
const REWIND_AGAIN_AFTER = asDuration(3000);
/** Nobody waits for it but people, and what it lacks they have to bring. */
const RECLONE_AGAIN_AFTER = asDuration(10_000);
/** What ended like this is not tried again behind the same leader: a copy is made. A start may find a rewind that was torn. */
const FINAL = ['REWIND_IMPOSSIBLE', 'REWIND_BROKEN', 'LOG_GONE'];

/** `endedAt`: when the step ended; what a look that began before that saw is old. */
export function takeResult(
  state: AgentState,
  id: number,
  result: Result,
  endedAt: MonotonicMs,
  context: Context,
): AgentState {
  const under = state.action;
  if (under?.id !== id) return result.kind === 'recloned' ? withCopy(state, result) : state;
  const database =
    result.kind === 'fenced' && !context.rules.F2(result)
      ? state.database
      : afterStep(state.database, under, result, context);
  const ended: AgentState = { ...state, action: undefined, actedAt: endedAt, database };
  const ms = Math.round(context.now - under.startedAt);
  if (result.kind !== 'slotsKept') {
    const level = result.kind === 'failed' ? 'warn' : 'info';
    const fields = {
      step: under.action.kind,
      ms,
      ...(result.kind === 'failed' ? { because: `${result.code}: ${result.text}` } : {}),
    };
    context.emit({
      kind: 'log',
      level,
      code: result.kind === 'failed' ? 'STEP_FAILED' : 'STEP_DONE',
      fields,
    });
  }
  switch (result.kind) {
    case 'fenced':
      return fenced(ended, result, context);
    case 'started':
      return { ...ended, problem: undefined };
    case 'sealed':
      return { ...ended, sealed: sealedBy(under, result), problem: undefined };
    case 'tailTaken':
      return {
        ...ended,
        tailWanted: undefined,
        tail: tailOf(under, { kind: 'taken', atLeast: result.atLeast, bytes: result.bytes }),
        // Its log reaches further now than when it was sealed.
        sealed: ended.sealed && { ...ended.sealed, position: result.atLeast },
      };
    case 'opened':
      return {
        ...ended,
        durable: openedAt(ended.durable, result.opened.epoch),
        opened: { ...result.opened, at: result.provedAt },
        // In force before anybody could write at this epoch, and for all that is still there from before.
        inForce: inForceBy(under, result.opened.epoch, result.opened.position),
        // The opening itself makes the slots; they are looked after from the next time on.
        slotsAt: after(context.now, SLOTS_EVERY),
        problem: undefined,
      };
    case 'durabilitySet':
      return { ...ended, inForce: inForceBy(under, under.epoch, result.holds), problem: undefined };
    case 'following':
      return { ...ended, followed: followedBy(under) ?? ended.followed, problem: undefined };
    case 'slotsKept':
      return ended;
    case 'checkpointed':
      return { ...ended, prepare: ended.prepare && { ...ended.prepare, done: true }, problem: undefined };
    case 'rewound':
      // Where its log ends now is to be read anew.
      return { ...ended, sealed: undefined, problem: undefined };
    case 'recloned':
      return {
        ...ended,
        durable: { ...withCopy(ended, result).durable, recloned: wishOf(under) ?? ended.durable.recloned },
        recloneEpoch: NO_EPOCH,
        sealed: undefined,
        followed: undefined,
        stoppedByFence: true,
      };
    case 'released':
      return {
        ...ended,
        durable: {
          ...ended.durable,
          releasedEpoch: releasedBy(under) ?? ended.durable.releasedEpoch,
        },
        problem: undefined,
      };
    case 'failed':
      return failed(ended, under, result, context);
    default:
      return assertNever(result);
  }
}

/** F2: with anything left that could commit, it is not fenced, and the step is taken again at once. */
function fenced(state: AgentState, found: Result & { kind: 'fenced' }, context: Context): AgentState {
  if (!context.rules.F2(found)) return state;
  const { plan, openedEpoch, fencedEpoch } = state.durable;
  const isClosedForGood = plan !== undefined && (isOver(state, plan) || endsOnceClosed(state, plan, context));
  const closed = isClosedForGood ? plan.epoch : highest(openedEpoch, state.durable.openingEpoch);
  return {
    ...state,
    durable: { ...state.durable, fencedEpoch: highest(fencedEpoch, closed) },
    opened: undefined,
    inForce: undefined,
  };
}

function failed(
  state: AgentState,
  under: ActionUnderWay,
  result: Result & { kind: 'failed' },
  context: Context,
): AgentState {
  const tried = { ...state, retryAt: after(context.now, RETRY_AFTER) };
  switch (under.action.kind) {
    case 'takeTail':
      return { ...tried, tailWanted: undefined, tail: tailOf(under, { kind: 'failed', text: result.text }) };
    case 'fence':
      // Tried again almost at once: a fence is never waited with, nor may it spin.
      return { ...state, fenceAgainAt: after(context.now, FENCE_AGAIN_AFTER) };
    case 'keepSlots':
      return tried;
    case 'checkpoint':
      // Asked for again as long as somebody waits for it.
      return { ...tried, prepare: undefined };
    // A log that cannot be brought to its end is sealed by nobody, and followed from by nobody: it is replaced.
    case 'seal':
    case 'follow':
    case 'rewind':
    case 'start': {
      const isFinal = FINAL.includes(result.code);
      const isRewind = under.action.kind === 'rewind';
      // What it was when it followed, or was sealed, it is no more: its server may have come back from an older file (S2 is asked anew).
      const isAnother = under.action.kind === 'follow' && result.code === 'DIVERGED';
      return {
        ...tried,
        problem: { code: result.code, text: result.text },
        // Where nothing was changed, what was read after the seal still holds.
        sealed: isAnother || (isRewind && !isFinal) ? undefined : tried.sealed,
        followed: isAnother ? undefined : tried.followed && { ...tried.followed, confirms: undefined },
        recloneEpoch: isFinal ? under.epoch : state.recloneEpoch,
        retryAt: isRewind && !isFinal ? after(context.now, REWIND_AGAIN_AFTER) : tried.retryAt,
      };
    }
    case 'reclone':
      return {
        ...tried,
        problem: { code: result.code, text: result.text },
        sealed: undefined,
        retryAt: after(context.now, RECLONE_AGAIN_AFTER),
      };
    default:
      return { ...tried, problem: { code: result.code, text: result.text } };
  }
}

/** E5: whatever became of the step that made it, this copy is this member's now. */
const withCopy = (state: AgentState, { copyId }: Result & { kind: 'recloned' }): AgentState => ({
  ...state,
  durable: { ...state.durable, copyId },
});

const wishOf = ({ action }: ActionUnderWay): string | undefined =>
  action.kind === 'reclone' ? action.wish : undefined;

/** An opening that is proved again after a restart is known already. */
function openedAt(durable: AgentState['durable'], epoch: Epoch): AgentState['durable'] {
  return epoch > durable.openedEpoch ? { ...durable, openedEpoch: epoch } : durable;
}

function inForceBy({ action }: ActionUnderWay, epoch: Epoch, holds: Position): AgentState['inForce'] {
  if (action.kind !== 'open' && action.kind !== 'setDurability') return undefined;
  return { ...action.durability, epoch, holds };
}

const releasedBy = ({ action }: ActionUnderWay): Epoch | undefined =>
  action.kind === 'release' ? action.epoch : undefined;

/** Of the plan that the step served: the one that is there now may be newer. */
function followedBy({ action, epoch }: ActionUnderWay): AgentState['followed'] {
  return action.kind === 'follow'
    ? { epoch, upstream: action.leader.name, confirms: action.confirms }
    : undefined;
}

function sealedBy(under: ActionUnderWay, result: Result & { kind: 'sealed' }): AgentState['sealed'] {
  return under.action.kind === 'seal' ? { epoch: under.action.epoch, position: result.position } : undefined;
}

function tailOf(
  under: ActionUnderWay,
  result: NonNullable<AgentState['tail']>['result'],
): AgentState['tail'] {
  return under.action.kind === 'takeTail' ? { epoch: under.action.epoch, result } : undefined;
}
