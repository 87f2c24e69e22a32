/**
 * One loop at our own pace. Ports only enqueue events; this drains them through `decide` and carries the effects out, after
 * what they promise is durable (E5). Nothing here decides.
 */
import { assertNever } from '#core/assert.js';
import { asDuration, type DurationMs, type MonotonicMs, NEVER, since } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { isReleased, type PlanMember } from '#core/plan.js';
import type { Answering } from '#core/report.js';
import { rules } from '#core/rules/index.js';
import type { Standing } from '#core/standing.js';
import { timingsOf } from '#core/timings.js';
import type { VouchAnswer, VouchQuestion } from '#core/vouch.js';
import { decide } from '#agent/decide/decide.js';
import { isLeftGuarded } from '#agent/decide/guard.js';
import { fallSilent, keepMeanwhile, WRITE_AGAIN_MS } from '#agent/decide/refused.js';
import { grantedUntil, mayStillOpen } from '#agent/decide/right.js';
import { standing } from '#agent/decide/standing.js';
import {
  type Action,
  type AgentState,
  type DurableState,
  type Effect,
  type Input,
  startState,
} from '#agent/decide/state.js';
import type { Controllers } from '#agent/ports/controllers.js';
import type { Engine } from '#agent/ports/engine.js';
import type { Guard, GuardOrder } from '#agent/ports/guard.js';
import type { Log } from '#core/log.js';
import type { Memory, StateFile } from '#agent/ports/state-file.js';
import type { Vouches } from '#agent/ports/vouches.js';

export interface AgentPorts {
  readonly controllers: Controllers;
  readonly engine: Engine;
  readonly stateFile: StateFile;
  readonly guard: Guard;
  readonly vouches: Vouches;
  /** Whether another agent answers on a new connection from here. Never rejects. */
  readonly probeAgent: (address: string, timeoutMs: DurationMs) => Promise<Answering>;
  /** Of the agent there a tail may be asked in a moment. */
  readonly expectTail: (agentAddress: string) => void;
  readonly log: Log;
  /** Of expiries. */
  readonly now: () => MonotonicMs;
  /** Of promises and waits. */
  readonly waitNow: () => MonotonicMs;
  /** A fresh random word each time, for marks. */
  readonly random: () => string;
}

export interface AgentLoop {
  start(): void;
  /** An open database that a guard watches over stays open for the next agent; any other is closed. */
  stop(): Promise<void>;
  /** What is on disk (E5): whatever answers others by itself answers from this. */
  durable(): DurableState;
  /** What clients may use the database for, now. */
  standing(): Standing;
  /** Another agent's question; rejects once this one ends. */
  vouch(question: VouchQuestion): Promise<VouchAnswer>;
  /** Settles when the agent cannot go on: rejects with the error to exit with. */
  readonly ended: Promise<never>;
}

/** Longer than any network that a cluster should span takes, shorter than a leader's lease. */
const PROBE_WITHIN = asDuration(500);

/** A fence that failed is not waited with, nor may it spin. */
const FENCE_AGAIN_MS = 20;

/** `guard`: what the guard holds that an earlier agent left. */
export function createAgentLoop(
  { durable: recalled, hasForgotten }: Memory,
  incarnation: string,
  guard: GuardOrder | undefined,
  ports: AgentPorts,
): AgentLoop {
  let state = startState({
    durable: recalled,
    hasForgotten,
    incarnation,
    controllers: ports.controllers.names,
    now: ports.now(),
    waitNow: ports.waitNow(),
    guard,
  });
  let kept: DurableState = recalled;
  let queue: Input[] = [];
  let draining = false;
  /** The disk refuses to keep what was decided last. */
  let refused = false;
  let stopped = false;
  let timer: NodeJS.Timeout | undefined;
  const asking = new Map<number, (answer: VouchAnswer) => void>();
  let asked = 0;
  let fail: (error: unknown) => void = () => undefined;
  const ended = new Promise<never>((_, reject) => {
    fail = reject;
  });

  function take(input: Input): void {
    if (stopped) return;
    if (refused) {
      queue = keepMeanwhile(queue, input);
      return;
    }
    queue.push(input);
    if (!draining) void drain();
  }

  async function drain(): Promise<void> {
    draining = true;
    try {
      for (let input = queue.shift(); input !== undefined && !stopped; input = queue.shift())
        await step(input);
    } catch (error) {
      await endBroken(error);
    } finally {
      draining = false;
    }
  }

  async function step(input: Input): Promise<void> {
    const before = state;
    const { plan } = state.durable;
    const decision = decide(
      state,
      { ...input, at: ports.now(), waitAt: ports.waitNow(), random: ports.random() },
      rules,
    );
    state = decision.state;
    // A fence needs no memory of it before it acts; everything else waits until what it rests on is durable.
    const [fences, others] = partition(decision.effects, isFence);
    for (const effect of fences) carryOut(effect);
    if (decision.persist !== undefined && !(await remember(decision.persist, before))) return;
    for (const effect of others) carryOut(effect);
    if (state.durable.plan?.policy !== plan?.policy) tellPolicy();
    if (state.durable.plan?.members !== plan?.members) tellMembers();
    clearTimeout(timer);
    timer = setTimeout(() => take({ kind: 'tick' }), Math.max(0, decision.wakeAt - ports.now()));
  }

  function tellMembers(): void {
    ports.engine.setMembers?.(state.durable.plan?.members ?? []);
  }

  function tellPolicy(): void {
    const policy = state.durable.plan?.policy;
    ports.engine.setTimings(timingsOf(policy?.profile ?? 'balanced'));
    if (policy === undefined) return;
    ports.engine.setRetention({ oldDataMs: policy.oldDataRetentionMs, salvageMs: policy.salvageRetentionMs });
  }

  function carryOut(effect: Effect): void {
    switch (effect.kind) {
      case 'send':
        return ports.controllers.send(effect.controller, effect.report);
      case 'run':
        return void run(effect.id, effect.action);
      case 'keepGuard':
        return ports.guard.start((event) => take(event));
      case 'arm':
        return ports.guard.arm(effect.order);
      case 'dismissGuard':
        return void ports.guard.dismiss();
      case 'probe':
        return void probe(effect.member);
      case 'askVouch':
        return void askVouch(effect);
      case 'answerVouch':
        asking.get(effect.id)?.(effect.answer);
        asking.delete(effect.id);
        return;
      case 'inspect':
        return void inspect(effect.request, effect.peers);
      case 'log':
        return ports.log(effect.level, effect.code, effect.fields);
      case 'exit':
        return void end(new TanistError(effect.code, effect.text));
      default:
        return assertNever(effect);
    }
  }

  async function run(id: number, action: Action): Promise<void> {
    if (action.kind === 'seal') expectTail();
    const mayOpen = (): boolean => mayStillOpen(state, { now: ports.now(), rules });
    const result = await ports.engine.run(action.kind === 'open' ? { ...action, mayOpen } : action);
    take({ kind: 'done', id, endedAt: ports.now(), result });
  }

  /** Whoever is sealed may be the heir: what it needs for the old leader's tail is made ready meanwhile. */
  function expectTail(): void {
    const { plan, member } = state.durable;
    const leader = plan?.members.find(({ name }) => name === plan.leader);
    if (leader !== undefined && leader.name !== member) ports.expectTail(leader.agentAddress);
  }

  async function probe(member: PlanMember): Promise<void> {
    const [database, agent] = await Promise.all([
      ports.engine.probe(member, PROBE_WITHIN),
      ports.probeAgent(member.agentAddress, PROBE_WITHIN),
    ]);
    take({ kind: 'probed', member: member.name, database, agent });
  }

  async function askVouch({ member, question, withinMs }: Effect & { kind: 'askVouch' }): Promise<void> {
    const answer = await ports.vouches.ask(member.agentAddress, question, withinMs);
    if (answer !== undefined) take({ kind: 'vouched', member: member.name, ...answer });
  }

  async function inspect(request: bigint, peers: readonly PlanMember[]): Promise<void> {
    take({ kind: 'inspected', request, findings: await ports.engine.inspect(peers) });
  }

  /**
   * A disk that stalls or refuses must not hold up the end of a lease: the fence needs neither this write nor the queue behind it.
   * False: this agent was stopped before the disk had it.
   */
  async function remember(durable: DurableState, before: AgentState): Promise<boolean> {
    let isOver = false;
    const keepClosed = async (): Promise<void> => {
      while (!isOver && !(await fenceIfOpen())) await sleep(FENCE_AGAIN_MS);
    };
    const withinMs = closeIn(state);
    const expiry =
      withinMs === undefined ? undefined : setTimeout(() => void keepClosed().catch(fail), withinMs);
    try {
      return await writeUntilKept(durable, before);
    } finally {
      isOver = true;
      clearTimeout(expiry);
    }
  }

  /** When a database whose agent hears of nothing else has to be closed; where its right is over already, that was begun just now. */
  function closeIn(known: AgentState): number | undefined {
    const { plan } = known.durable;
    const left = plan === undefined ? NEVER : since(ports.now(), grantedUntil(known, plan, { rules }));
    if (plan === undefined || left === NEVER) return undefined;
    return left > 0 ? left : timingsOf(plan.policy.profile).fenceMs;
  }

  async function writeUntilKept(durable: DurableState, before: AgentState): Promise<boolean> {
    const begunAt = ports.now();
    while (!stopped) {
      try {
        await ports.stateFile.write(durable);
        kept = durable;
        if (refused) ports.log('info', 'STATE_WRITTEN', { ms: Math.round(since(begunAt, ports.now())) });
        refused = false;
        return !stopped;
      } catch (error) {
        if (!(error instanceof TanistError) || error.code !== 'STATE_UNWRITABLE') throw error;
        if (!refused) sayUnwritable(error, before);
        refused = true;
        await sleep(WRITE_AGAIN_MS);
      }
    }
    return false;
  }

  function sayUnwritable({ code, detail }: TanistError, before: AgentState): void {
    ports.log('error', code, { because: detail });
    const context = {
      now: ports.now(),
      waitNow: ports.waitNow(),
      random: '',
      rules,
      timings: timingsOf(before.durable.plan?.policy.profile ?? 'balanced'),
    };
    const silent = fallSilent(state, before, context, detail);
    state = silent.state;
    for (const effect of silent.effects) carryOut(effect);
  }

  /** False: something may still commit there. */
  async function fenceIfOpen(): Promise<boolean> {
    const { plan, openedEpoch, openingEpoch, fencedEpoch } = state.durable;
    if (plan === undefined || isReleased(plan)) return true;
    if (openedEpoch <= fencedEpoch && openingEpoch <= fencedEpoch) return true;
    const withinMs = timingsOf(plan.policy.profile).fenceMs;
    const result = await ports.engine.run({ kind: 'fence', withinMs });
    return result.kind === 'fenced' && rules.F2(result);
  }

  /** A broken invariant. */
  async function endBroken(error: unknown): Promise<void> {
    const because = error instanceof Error ? (error.stack ?? error.message) : String(error);
    ports.log('error', 'AGENT_BROKEN', { because });
    await end(error);
  }

  /** Without this process nobody ends the lease: so the database is closed first. */
  async function end(error: unknown): Promise<void> {
    stopped = true;
    clearTimeout(timer);
    await fenceIfOpen();
    fail(error);
  }

  return {
    start() {
      tellPolicy();
      tellMembers();
      ports.engine.start(({ at, observation }) => take({ kind: 'observed', lookedAt: at, observation }));
      ports.controllers.start((event) => take(event));
      take({ kind: 'tick' });
    },
    async stop() {
      stopped = true;
      clearTimeout(timer);
      const { plan } = state.durable;
      const isLeft = plan !== undefined && isLeftGuarded(state, plan, ports.now());
      if (!isLeft) await fenceIfOpen();
      // All at once: the next agent may be waiting to take over before the lease ends.
      ports.vouches.stop();
      await Promise.all([ports.guard.leave(), ports.controllers.stop(), ports.engine.stop()]);
    },
    durable: () => kept,
    standing: () =>
      standing(state, {
        now: ports.now(),
        rules,
        timings: timingsOf(state.durable.plan?.policy.profile ?? 'balanced'),
      }),
    vouch(question) {
      if (stopped) return Promise.reject(new Error('this agent is ending'));
      if (refused) return Promise.reject(new Error('the disk of this agent refuses to be written'));
      asked += 1;
      const id = asked;
      return new Promise((resolve) => {
        asking.set(id, resolve);
        take({ kind: 'vouch-asked', id, question });
      });
    },
    ended,
  };
}

const sleep = (ms: number): Promise<void> => new Promise((resolve) => setTimeout(resolve, ms));

const isFence = (effect: Effect): boolean => effect.kind === 'run' && effect.action.kind === 'fence';

function partition<T>(all: readonly T[], test: (one: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [all.filter(test), all.filter((one) => !test(one))];
}
