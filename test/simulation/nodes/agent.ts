/**
 * An agent process: the production `decide`, with models behind the effects. As `agent/loop.ts`, without promises: nothing but a fence
 * leaves before what it rests on is on disk.
 */
import { assertNever } from '#core/assert.js';
import { NEVER, since } from '#core/brand.js';
import type { Directive } from '#core/directive.js';
import { isReleased, type PlanMember } from '#core/plan.js';
import type { Position } from '#core/position.js';
import type { VouchAnswer, VouchQuestion } from '#core/vouch.js';
import type { Report } from '#core/report.js';
import type { Rules } from '#core/rules/index.js';
import type { Standing } from '#core/standing.js';
import { timingsOf } from '#core/timings.js';
import { decide } from '#agent/decide/decide.js';
import { isLeftGuarded } from '#agent/decide/guard.js';
import type { ActionResult } from '#agent/ports/engine.js';
import { fallSilent, keepMeanwhile, WRITE_AGAIN_MS } from '#agent/decide/refused.js';
import { grantedUntil, mayStillOpen } from '#agent/decide/right.js';
import { standing } from '#agent/decide/standing.js';
import {
  type AgentState,
  type DurableState,
  type Effect,
  type Input,
  startState,
} from '#agent/decide/state.js';
import type { Member, RunningAgent } from '#test/simulation/nodes/member.js';
import { Engine, type Peer } from '#test/simulation/models/engine.js';
import type { Entry } from '#test/simulation/models/log.js';
import type { Truth } from '#test/simulation/checks/truth.js';
import type { Trace } from '#test/simulation/checks/trace.js';
import { Process } from '#test/simulation/world/host.js';
import type { Random } from '#test/simulation/world/random.js';
import type { Timer } from '#test/simulation/world/timeline.js';

export interface AgentDeps {
  readonly controllers: readonly string[];
  readonly rules: Rules;
  readonly truth: Truth;
  readonly trace: Trace;
  readonly random: Random;
  readonly send: (agent: AgentNode, controller: string, report: Report) => void;
  readonly askVouch: (agent: AgentNode, of: PlanMember, question: VouchQuestion, withinMs: number) => void;
  readonly findPeer: (agentAddress: string) => Peer | undefined;
}

/** As `agent/loop.ts`. */
const FENCE_AGAIN_MS = 20;

export class AgentNode implements RunningAgent {
  readonly member: Member;
  readonly process: Process;
  readonly incarnation: string;
  readonly engine: Engine;
  readonly #deps: AgentDeps;
  #state: AgentState;
  #queue: Input[] = [];
  #isBusy = false;
  #isRefused = false;
  #kept: DurableState;
  #isEnding = false;
  #timer: Timer | undefined;
  #asked = 0;
  readonly #asking = new Map<number, (answer: VouchAnswer) => void>();

  constructor(member: Member, durable: DurableState, deps: AgentDeps) {
    this.member = member;
    this.#deps = deps;
    this.process = new Process(member.host, `agent ${member.name}`);
    this.incarnation = deps.random.word();
    this.engine = new Engine({
      db: member.db,
      agent: this.process,
      troubles: member.troubles,
      mistakes: member.mistakes,
      findPeer: deps.findPeer,
    });
    this.#kept = durable;
    this.#state = startState({
      durable,
      hasForgotten: member.hasForgotten,
      incarnation: this.incarnation,
      controllers: deps.controllers,
      now: member.host.now(),
      waitNow: member.host.waitingNow(),
      guard: member.takeOverGuard(),
    });
    member.agent = this;
    // What it was told of at its start the next one finds in its file.
    member.hasForgotten = false;
    this.engine.setTimings(timingsOf(durable.plan?.policy.profile ?? 'balanced'));
    this.engine.start((lookedAt, observation) => this.take({ kind: 'observed', lookedAt, observation }));
    this.take({ kind: 'tick' });
  }

  get state(): AgentState {
    return this.#state;
  }

  standing(): Standing | undefined {
    if (!this.process.isRunning || this.#isEnding) return undefined;
    const now = this.process.host.now();
    const timings = timingsOf(this.#state.durable.plan?.policy.profile ?? 'balanced');
    return standing(this.#state, { now, rules: this.#deps.rules, timings });
  }

  hear(controller: string, directive: Directive): void {
    this.take({ kind: 'directive', controller, directive });
  }

  take(input: Input): void {
    if (!this.process.isAlive || this.#isEnding) return;
    if (this.#isRefused) {
      this.#queue = keepMeanwhile(this.#queue, input);
      return;
    }
    this.#queue.push(input);
    if (!this.#isBusy) this.#drain();
  }

  /** Another agent asks (V1). */
  vouch(question: VouchQuestion, answered: (answer: VouchAnswer) => void): void {
    if (this.#isEnding || this.#isRefused) return;
    this.#asked += 1;
    this.#asking.set(this.#asked, answered);
    this.take({ kind: 'vouch-asked', id: this.#asked, question });
  }

  /** As on SIGTERM: what a guard watches over stays open for the next agent. */
  shutDown(): void {
    if (this.#isEnding || !this.process.isAlive) return;
    this.#isEnding = true;
    const { plan } = this.#state.durable;
    const isLeft = plan !== undefined && isLeftGuarded(this.#state, plan, this.process.host.now());
    const end = (): void => this.process.kill();
    if (isLeft) this.process.after(5, end);
    else this.#fenceIfOpen(end);
  }

  /** DESIGN 6.4, as `agent/tail.ts` answers it. */
  readTail(from: Position, epoch: bigint): readonly Entry[] | undefined {
    const durable = this.#kept;
    const isClosed =
      durable.plan !== undefined && durable.fencedEpoch >= durable.openedEpoch && epoch > durable.fencedEpoch;
    return isClosed ? this.engine.readTail(from) : undefined;
  }

  #drain(): void {
    this.#isBusy = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) {
      if (!this.#step(next)) return;
    }
    this.#isBusy = false;
  }

  /** False while it waits for its disk. */
  #step(input: Input): boolean {
    const before = this.#state;
    const { plan: held, highestEpoch } = before.durable;
    const profile = held?.policy.profile;
    const decision = decide(
      this.#state,
      // A spread that adds what is new costs a microsecond: here that counts.
      Object.assign(input, {
        at: this.process.host.now(),
        waitAt: this.process.host.waitingNow(),
        random: this.#deps.random.word(),
      }),
      this.#deps.rules,
    );
    this.#state = decision.state;
    if (decision.persist !== undefined && input.kind === 'directive' && input.directive.kind === 'seal')
      this.#deps.truth.takesSeal(this.member.name, input.directive.epoch, highestEpoch);
    // One that is to open asks as soon as its database runs.
    const { openedEpoch, plan } = this.#state.durable;
    const isOpened = openedEpoch === plan?.epoch;
    if (isOpened && decision.effects.some((effect) => effect.kind === 'send' && effect.report.wantsLease)) {
      const { canaryTimeoutMs, heartbeatMs } = timingsOf(profile ?? 'balanced');
      this.#deps.truth.asksForLease(this.member.db, canaryTimeoutMs, heartbeatMs);
    }
    const isFence = (effect: Effect): boolean => effect.kind === 'run' && effect.action.kind === 'fence';
    for (const effect of decision.effects) if (isFence(effect)) this.#carryOut(effect);
    const proceed = (): void => {
      for (const effect of decision.effects) if (!isFence(effect)) this.#carryOut(effect);
      const now = this.#state.durable.plan?.policy.profile;
      if (now !== profile && now !== undefined) this.engine.setTimings(timingsOf(now));
      if (this.#timer !== undefined) this.#timer.cancelled = true;
      const sleepMs = Math.max(0.5, decision.wakeAt - this.process.host.now());
      this.#timer = this.process.after(sleepMs, () => this.take({ kind: 'tick' }));
    };
    if (decision.persist === undefined) {
      proceed();
      return true;
    }
    this.#remember(decision.persist, before, () => {
      proceed();
      this.#drain();
    });
    return false;
  }

  #remember(durable: DurableState, before: AgentState, done: () => void): void {
    const { plan } = this.#state.durable;
    const { host } = this.process;
    const left =
      plan === undefined
        ? NEVER
        : since(host.now(), grantedUntil(this.#state, plan, { rules: this.#deps.rules }));
    let isWritten = false;
    const keepClosed = (): void => {
      if (isWritten || this.#isEnding) return;
      this.#fenceIfOpen((isClosed) => {
        if (!isClosed) this.process.after(FENCE_AGAIN_MS, keepClosed);
      });
    };
    if (plan !== undefined && left !== NEVER)
      this.process.after(left > 0 ? left : timingsOf(plan.policy.profile).fenceMs, keepClosed);
    const write = (): void => {
      if (this.#isEnding) return;
      this.member.store(this, durable, (isStored) => {
        if (!isStored && this.member.mistakes.forgetsWhatIsRefused !== true) {
          if (!this.#isRefused) this.#sayUnwritable(before);
          this.#isRefused = true;
          this.process.after(WRITE_AGAIN_MS, write);
          return;
        }
        isWritten = true;
        this.#isRefused = false;
        this.#kept = durable;
        if (!this.#isEnding) done();
      });
    };
    write();
  }

  #sayUnwritable(before: AgentState): void {
    const { host } = this.process;
    const context = {
      now: host.now(),
      waitNow: host.waitingNow(),
      random: '',
      rules: this.#deps.rules,
      timings: timingsOf(before.durable.plan?.policy.profile ?? 'balanced'),
    };
    const silent = fallSilent(this.#state, before, context, 'the disk refuses');
    this.#state = silent.state;
    this.#deps.trace.log(this.member.name, () => 'falls silent: its disk refuses');
    for (const effect of silent.effects) this.#carryOut(effect);
  }

  #carryOut(effect: Effect): void {
    const { trace } = this.#deps;
    const { member } = this;
    switch (effect.kind) {
      case 'send':
        return this.#deps.send(this, effect.controller, effect.report);
      case 'run': {
        const { id, action } = effect;
        trace.log(member.name, () => `does ${action.kind}`);
        const { plan } = this.#state.durable;
        if (action.kind === 'follow' && plan !== undefined) this.#deps.truth.pointed(member.name, plan);
        const { server } = member.db;
        const had = member.db.log.entries[member.db.log.flushed - 1];
        const done = (result: ActionResult): void => {
          if (result.kind === 'sealed' && member.db.server === server)
            this.#deps.truth.keepsReceived(member.db, had);
          trace.log(
            member.name,
            () => `${action.kind}: ${result.kind}${result.kind === 'failed' ? ` ${result.text}` : ''}`,
          );
          if (result.kind === 'sealed' && action.kind === 'seal')
            this.#deps.truth.sealed(member.name, action.epoch, result.position);
          if (result.kind === 'tailTaken' && action.kind === 'takeTail')
            this.#deps.truth.sealed(member.name, action.epoch, result.atLeast);
          this.process.receive(() =>
            this.take({ kind: 'done', id, endedAt: this.process.host.now(), result }),
          );
        };
        const mayOpen = (): boolean =>
          mayStillOpen(this.#state, { now: this.process.host.now(), rules: this.#deps.rules });
        return this.engine.run(action.kind === 'open' ? { ...action, mayOpen } : action, done);
      }
      case 'keepGuard':
        return member.keepGuard(this);
      case 'arm':
        return member.armGuard(this, effect.order);
      case 'dismissGuard':
        return member.dismissGuard();
      case 'probe': {
        const { member: other } = effect;
        this.process.after(this.#deps.random.between(1, 500), () => {
          const database = this.engine.probe(other);
          const peer = this.#deps.findPeer(other.agentAddress);
          const agent =
            peer === undefined
              ? database === 'silent'
                ? 'silent'
                : 'refuses'
              : peer.process.isStopped
                ? 'silent'
                : 'answers';
          this.take({ kind: 'probed', member: other.name, database, agent });
        });
        return;
      }
      case 'inspect':
        return this.take({ kind: 'inspected', request: effect.request, findings: [] });
      case 'askVouch': {
        const { member: other, question, withinMs } = effect;
        return this.#deps.askVouch(this, other, question, withinMs);
      }
      case 'answerVouch': {
        const { answer } = effect;
        if (answer.promised)
          this.#deps.truth.vouches(member.name, answer.epoch, this.#state.durable.highestEpoch);
        const answered = this.#asking.get(effect.id);
        this.#asking.delete(effect.id);
        return answered?.(effect.answer);
      }
      case 'log':
        return trace.log(member.name, () => `${effect.code} ${JSON.stringify(effect.fields)}`);
      case 'exit':
        return this.#end(effect.code);
      default:
        return assertNever(effect);
    }
  }

  /** Without this process nobody ends the lease: so the database is closed first. */
  #end(code: string): void {
    if (this.#isEnding) return;
    this.#isEnding = true;
    this.#deps.trace.log(this.member.name, () => `ends: ${code}`);
    this.#fenceIfOpen(() => this.process.kill());
  }

  #fenceIfOpen(then: (isClosed: boolean) => void = () => undefined): void {
    const { plan, openedEpoch, openingEpoch, fencedEpoch } = this.#state.durable;
    const isClosed = openedEpoch <= fencedEpoch && openingEpoch <= fencedEpoch;
    if (plan === undefined || isReleased(plan) || isClosed) return then(true);
    this.engine.run({ kind: 'fence', withinMs: timingsOf(plan.policy.profile).fenceMs }, (result) =>
      then(result.kind === 'fenced' && this.#deps.rules.F2(result)),
    );
  }
}
