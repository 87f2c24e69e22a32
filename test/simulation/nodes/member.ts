/** One member: its machine, its disk with the agent's memory, its database, and the guard and agent that stand beside it now. */
import type { Directive } from '#core/directive.js';
import type { VouchAnswer, VouchQuestion } from '#core/vouch.js';
import type { PlanMember } from '#core/plan.js';
import type { Position } from '#core/position.js';
import type { Standing } from '#core/standing.js';
import type { AgentState, DurableState, Input } from '#agent/decide/state.js';
import { beginning } from '#agent/memory.js';
import type { GuardOrder } from '#agent/ports/guard.js';
import { timingsOf } from '#core/timings.js';
import type { Truth } from '#test/simulation/checks/truth.js';
import type { Database } from '#test/simulation/models/database.js';
import { addressOf, type EngineMistakes, type Troubles } from '#test/simulation/models/engine.js';
import type { Entry } from '#test/simulation/models/log.js';
import { Guard, type GuardMistakes } from '#test/simulation/models/guard.js';
import type { Host, Process } from '#test/simulation/world/host.js';
import type { Random } from '#test/simulation/world/random.js';

const GUARD_STARTS_MS = 80;
const LOOK_AFTER_GUARD_MS = 250;
const GUARD_SILENT_MS = 2000;

export interface MemberMistakes extends EngineMistakes {
  readonly guardTrustsAgent?: boolean;
  /** What its disk refused to keep it answers for all the same. */
  readonly forgetsWhatIsRefused?: boolean;
}

/** The agent process that stands beside it now. */
export interface RunningAgent {
  readonly member: Member;
  readonly process: Process;
  readonly incarnation: string;
  readonly state: AgentState;
  /** Undefined: nobody answers. */
  standing(): Standing | undefined;
  take(input: Input): void;
  hear(controller: string, directive: Directive): void;
  readTail(from: Position, epoch: bigint): readonly Entry[] | undefined;
  vouch(question: VouchQuestion, answered: (answer: VouchAnswer) => void): void;
  shutDown(): void;
}

export class Member {
  readonly name: string;
  readonly host: Host;
  readonly db: Database;
  readonly troubles: Troubles = {
    slowPromotion: 0,
    refusedPromotion: 0,
    stubbornFence: 0,
    failedRewind: 0,
    tornRewind: 0,
  };
  readonly mistakes: MemberMistakes;
  agent: RunningAgent | undefined;
  guard: Guard | undefined;
  stored: DurableState;
  hasForgotten = false;
  /** When agent and guard were last seen alive, for the checks. */
  agentSeenAt = 0;
  guardSeenAt = 0;
  /** When neither of them ran last. */
  unguardedAt = Number.NEGATIVE_INFINITY;
  readonly #random: Random;
  readonly #truth: Truth;
  #wanted: GuardOrder | undefined;
  #isStartingGuard = false;
  #guardStoppedSince: number | undefined;

  constructor(
    cluster: string,
    name: string,
    host: Host,
    db: Database,
    random: Random,
    truth: Truth,
    mistakes: MemberMistakes,
  ) {
    this.name = name;
    this.host = host;
    this.db = db;
    this.mistakes = mistakes;
    this.#random = random;
    this.#truth = truth;
    this.stored = this.#beginning(cluster);
  }

  #beginning(cluster: string): DurableState {
    const place = { cluster, member: this.name, hostId: this.host.name };
    return beginning(place, { dataId: this.db.keptDataId, copyId: undefined }, this.#random.word());
  }

  /**
   * The memory is gone, torn, or was written beside another copy of the data: whoever starts next begins anew and knows that there was
   * one before (`agent/memory.ts`, E5).
   */
  forget(): void {
    this.stored = this.#beginning(this.stored.cluster);
    this.hasForgotten = true;
  }

  get planMember(): PlanMember {
    return {
      name: this.name,
      identity: this.stored.identity,
      agentAddress: `${this.name}:7500`,
      databaseHost: this.name,
      databasePort: 5432,
    };
  }

  /** Looks whether anybody is left who would close the database (not promised under async once both are gone). */
  look(): void {
    const { now } = this.host.timeline;
    this.db.ableAt();
    if (this.agent?.process.isAlive === true) this.agentSeenAt = now;
    if (this.guard?.process.isAlive === true) this.guardSeenAt = now;
    if (this.agent?.process.isRunning !== true && this.guard?.process.isRunning !== true)
      this.unguardedAt = now;
  }

  get address(): string {
    return addressOf(this.name);
  }

  /** One write of the agent's memory. An agent killed meanwhile may have written it or not. */
  store(agent: RunningAgent, durable: DurableState, done: (isStored: boolean) => void): void {
    const { disk } = this.db;
    let isOver = false;
    const write = (): void => {
      this.#truth.persisted(this.name, this.stored, durable);
      this.stored = durable;
    };
    agent.process.onExit(() => {
      if (isOver) return;
      isOver = true;
      if (this.host.isUp && !disk.refusesMemory && this.#random.chance(0.5)) write();
    });
    this.host.timeline.after(disk.fsyncMs(), () => {
      if (isOver) return;
      agent.process.receive(() => {
        if (isOver) return;
        isOver = true;
        if (!disk.refusesMemory) write();
        done(!disk.refusesMemory);
      });
    });
  }

  // The guard, as the agent's adapter keeps it.

  takeOverGuard(): GuardOrder | undefined {
    this.#wanted = this.guard?.process.isRunning === true ? this.guard.order : undefined;
    return this.#wanted;
  }

  keepGuard(agent: RunningAgent): void {
    const { guard } = this;
    if (agent !== this.agent || !agent.process.isAlive) return;
    agent.process.after(LOOK_AFTER_GUARD_MS, () => this.#tendGuard(agent));
    if (guard?.process.isAlive === true) this.armGuard(agent, this.#wanted ?? guard.order);
    else this.#startGuard(agent);
  }

  armGuard(agent: RunningAgent, order: GuardOrder | undefined): void {
    if (order !== undefined) this.#wanted = order;
    const { guard } = this;
    if (guard === undefined) return;
    this.host.timeline.after(0.3, () => {
      guard.process.receive(() => {
        if (order !== undefined) guard.arm(order);
        agent.process.receive(() => {
          if (guard === this.guard) agent.take({ kind: 'guard-standing', order: guard.order });
        });
      });
    });
  }

  dismissGuard(): void {
    this.guard?.process.kill();
    this.guard = undefined;
    this.#wanted = undefined;
  }

  #tendGuard(agent: RunningAgent): void {
    if (agent !== this.agent) return;
    const { guard } = this;
    const { now } = this.host.timeline;
    agent.process.after(LOOK_AFTER_GUARD_MS, () => this.#tendGuard(agent));
    if (guard?.process.isAlive === true) {
      if (!guard.process.isStopped) {
        this.#guardStoppedSince = undefined;
        return;
      }
      this.#guardStoppedSince ??= now;
      if (now - this.#guardStoppedSince < GUARD_SILENT_MS) return;
      guard.process.kill();
    }
    if (!this.#isStartingGuard) this.#startGuard(agent);
  }

  #startGuard(agent: RunningAgent): void {
    this.#isStartingGuard = true;
    this.#guardStoppedSince = undefined;
    agent.process.onExit(() => (this.#isStartingGuard = false));
    agent.process.after(GUARD_STARTS_MS, () => {
      this.#isStartingGuard = false;
      if (agent !== this.agent || this.guard?.process.isAlive === true) return;
      const profile = this.stored.plan?.policy.profile ?? 'balanced';
      const mistakes: GuardMistakes =
        this.mistakes.guardTrustsAgent === true
          ? { trustsTheAgent: () => this.agent?.process.isAlive === true }
          : {};
      const guard = new Guard(this.host, this.db, timingsOf(profile).fenceMs, mistakes);
      this.guard = guard;
      guard.process.onExit(() => {
        const now = this.agent;
        if (now?.process.isAlive !== true) return;
        now.process.after(1, () => {
          if (guard === this.guard) now.take({ kind: 'guard-lost', text: 'it ended' });
        });
      });
      this.armGuard(agent, this.#wanted);
    });
  }
}
