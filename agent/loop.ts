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
import { timingsOf } from '#core/timings.js';
import type { VouchAnswer, VouchQuestion } from '#core/vouch.js';
import { decide } from '#agent/decide/decide.js';
import { isLeftGuarded } from '#agent/decide/guard.js';
import { grantedUntil, mayStillOpen } from '#agent/decide/right.js';
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
import type { Log } from '#agent/ports/log.js';
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
  state(): AgentState;
  /** Another agent's question; rejects once this one ends. */
  vouch(question: VouchQuestion): Promise<VouchAnswer>;
  /** Settles when the agent cannot go on: rejects with the error to exit with. */
  readonly ended: Promise<never>;
}

/** Longer than any network that a cluster should span takes, shorter than a leader's lease. */
const PROBE_WITHIN = asDuration(500);

/** `guard`: what the guard holds that an earlier agent left. */
export function createAgentLoop(
  { durable, hasForgotten }: Memory,
  incarnation: string,
  guard: GuardOrder | undefined,
  ports: AgentPorts,
): AgentLoop {
  let state = startState({
    durable,
    hasForgotten,
    incarnation,
    controllers: ports.controllers.names,
    now: ports.now(),
    waitNow: ports.waitNow(),
    guard,
  });
  const queue: Input[] = [];
  let draining = false;
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
    const profile = state.durable.plan?.policy.profile;
    const decision = decide(
      state,
      { ...input, at: ports.now(), waitAt: ports.waitNow(), random: ports.random() },
      rules,
    );
    state = decision.state;
    // A fence needs no memory of it before it acts; everything else waits until what it rests on is durable.
    const [fences, others] = partition(decision.effects, isFence);
    for (const effect of fences) carryOut(effect);
    if (decision.persist !== undefined) await remember(decision.persist);
    for (const effect of others) carryOut(effect);
    const now = state.durable.plan?.policy.profile;
    if (now !== profile && now !== undefined) ports.engine.setTimings(timingsOf(now));
    clearTimeout(timer);
    timer = setTimeout(() => take({ kind: 'tick' }), Math.max(0, decision.wakeAt - ports.now()));
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
    const mayOpen = (): boolean => mayStillOpen(state, { now: ports.now(), rules });
    const result = await ports.engine.run(action.kind === 'open' ? { ...action, mayOpen } : action);
    take({ kind: 'done', id, endedAt: ports.now(), result });
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

  /** A disk that stalls must not hold up the end of a lease: the fence needs neither this write nor the queue behind it. */
  async function remember(durable: DurableState): Promise<void> {
    const { plan } = state.durable;
    const left = plan === undefined ? NEVER : since(ports.now(), grantedUntil(state, plan, { rules }));
    const expiry = left > 0 && left !== NEVER ? setTimeout(() => void fenceIfOpen(), left) : undefined;
    try {
      await ports.stateFile.write(durable);
    } finally {
      clearTimeout(expiry);
    }
  }

  async function fenceIfOpen(): Promise<void> {
    const { plan, openedEpoch, openingEpoch, fencedEpoch } = state.durable;
    if (plan === undefined || isReleased(plan)) return;
    if (openedEpoch <= fencedEpoch && openingEpoch <= fencedEpoch) return;
    await ports.engine.run({ kind: 'fence', withinMs: timingsOf(plan.policy.profile).fenceMs });
  }

  /** A broken invariant, or a memory that cannot be written. */
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
      ports.engine.setTimings(timingsOf(state.durable.plan?.policy.profile ?? 'balanced'));
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
    state: () => state,
    vouch(question) {
      if (stopped) return Promise.reject(new Error('this agent is ending'));
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

const isFence = (effect: Effect): boolean => effect.kind === 'run' && effect.action.kind === 'fence';

function partition<T>(all: readonly T[], test: (one: T) => boolean): readonly [readonly T[], readonly T[]] {
  return [all.filter(test), all.filter((one) => !test(one))];
}
