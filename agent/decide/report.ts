/**
 * The heartbeat: everything a controller needs to know, each time, to every controller. It leaves on time, and at once when something
 * changed that somebody waits for.
 */
import { after, asDuration, since } from '#core/brand.js';
import { NO_ACKNOWLEDGEMENTS, sameDurability } from '#core/durability.js';
import { isReleased } from '#core/plan.js';
import { type DatabaseReport, NOBODY_LOWERED, type Report } from '#core/report.js';
import { guardedForMs, isTold } from '#agent/decide/guard.js';
import type { AgentState, Context, Transmission } from '#agent/decide/state.js';
import { lastProof, reportedState } from '#agent/decide/database-state.js';
import { vouchedReport } from '#agent/decide/promise.js';
import { replacedProblem } from '#agent/decide/replaced.js';
import { servingRole } from '#agent/decide/standing.js';

/** A report is composed without a word to anybody. */
type Silently = Omit<Context, 'emit'>;

/** Grants older than this many heartbeats per controller are of no use to anybody. */
const REMEMBERED = 64;

export function report(state: AgentState, context: Context): AgentState {
  const body = compose(state, context);
  const due = context.now >= state.nextHeartbeatAt;
  if (!due && state.lastSaid !== undefined && saysTheSame(state.lastSaid, body)) return state;
  let nonce = state.nonce;
  const sent: Transmission[] = [];
  for (const [controller, session] of Object.entries(state.controllers)) {
    if (!session.connected) continue;
    nonce += 1n;
    // L1: noted before it leaves, a fresh nonce per transmission.
    sent.push({ nonce, sentAt: context.now });
    context.emit({ kind: 'send', controller, report: { ...body, nonce } });
  }
  return {
    ...state,
    nonce,
    sent: [...state.sent, ...sent].slice(-REMEMBERED),
    lastSaid: body,
    planWanted: undefined,
    nextHeartbeatAt: due ? after(context.now, context.timings.heartbeatMs) : state.nextHeartbeatAt,
  };
}

/** All but its own nonce, which every transmission has. */
export function compose(state: AgentState, context: Silently): Report {
  const { durable } = state;
  return {
    incarnation: state.incarnation,
    nonce: state.nonce,
    wantsLease: wantsLease(state, context),
    highestEpoch: durable.highestEpoch,
    planEpoch: durable.plan?.epoch ?? (0n as Report['planEpoch']),
    planVersion: durable.plan?.version ?? (0n as Report['planVersion']),
    fencedEpoch: durable.fencedEpoch,
    openedEpoch: durable.openedEpoch,
    sealed: state.sealed,
    tail: state.tail,
    opened: openedReport(state),
    database: databaseReport(state, context),
    serving: { role: servingRole(state, context), goodForMs: context.timings.silenceMs },
    durability: state.inForce,
    guarded: state.guard.standing,
    guardedForMs: guardedForMs(state, context.now),
    probe: probeReport(state, context),
    prepared: state.prepare?.done === true ? state.prepare.request : undefined,
    // A guard that still held more would leave the database open for longer than this says, once this process is gone.
    heldBack: isTold(state) ? state.holdEnd?.request : undefined,
    inspection: state.inspection,
    told: state.planWanted === undefined ? undefined : { request: state.planWanted, plan: durable.plan },
    releasedEpoch: durable.releasedEpoch,
    vouched: vouchedReport(state, context),
    problem: replacedProblem(state) ?? state.problem,
  };
}

/** What jumped is the ledger's once the opening is proved. */
function openedReport({ opened, durable }: AgentState): Report['opened'] {
  const isTaken = durable.plan?.opening.state === 'proved';
  return opened !== undefined && isTaken ? { ...opened, identifiers: undefined } : opened;
}

/** L1: an open leader asks only while its canary comes back; one that is to open asks once its database runs. */
export function wantsLease(state: AgentState, context: Silently): boolean {
  const { plan } = state.durable;
  const { database } = state;
  if (plan?.leader !== state.member || database === undefined) return false;
  if (state.replacedBy !== undefined) return false;
  if (!context.rules.F1(state.durable, plan.epoch) || state.stepDownEpoch === plan.epoch) return false;
  // INV-6: without a guard there is nobody to end the lease when this process cannot.
  if (!state.guard.standing || isReleased(plan)) return false;
  if (database.state !== 'running') return false;
  // Before it is promoted there is no canary to wait for.
  if (database.role !== 'writable') return state.durable.openedEpoch < plan.epoch;
  const canaryAgeMs = asDuration(context.now - lastProof(state, database));
  return context.rules.L1({ canaryAgeMs, canaryTimeoutMs: context.timings.canaryTimeoutMs });
}

function probeReport({ probed }: AgentState, context: Pick<Context, 'now'>): Report['probe'] {
  if (probed === undefined) return undefined;
  const { member, database, agent, startedAt } = probed;
  return { member, database, agent, ageMs: Math.round(since(startedAt, context.now)) };
}

function databaseReport(state: AgentState, context: Silently): DatabaseReport {
  const { database } = state;
  if (database === undefined) {
    return {
      state: 'unknown',
      role: 'unknown',
      dataId: state.durable.dataId,
      position: undefined,
      backlog: 0,
      canaryAgeMs: undefined,
      upstream: undefined,
      streaming: false,
      followers: [],
      lowered: NOBODY_LOWERED,
      ownTail: 'awaited',
      copying: undefined,
      salvaged: undefined,
    };
  }
  const age = since(lastProof(state, database), context.now);
  return {
    state: reportedState(state, database, context),
    role: database.role,
    dataId: database.dataId,
    position: database.position,
    backlog: database.backlog,
    canaryAgeMs: database.role === 'writable' && Number.isFinite(age) ? Math.round(age) : undefined,
    upstream: database.upstream,
    streaming: database.streaming,
    followers: database.followers,
    lowered: database.lowered,
    ownTail: database.ownTail,
    copying: database.copying,
    salvaged: database.salvaged,
  };
}

/** Nothing in it is worth a message of its own: all but what moves with every heartbeat. */
function saysTheSame(a: Report, b: Report): boolean {
  return (
    a.wantsLease === b.wantsLease &&
    a.highestEpoch === b.highestEpoch &&
    a.planEpoch === b.planEpoch &&
    a.planVersion === b.planVersion &&
    a.fencedEpoch === b.fencedEpoch &&
    a.sealed?.epoch === b.sealed?.epoch &&
    a.tail?.epoch === b.tail?.epoch &&
    a.opened?.epoch === b.opened?.epoch &&
    a.durability?.epoch === b.durability?.epoch &&
    sameDurability(a.durability ?? NO_ACKNOWLEDGEMENTS, b.durability ?? NO_ACKNOWLEDGEMENTS) &&
    a.serving.role === b.serving.role &&
    a.database.state === b.database.state &&
    a.database.role === b.database.role &&
    a.database.streaming === b.database.streaming &&
    a.database.upstream === b.database.upstream &&
    a.database.ownTail === b.database.ownTail &&
    a.problem?.code === b.problem?.code &&
    a.guarded === b.guarded &&
    a.prepared === b.prepared &&
    a.heldBack === b.heldBack &&
    a.inspection?.request === b.inspection?.request &&
    a.releasedEpoch === b.releasedEpoch &&
    a.probe?.member === b.probe?.member &&
    a.probe?.database === b.probe?.database &&
    a.probe?.agent === b.probe?.agent
  );
}
