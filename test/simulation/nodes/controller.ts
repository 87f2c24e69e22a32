/** A controller process: the production `decide`, with models behind the effects. As `controller/loop.ts`, without promises. */
import { assertNever } from '#core/assert.js';
import { NO_EPOCH, type Revision } from '#core/brand.js';
import type { Directive } from '#core/directive.js';
import type { OperatorCommand } from '#core/operator.js';
import type { Plan } from '#core/plan.js';
import type { Rules } from '#core/rules/index.js';
import { decide, startState } from '#controller/decide/decide.js';
import type { Answer, ControllerState, Effect, Input, Write } from '#controller/decide/state.js';
import { topologyOf } from '#controller/decide/topology.js';
import type { Etcd } from '#test/simulation/models/etcd.js';
import { SimulatedElection } from '#test/simulation/nodes/election.js';
import type { Truth } from '#test/simulation/checks/truth.js';
import type { Trace } from '#test/simulation/checks/trace.js';
import { type Host, Process } from '#test/simulation/world/host.js';
import type { Timer } from '#test/simulation/world/timeline.js';

const STORE_RETRY_MS = 100;
const CALL_WITHIN_MS = 1500;

export interface ControllerDeps {
  readonly cluster: string;
  readonly etcd: Etcd;
  readonly rules: Rules;
  readonly truth: Truth;
  readonly trace: Trace;
  readonly send: (controller: ControllerNode, member: string, directive: Directive) => void;
  readonly refuse: (controller: ControllerNode, member: string, code: string) => void;
  /** One that listens to it, and how long it takes until all clients are held back. */
  readonly router: { readonly name: string; readonly takesMs: () => number } | undefined;
}

export class ControllerNode {
  readonly name: string;
  readonly process: Process;
  readonly #deps: ControllerDeps;
  readonly #election: SimulatedElection;
  #state: ControllerState;
  #queue: Input[] = [];
  #isDraining = false;
  #timer: Timer | undefined;
  #requests = 0;
  #toldEpoch = NO_EPOCH;
  #pausedFor: bigint | undefined;
  readonly #waiting = new Map<number, (answer: Answer) => void>();
  /** By cluster, what etcd held when it heard that it is elected (E4). */
  readonly #heldWhenElected = new Map<string, Plan>();

  constructor(name: string, host: Host, deps: ControllerDeps) {
    this.name = name;
    this.process = new Process(host, `controller ${name}`);
    this.#deps = deps;
    this.#state = startState(name, host.name);
    this.#election = new SimulatedElection(deps.etcd, this.process, name, (event) => this.take(event));
    this.take({ kind: 'tick' });
    const { router } = deps;
    if (router !== undefined)
      this.take({ kind: 'router-connected', call: '1', router: router.name, clusters: [deps.cluster] });
  }

  get state(): ControllerState {
    return this.#state;
  }

  get isActive(): boolean {
    return this.process.isAlive && this.#state.role.kind === 'active';
  }

  operate(cluster: string, command: OperatorCommand, answered: (answer: Answer) => void): void {
    if (command.kind === 'failover' || command.kind === 'switchover') this.#deps.truth.asksForAnother();
    this.#requests += 1;
    this.#waiting.set(this.#requests, answered);
    this.take({ kind: 'operate', cluster, command, request: this.#requests });
  }

  /** Resigns, withdraws, and ends, as on SIGTERM. */
  shutDown(): void {
    this.take({ kind: 'resign' });
    this.#election.stop();
    this.process.after(20, () => this.process.kill());
  }

  take(input: Input): void {
    if (!this.process.isAlive) return;
    this.#queue.push(input);
    if (this.#isDraining) return;
    this.#isDraining = true;
    for (let next = this.#queue.shift(); next !== undefined; next = this.#queue.shift()) this.#step(next);
    this.#isDraining = false;
  }

  #step(input: Input): void {
    const { host } = this.process;
    if (input.kind === 'elected')
      for (const { plan } of this.#deps.etcd.readAll()) this.#heldWhenElected.set(plan.cluster, plan);
    const decision = decide(
      this.#state,
      Object.assign(input, { at: host.waitingNow(), authorityAt: host.now(), wall: host.wall() }),
      this.#deps.rules,
    );
    this.#state = decision.state;
    for (const effect of decision.effects) {
      if (effect.kind === 'write' || (effect.kind === 'send' && effect.directive.kind === 'grant'))
        this.#deps.truth.decidesOn(
          this.name,
          decision.state.clusters[effect.cluster]?.stored?.plan,
          this.#heldWhenElected.get(effect.cluster),
        );
      this.#carryOut(effect);
    }
    this.#tell();
    if (this.#timer !== undefined) this.#timer.cancelled = true;
    const sleepMs = Math.max(1, decision.wakeAt - host.waitingNow());
    this.#timer = this.process.after(sleepMs, () => this.take({ kind: 'tick' }));
  }

  /** What its clients would hear now; a router among them holds clients back when it is asked to, unless it is slow. */
  #tell(): void {
    const { rules, truth, router } = this.#deps;
    for (const [name, cluster] of Object.entries(this.#state.clusters)) {
      const topology = topologyOf(name, cluster, {
        authorityNow: this.process.host.now(),
        ...{ rules, role: this.#state.role },
      });
      truth.tells(this.name, this.#toldEpoch, topology);
      this.#toldEpoch = topology.epoch;
      const { pause } = topology;
      if (router === undefined || pause === undefined || pause === this.#pausedFor) continue;
      this.#pausedFor = pause;
      this.process.after(router.takesMs(), () =>
        this.take({ kind: 'router-paused', cluster: name, router: router.name, pause }),
      );
    }
  }

  #carryOut(effect: Effect): void {
    const { etcd, trace } = this.#deps;
    switch (effect.kind) {
      case 'send':
        return this.#deps.send(this, effect.member, effect.directive);
      case 'refuse':
        return this.#deps.refuse(this, effect.member, effect.code);
      case 'load': {
        const { term } = effect;
        return etcd.ask(
          this.process,
          CALL_WITHIN_MS,
          () => etcd.readAll(),
          (clusters) => {
            if (clusters !== undefined) this.take({ kind: 'loaded', term, clusters });
            else this.#later({ kind: 'load-failed', term, text: 'no answer' });
          },
        );
      }
      case 'write': {
        const { cluster, id, write } = effect;
        return etcd.ask(
          this.process,
          CALL_WITHIN_MS,
          () => this.#written(write),
          (answer) => {
            const written = (outcome: (Input & { kind: 'written' })['outcome']): Input => ({
              kind: 'written',
              cluster,
              id,
              outcome,
            });
            if (answer === undefined) this.#later(written({ kind: 'unknown', text: 'no answer' }));
            else if (answer.revision === undefined) this.#later(written({ kind: 'refused' }));
            else this.take(written({ kind: 'committed', revision: answer.revision }));
          },
        );
      }
      case 'reread': {
        const { cluster, id } = effect;
        return etcd.ask(
          this.process,
          CALL_WITHIN_MS,
          () => ({ stored: etcd.read(cluster) }),
          (answer) => {
            if (answer !== undefined) this.take({ kind: 'reread', cluster, id, stored: answer.stored });
            else this.#later({ kind: 'reread-failed', cluster, id, corrupt: false, text: 'no answer' });
          },
        );
      }
      case 'resign':
        if (effect.record !== undefined) this.#election.resign(effect.record);
        return;
      case 'findStandbys': {
        const { term } = effect;
        return etcd.ask(
          this.process,
          CALL_WITHIN_MS,
          () => etcd.standbys(),
          (hosts) => this.take({ kind: 'standbys', term, hosts: hosts ?? [] }),
        );
      }
      case 'reply': {
        const answered = this.#waiting.get(effect.request);
        this.#waiting.delete(effect.request);
        return answered?.(effect.answer);
      }
      case 'log':
        return trace.log(this.name, () => `${effect.reason.code} ${JSON.stringify(effect.reason.evidence)}`);
      default:
        return assertNever(effect);
    }
  }

  /** What becomes of a write in etcd, and whether that is what its controller still expects. */
  #written(write: Write): { readonly revision: Revision | undefined } {
    const { etcd, truth } = this.#deps;
    const elected = etcd.look().holder;
    const revision = etcd.write(write);
    if (revision === undefined) return { revision };
    truth.writtenBy(this.name, elected?.controller);
    const { role, clusters } = this.#state;
    const isStillActive = this.process.isAlive && role.kind === 'active' && etcd.isElected(role.term);
    if (isStillActive) truth.landed(write.plan, clusters[write.plan.cluster]?.write?.write.plan);
    return { revision };
  }

  #later(input: Input): void {
    this.process.after(STORE_RETRY_MS, () => this.take(input));
  }
}
