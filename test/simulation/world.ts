/** One cluster with all that it runs on, built from a seed. */
import { asDuration, type DurationMs } from '#core/brand.js';
import { isEnforceable } from '#core/durability.js';
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
import { drawEngine, kindOf, type SimulatedEngine } from '#test/simulation/models/kinds/index.js';
import type { EngineKind } from '#test/simulation/models/kinds/kind.js';
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

/** Where no write waits for a replica, two open leaders do harm at once; where each does, one replica too few. */
export type Waits = 'async' | 'confirmed' | 'any';

export interface Setting {
  readonly seed: number;
  readonly rules: Rules;
  readonly mistakes: MemberMistakes;
  readonly isTraced: boolean;
  /** No controller runs on the machine of a member. */
  readonly controllersApart: boolean;
  readonly waits: Waits;
  /** Undefined: drawn. */
  readonly engine: SimulatedEngine | undefined;
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
  readonly hosts: Host[];
  readonly members: Member[];
  /** Machines that were copied with disk and agent: two report under one name, until one of them is taken away. */
  readonly copies: Member[] = [];
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
  /** Damping: for how long after an automatic failover the next one is held. */
  readonly failoverWindowMs: DurationMs;
  readonly seed: number;
  readonly kind: EngineKind;
  readonly #setting: Setting;
  readonly #sessions: Sessions;
  readonly #random: Random;

  constructor(setting: Setting) {
    this.#setting = setting;
    const { seed } = setting;
    this.seed = seed;
    // Drawn apart, so that what else a seed is stays what it was.
    this.kind = kindOf(setting.engine ?? drawEngine(Random.of(seed, 'engine')));
    const shape = Random.of(seed, 'shape');
    this.#random = Random.of(seed, 'processes');
    const { timeline } = this;
    this.trace = new Trace(timeline, setting.isTraced);
    this.truth = new Truth(timeline, this.trace);
    this.network = new Network(timeline, Random.of(seed, 'network'));
    const host = (name: string): Host => new Host(name, shape.pick(RATES), timeline, shape);
    this.profile = shape.pick(['fast', 'fast', 'fast', 'balanced', 'balanced']);
    const count = shape.pick([2, 3, 3, 3, 4]);
    // INV-9 is about leaders that wait for nobody: a write that waits for replicas may take longer for their sake.
    const durability = Random.of(seed, 'durability');
    const { name } = this.kind;
    const others = DURABILITIES.filter(
      (one) => (one !== ASYNC || setting.waits === 'any') && isEnforceable(name, one),
    );
    const isAsync =
      others.every(({ mode }) => mode === 'async') ||
      setting.waits === 'async' ||
      (setting.waits === 'any' && durability.chance(0.3));
    this.durability = isAsync ? ASYNC : durability.pick(others);
    // Mostly none: one failover after the other is what is tested.
    this.failoverWindowMs = asDuration(Random.of(seed, 'damping').pick([0, 0, 0, 0, 0, 1500, 6000]));
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
    this.truth.named = (name) => this.member(name).db;
    this.truth.isUnguarded = (db) => {
      const member = this.#beside(db);
      member.look();
      return this.timeline.now - member.unguardedAt < AFTER_UNGUARDED_MS;
    };
    this.truth.leads = (db) => this.#beside(db).agent?.standing()?.role === 'primary';
    this.truth.seenAlive = (db) => {
      const member = this.#beside(db);
      member.look();
      return { agent: member.agentSeenAt, guard: member.guardSeenAt };
    };
    this.controllers = this.controllerHosts.map(() => undefined);
    this.#sessions = new Sessions({
      timeline,
      network: this.network,
      random: Random.of(seed, 'sessions'),
      cluster: CLUSTER,
      agents: () => this.#all().flatMap(({ agent }) => agent ?? []),
      controllers: () => this.controllers.flatMap((controller) => controller ?? []),
    });
    this.#bringUp();
    this.clients = [0, 1].map(
      (key) =>
        new Client(
          key,
          clientHost,
          this.truth.databases,
          this.network,
          Random.of(seed, `client ${key}`),
          this.history,
          60,
        ),
    );
    this.#watchTheLiving();
  }

  /** Of two with one name, whom the plan in etcd means. */
  member(name: string): Member {
    const named = this.#all().filter((member) => member.name === name);
    const planned =
      named.length > 1 ? this.etcd.plan(CLUSTER)?.members.find((one) => one.name === name) : undefined;
    const found = named.find(({ stored }) => stored.identity === planned?.identity) ?? named[0];
    if (found === undefined) throw new Error(`no member ${name}`);
    return found;
  }

  #all(): readonly Member[] {
    return this.copies.length === 0 ? this.members : [...this.members, ...this.copies];
  }

  #beside(db: Database): Member {
    return this.#all().find((member) => member.db === db) ?? this.member(db.name);
  }

  /** With its disk, under its name, on a machine of its own. Its agent finds another machine around a memory that it cannot use (E5). */
  copy(member: Member): Member {
    const random = Random.of(this.seed, `copy ${this.timeline.now}`);
    const host = new Host(`${member.host.name}'`, member.host.rate, this.timeline, random);
    const db = this.#makeDatabase(member.name, this.members.indexOf(member), host, random);
    db.log.copy(member.db.log);
    const copy = new Member(CLUSTER, member.name, host, db, random, this.truth, this.#setting.mistakes);
    copy.forget();
    this.hosts.push(host);
    this.truth.databases.push(db);
    this.copies.push(copy);
    db.start(10);
    return copy;
  }

  /** One of the two is taken away for good: the one that the plan does not mean. */
  settle(copy: Member): void {
    if (!this.copies.includes(copy)) return;
    const kept = this.member(copy.name);
    const index = this.members.findIndex(({ name }) => name === copy.name);
    const gone = kept === copy ? this.members[index] : copy;
    this.copies.splice(this.copies.indexOf(copy), 1);
    this.members[index] = kept;
    if (gone === undefined || gone === kept) return;
    gone.agent?.process.kill();
    gone.db.kill('crashed');
    gone.dismissGuard();
    this.truth.databases.splice(this.truth.databases.indexOf(gone.db), 1);
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
    const isGone = !this.#all().includes(member);
    if (isGone || !member.host.isUp || member.agent?.process.isAlive === true) return;
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
    const random = Random.of(this.#setting.seed, `router of ${name}`);
    this.controllers[index] = new ControllerNode(name, host, {
      cluster: CLUSTER,
      router: random.chance(0.5) ? { name: 'r', takesMs: () => random.pick([2, 50, 900, 3000]) } : undefined,
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
    return new Member(
      CLUSTER,
      name,
      host,
      this.#makeDatabase(name, index, host, random),
      random,
      this.truth,
      mistakes,
    );
  }

  #makeDatabase(name: string, index: number, host: Host, random: Random): Database {
    const log = this.kind.newLog(DATA_ID, index, Random.of(this.seed, 'log'));
    const db = new Database(name, host, new Disk(this.timeline, random), this.kind, log, {
      network: this.network,
      random,
      witness: this.truth,
      find: (other) => this.member(other).db,
    });
    db.confirmsUnwritten = this.#setting.mistakes.confirmsUnwritten === true;
    return db;
  }

  /** As `adopt` finds it: a leader that serves, replicas that stream from it. */
  #bringUp(): void {
    const [leader, ...replicas] = this.members;
    if (leader === undefined) throw new Error('a cluster has a member');
    leader.db.startOpen();
    for (const { db } of replicas) {
      db.start(0);
      db.follow(leader.planMember);
    }
    for (const { db } of this.members) db.bootsOpen = this.#setting.mistakes.bootsOpen === true;
    for (const member of this.members) this.startAgent(member);
    for (const index of this.controllerHosts.keys()) this.startController(index);
  }

  /** Agent to agent: one question, one answer, or none in time. */
  #askVouch(from: AgentNode, of: PlanMember, question: VouchQuestion, withinMs: number): void {
    const other = this.member(of.name);
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
    const member = this.member(address.slice(0, address.indexOf(':')));
    const { agent } = member;
    if (agent?.process.isAlive !== true) return undefined;
    return {
      host: member.host,
      process: agent.process,
      readTail: (from, epoch) => agent.readTail(from, epoch),
    };
  }

  #watchTheLiving(): void {
    for (const member of this.#all()) member.look();
    this.timeline.after(100, () => this.#watchTheLiving());
  }
}
