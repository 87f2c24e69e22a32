/**
 * The sessions between agents and controllers. In fair weather each is a connection: in order, nothing lost until it ends. A cut is noticed
 * by either side only after a while. In foul weather messages are lost, doubled and overtaken.
 */
import type { Directive } from '#core/directive.js';
import type { Report } from '#core/report.js';
import type { RunningAgent } from '#test/simulation/nodes/member.js';
import type { ControllerNode } from '#test/simulation/nodes/controller.js';
import type { Network } from '#test/simulation/world/network.js';
import type { Random } from '#test/simulation/world/random.js';
import type { Timeline } from '#test/simulation/world/timeline.js';

const SWEEP_MS = 50;
/** Of an agent that was heard so lately nobody takes the name. */
const NAME_HELD_MS = 1500;

interface Session {
  readonly agent: RunningAgent;
  readonly controller: ControllerNode;
  cutSince: number | undefined;
  readonly patienceMs: number;
  heardAt: number;
  upArrivesAt: number;
  downArrivesAt: number;
}

export interface SessionDeps {
  readonly timeline: Timeline;
  readonly network: Network;
  readonly random: Random;
  readonly cluster: string;
  readonly agents: () => readonly RunningAgent[];
  readonly controllers: () => readonly ControllerNode[];
}

export class Sessions {
  readonly #deps: SessionDeps;
  readonly #open = new Map<string, Session>();

  constructor(deps: SessionDeps) {
    this.#deps = deps;
    this.#sweep();
  }

  report(agent: RunningAgent, controller: string, report: Report): void {
    const session = this.#open.get(`${agent.member.name} ${controller}`);
    if (session?.agent !== agent) return;
    const { network } = this.#deps;
    const { process } = session.controller;
    const arrive = (): void =>
      process.receive(() => {
        if (!this.#isOpen(session)) return;
        session.heardAt = this.#deps.timeline.now;
        session.controller.take({
          kind: 'agent-report',
          cluster: this.#deps.cluster,
          member: agent.member.name,
          report,
          receivedAt: process.host.waitingNow(),
        });
      });
    if (!this.#isFair()) return network.send(agent.process.host, process.host, arrive);
    session.upArrivesAt = this.#inOrder(agent.process.host, process.host, session.upArrivesAt, arrive);
  }

  direct(controller: ControllerNode, member: string, directive: Directive): void {
    const session = this.#open.get(`${member} ${controller.name}`);
    if (session?.controller !== controller) return;
    const { network } = this.#deps;
    const { process } = session.agent;
    const arrive = (): void =>
      process.receive(() => {
        if (this.#isOpen(session)) session.agent.hear(controller.name, directive);
      });
    if (!this.#isFair()) return network.send(controller.process.host, process.host, arrive);
    session.downArrivesAt = this.#inOrder(
      controller.process.host,
      process.host,
      session.downArrivesAt,
      arrive,
    );
  }

  refuse(controller: ControllerNode, member: string, code: string): void {
    const session = this.#open.get(`${member} ${controller.name}`);
    if (session?.controller !== controller) return;
    session.agent.take({ kind: 'refused', controller: controller.name, code, text: 'refused' });
  }

  #isFair(): boolean {
    const { loss, duplication } = this.#deps.network.weather;
    return loss === 0 && duplication === 0;
  }

  #inOrder(
    from: RunningAgent['process']['host'],
    to: RunningAgent['process']['host'],
    after: number,
    arrive: () => void,
  ): number {
    const { network, timeline } = this.#deps;
    if (!network.isOpen(from, to)) return after;
    const at = Math.max(after, timeline.now + network.delay(from, to));
    timeline.at(at, () => {
      if (network.isOpen(from, to)) arrive();
    });
    return at;
  }

  #isOpen(session: Session): boolean {
    return this.#open.get(keyOf(session)) === session;
  }

  /** Opens and ends connections, as both sides keep trying to. */
  #sweep(): void {
    const { timeline, network, random } = this.#deps;
    const { now } = timeline;
    for (const [key, session] of this.#open) {
      const { agent, controller } = session;
      if (!agent.process.isAlive || !controller.process.isAlive) this.#close(key, session);
      else if (network.isOpenBothWays(agent.process.host, controller.process.host))
        session.cutSince = undefined;
      else {
        session.cutSince ??= now;
        if (now - session.cutSince > session.patienceMs) this.#close(key, session);
      }
    }
    const controllers = this.#deps.controllers();
    for (const agent of this.#deps.agents()) {
      if (!agent.process.isRunning) continue;
      for (const controller of controllers) {
        const key = `${agent.member.name} ${controller.name}`;
        const held = this.#open.get(key);
        if (held?.agent === agent || !controller.process.isRunning) continue;
        if (!network.isOpenBothWays(agent.process.host, controller.process.host)) continue;
        if (held === undefined) this.#connect(key, agent, controller, random);
        else this.#contest(key, held, agent, random);
      }
    }
    timeline.after(SWEEP_MS, () => this.#sweep());
  }

  /** Two agents under one name, as `controller/adapters/grpc/agents.ts` settles it. */
  #contest(key: string, held: Session, rival: RunningAgent, random: Random): void {
    const { controller } = held;
    if (this.#deps.timeline.now - held.heardAt < NAME_HELD_MS) {
      rival.take({ kind: 'refused', controller: controller.name, code: 'NAME_TAKEN', text: 'refused' });
      return;
    }
    this.#close(key, held);
    this.#connect(key, rival, controller, random);
  }

  #connect(key: string, agent: RunningAgent, controller: ControllerNode, random: Random): void {
    this.#open.set(key, {
      agent,
      controller,
      cutSince: undefined,
      patienceMs: random.between(1000, 2500),
      heardAt: this.#deps.timeline.now,
      upArrivesAt: 0,
      downArrivesAt: 0,
    });
    controller.take({
      kind: 'agent-connected',
      cluster: this.#deps.cluster,
      member: agent.member.planMember,
      incarnation: agent.incarnation,
      host: agent.member.host.name,
      engine: undefined,
    });
    agent.take({ kind: 'controller-connected', controller: controller.name });
  }

  #close(key: string, session: Session): void {
    this.#open.delete(key);
    const { agent, controller } = session;
    controller.process.receive(() =>
      controller.take({
        kind: 'agent-disconnected',
        cluster: this.#deps.cluster,
        member: agent.member.name,
        incarnation: agent.incarnation,
      }),
    );
    agent.process.receive(() => agent.take({ kind: 'controller-disconnected', controller: controller.name }));
  }
}

const keyOf = ({ agent, controller }: Session): string => `${agent.member.name} ${controller.name}`;
