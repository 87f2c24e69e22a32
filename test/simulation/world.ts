/** One cluster with all that it runs on, built from a seed. */
import type { Rules } from '#core/rules/index.js';
import type { ProfileName } from '#core/timings.js';
import type { PlanMember } from '#core/plan.js';
import type { DurabilityPolicy } from '#core/policy.js';
import type { VouchQuestion } from '#core/vouch.js';
import type { Append } from '#test/history/append-history.js';
import { Trace } from '#test/simulation/checks/trace.js';
import { Truth } from '#test/simulation/checks/truth.js';
import { Client } from '#test/simulation/load/clients.js';
import { Database } from '#test/simulation/models/database.js';
import { Disk } from '#test/simulation/models/disk.js';
import type { Peer } from '#test/simulation/models/engine.js';
import { Etcd } from '#test/simulation/models/etcd.js';
import { AgentNode } from '#test/simulation/nodes/agent.js';
import { ControllerNode } from '#test/simulation/nodes/controller.js';
import { Member, type MemberMistakes } from '#test/simulation/nodes/member.js';
import { Sessions } from '#test/simulation/nodes/sessions.js';
import { Host } from '#test/simulation/world/host.js';
import { Network } from '#test/simulation/world/network.js';
import { Random } from '#test/simulation/world/random.js';
import { Timeline } from '#test/simulation/world/timeline.js';

export interface Setting {
  readonly seed: number;
  readonly rules: Rules;
  readonly mistakes: MemberMistakes;
  readonly isTraced: boolean;
  /** No controller runs on the machine of a member. */
  readonly controllersApart: boolean;
  /** No write waits for a replica. */
  readonly isAsync: boolean;
}

export const CLUSTER = 'c';
const DATA_ID = '7';
const AFTER_UNGUARDED_MS = 1500;
/** Just inside what is assumed of clocks (RHO). */
const ASYNC: DurabilityPolicy = { mode: 'async', acknowledgements: 0 };
export const DURABILITIES: readonly DurabilityPolicy[] = [
  ASYNC,
  { mode: 'available', acknowledgements: 1 },
  { mode: 'available', acknowledgements: 2 },
  { mode: 'strict', acknowledgements: 1 },
  { mode: 'strict', acknowledgements: 2 },
];
const RATES = [0.905, 0.97, 1, 1.03, 1.095] as const;

export class World {
  readonly timeline = new Timeline();
  readonly network: Network;
  readonly truth: Truth;
  readonly trace: Trace;
  readonly etcd: Etcd;
  readonly hosts: readonly Host[];
  readonly members: readonly Member[];
  readonly controllerHosts: readonly Host[];
  readonly controllers: (ControllerNode | undefined)[];
  readonly history: Append[] = [];
  readonly clients: readonly Client[];
  readonly profile: ProfileName;
  /** By how much shorter its troubles are. */
  haste = 1;
  /** How many restores of etcd wait for their generation: no controller is started meanwhile. */
  restoring = 0;
  readonly durability: DurabilityPolicy;
  readonly seed: number;
  readonly #setting: Setting;
  readonly #sessions: Sessions;
  readonly #random: Random;

  constructor(setting: Setting) {
    this.#setting = setting;
    const { seed } = setting;
    this.seed = seed;
    const shape = Random.of(seed, 'shape');
    this.#random = Random.of(seed, 'processes');
    const { timeline } = this;
    this.trace = new Trace(timeline, setting.isTraced);
    this.truth = new Truth(timeline, this.trace);
    this.network = new Network(timeline, Random.of(seed, 'network'));
    const host = (name: string): Host => new Host(name, shape.pick(RATES), timeline, shape);
    this.profile = shape.pick(['fast', 'fast', 'fast', 'balanced', 'balanced']);
    const count = shape.pick([2, 3, 3, 3, 4]);
    // Drawn apart, so that what else a seed is stays what it was.
    // INV-9 is about leaders that wait for nobody: a write that waits for replicas may take longer for their sake.
    const durability = Random.of(seed, 'durability');
    const isAsync = setting.isAsync || durability.chance(0.3);
    this.durability = isAsync ? ASYNC : durability.pick(DURABILITIES);
    const memberHosts = Array.from({ length: count }, (_, i) => host(`m${i + 1}`));
    const isShared = shape.chance(0.5) && !setting.controllersApart;
    const controllerCount = shape.pick([1, 2, 3, 3, 3]);
    this.controllerHosts = Array.from({ length: controllerCount }, (_, i) => {
      const shared = isShared ? memberHosts[i] : undefined;
      return shared ?? host(`k${i + 1}`);
    });
    const etcdHost = host('etcd');
    const clientHost = host('clients');
    this.hosts = [...new Set([...memberHosts, ...this.controllerHosts, etcdHost, clientHost])];
    this.etcd = new Etcd(etcdHost, this.network, timeline, Random.of(seed, 'etcd'), this.truth);
    this.members = memberHosts.map((where, i) => this.#makeMember(where, i));
    this.truth.databases.push(...this.members.map(({ db }) => db));
    this.truth.isUnguarded = (name) => {
      const member = this.member(name);
      member.look();
      return this.timeline.now - member.unguardedAt < AFTER_UNGUARDED_MS;
    };
    this.truth.seenAlive = (name) => {
      const member = this.member(name);
      member.look();
      return { agent: member.agentSeenAt, guard: member.guardSeenAt };
    };
    this.controllers = this.controllerHosts.map(() => undefined);
    this.#sessions = new Sessions({
      timeline,
      network: this.network,
      random: Random.of(seed, 'sessions'),
      cluster: CLUSTER,
      agents: () => this.members.flatMap(({ agent }) => agent ?? []),
      controllers: () => this.controllers.flatMap((controller) => controller ?? []),
    });
    this.#bringUp();
    const databases = this.members.map(({ db }) => db);
    this.clients = [0, 1].map(
      (key) =>
        new Client(
          key,
          clientHost,
          databases,
          this.network,
          Random.of(seed, `client ${key}`),
          this.history,
          60,
        ),
    );
    this.#watchTheLiving();
  }

  member(name: string): Member {
    const found = this.members.find((member) => member.name === name);
    if (found === undefined) throw new Error(`no member ${name}`);
    return found;
  }

  /** Whom the plan in etcd names. */
  leader(): Member | undefined {
    const plan = this.etcd.plan(CLUSTER);
    return plan === undefined ? undefined : this.member(plan.leader);
  }

  active(): ControllerNode | undefined {
    return this.controllers.find(
      (controller) => controller?.isActive === true && !controller.process.isStopped,
    );
  }

  startAgent(member: Member): void {
    if (!member.host.isUp || member.agent?.process.isAlive === true) return;
    this.trace.log(member.name, () => 'agent starts');
    new AgentNode(member, member.stored, {
      controllers: this.controllerHosts.map((_, i) => `k${i + 1}`),
      rules: this.#setting.rules,
      truth: this.truth,
      trace: this.trace,
      random: this.#random,
      send: (from, controller, report) => {
        this.truth.saysFenced(from.member.db, report.fencedEpoch);
        this.#sessions.report(from, controller, report);
      },
      askVouch: (from, of, question, withinMs) => this.#askVouch(from, of, question, withinMs),
      findPeer: (address) => this.#findPeer(address),
    });
  }

  startController(index: number): void {
    const host = this.controllerHosts[index];
    const known = this.controllers[index];
    if (host?.isUp !== true || known?.process.isAlive === true || this.restoring > 0) return;
    const name = `k${index + 1}`;
    this.trace.log(name, () => 'controller starts');
    this.controllers[index] = new ControllerNode(name, host, {
      etcd: this.etcd,
      rules: this.#setting.rules,
      truth: this.truth,
      trace: this.trace,
      send: (from, member, directive) => this.#sessions.direct(from, member, directive),
      refuse: (from, member, code) => this.#sessions.refuse(from, member, code),
    });
  }

  #makeMember(host: Host, index: number): Member {
    const { seed, mistakes } = this.#setting;
    const name = `m${index + 1}`;
    const random = Random.of(seed, `member ${name}`);
    const disk = new Disk(this.timeline, random);
    const db = new Database(name, host, disk, DATA_ID, {
      network: this.network,
      random,
      witness: this.truth,
      find: (other) => this.members.find((member) => member.name === other)?.db,
    });
    return new Member(CLUSTER, name, host, db, random, this.truth, mistakes);
  }

  /** As `adopt` finds it: a leader that serves, replicas that stream from it. */
  #bringUp(): void {
    const [leader, ...replicas] = this.members;
    if (leader === undefined) throw new Error('a cluster has a member');
    leader.db.bootClosed = false;
    leader.db.start(0);
    for (const { db } of replicas) {
      db.start(0);
      db.follow(leader.planMember);
    }
    for (const member of this.members) this.startAgent(member);
    for (const index of this.controllerHosts.keys()) this.startController(index);
  }

  /** Agent to agent: one question, one answer, or none in time. */
  #askVouch(from: AgentNode, of: PlanMember, question: VouchQuestion, withinMs: number): void {
    const other = this.members.find(({ planMember }) => planMember.agentAddress === of.agentAddress);
    if (other === undefined) return;
    let isOver = false;
    from.process.after(withinMs, () => (isOver = true));
    this.network.send(from.process.host, other.host, () => {
      const { agent } = other;
      agent?.process.receive(() =>
        agent.vouch(question, (answer) =>
          this.network.send(other.host, from.process.host, () =>
            from.process.receive(() => {
              if (!isOver) from.take({ kind: 'vouched', member: of.name, ...answer });
            }),
          ),
        ),
      );
    });
  }

  #findPeer(address: string): Peer | undefined {
    const member = this.members.find(({ planMember }) => planMember.agentAddress === address);
    const agent = member?.agent;
    if (member === undefined || agent?.process.isAlive !== true) return undefined;
    return {
      host: member.host,
      process: agent.process,
      readTail: (from, epoch) => agent.readTail(from, epoch),
    };
  }

  #watchTheLiving(): void {
    for (const member of this.members) member.look();
    this.timeline.after(100, () => this.#watchTheLiving());
  }
}
