/** What can befall a cluster. Each fault ends by itself, and draws only from the stream that it is given. */
import { DURABILITIES, type World } from '#test/simulation/world.js';
import { CLUSTER } from '#test/simulation/world.js';
import type { Member, RunningAgent } from '#test/simulation/nodes/member.js';
import type { Troubles } from '#test/simulation/models/engine.js';
import type { Host, Process } from '#test/simulation/world/host.js';
import type { Random } from '#test/simulation/world/random.js';
import { NO_AMBIGUITY } from '#test/simulation/models/etcd.js';
import { asDuration, NO_EPOCH } from '#core/brand.js';
import type { OperatorCommand } from '#core/operator.js';
import { comparePlans, isProved } from '#core/plan.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { timingsOf } from '#core/timings.js';

/** Does it, and says what it did; undefined: there was nothing to do it to. */
export type Fault = (world: World, random: Random) => string | undefined;

/** Killed, and back before anybody misses them: what they remember is on their disks. */
function restartReplicas(world: World, random: Random): void {
  for (const member of world.members) {
    if (member === world.leader()) continue;
    member.agent?.process.kill();
    restartAgent(world, member, random.between(20, 300));
  }
}

const someone = (world: World, random: Random): Member => {
  const leader = world.leader();
  return leader !== undefined && random.chance(0.6) ? leader : random.pick(world.members);
};

const replica = (world: World, random: Random): Member | undefined => {
  const leader = world.leader();
  const others = world.members.filter((member) => member !== leader);
  return others.length === 0 ? undefined : random.pick(others);
};

function stopFor(world: World, processes: readonly (Process | undefined)[], ms: number): void {
  for (const process of processes) {
    if (process?.isRunning !== true) continue;
    process.stop();
    world.timeline.after(ms, () => process.goOn());
  }
}

/** More likely for a while; what else makes it likely comes and goes by itself. */
function trouble(
  world: World,
  members: readonly Member[],
  kind: keyof Troubles,
  by: number,
  ms: number,
): void {
  for (const { troubles } of members) {
    troubles[kind] += by;
    world.timeline.after(ms, () => (troubles[kind] -= by));
  }
}

/** Stopped between deciding to open and doing it, until somebody else has opened in its place. */
function stopBeforeItOpens(world: World, { member, process, state }: RunningAgent, random: Random): void {
  const { timeline, members, trace } = world;
  const { openingEpoch } = state.durable;
  trace.log('FAULT', () => `${member.name} is stopped before it opens`);
  process.stop();
  const until = timeline.now + 15_000;
  const look = (): void => {
    const isSucceeded = members.some(
      ({ db }) => db.role === 'writable' && (db.openedAt ?? NO_EPOCH) > openingEpoch,
    );
    if (!isSucceeded && timeline.now < until) return void timeline.after(20, look);
    timeline.after(random.between(0, 200), () => {
      // Its fence would mostly be over before its promotion is.
      trouble(world, [member], 'stubbornFence', 1, 60);
      process.goOn();
    });
  };
  look();
}

/** It is back after a while, or at the worst moment: when its successor is about to be written. */
function awayUntilGivenUp(world: World, heir: Member, random: Random): void {
  const { timeline } = world;
  const process = heir.agent?.process;
  if (process === undefined) return;
  const until = timeline.now + random.between(1000, 14_000);
  if (random.chance(0.7)) return cutOffUntilGivenUp(world, heir, random.chance(0.7), until);
  process.stop();
  untilGivenUp(world, heir, random.chance(0.7), until, () => process.goOn());
}

function cutOffUntilGivenUp(world: World, heir: Member, isWatchful: boolean, until: number): void {
  const { network, hosts } = world;
  // From the others as well: vouched for, it would open.
  const others = hosts.filter((host) => host !== heir.host && host.name !== 'clients');
  for (const host of others) network.cutBothWays(heir.host, host);
  untilGivenUp(world, heir, isWatchful, until, () => {
    for (const host of others) network.mendBothWays(heir.host, host);
  });
}

function untilGivenUp(
  world: World,
  heir: Member,
  isWatchful: boolean,
  until: number,
  comeBack: () => void,
): void {
  const { timeline, etcd, trace } = world;
  const epoch = etcd.plan(CLUSTER)?.epoch ?? NO_EPOCH;
  const look = (): void => {
    const written = world.active()?.state.clusters[CLUSTER]?.write?.write.plan.epoch ?? NO_EPOCH;
    const isWritten = isWatchful && written > epoch;
    if (!isWritten && timeline.now < until) return void timeline.after(10, look);
    trace.log('FAULT', () => `${heir.name} is back${isWritten ? ', its successor is being written' : ''}`);
    comeBack();
  };
  look();
}

function restartAgent(world: World, member: Member, afterMs: number): void {
  world.timeline.after(afterMs, () => world.startAgent(member));
}

function crashHost(world: World, host: Host, random: Random, ms = random.between(500, 6000)): void {
  host.crash();
  world.network.changed();
  world.timeline.after(ms, () => bootHost(world, host, random));
}

export function bootHost(world: World, host: Host, random: Random): void {
  if (host.isUp) return;
  host.boot(random);
  world.network.changed();
  for (const member of world.members) {
    if (member.host !== host) continue;
    if (random.chance(0.5)) member.db.start(random.between(10, 200));
    restartAgent(world, member, random.between(50, 1500));
  }
  for (const [index, where] of world.controllerHosts.entries()) {
    if (where === host) world.timeline.after(random.between(50, 1000), () => world.startController(index));
  }
}

function cutFor(
  world: World,
  from: readonly Host[],
  to: readonly Host[],
  ms: number,
  isOneWay: boolean,
): void {
  for (const a of from) {
    for (const b of to) {
      if (a === b) continue;
      if (isOneWay) world.network.cut(a, b);
      else world.network.cutBothWays(a, b);
      world.timeline.after(ms, () => {
        if (isOneWay) world.network.mend(a, b);
        else world.network.mendBothWays(a, b);
      });
    }
  }
}

function operator(world: World, random: Random): string | undefined {
  const active = world.active();
  if (active === undefined) return undefined;
  const to = random.chance(0.5) ? random.pick(world.members).name : undefined;
  const by = 'ops';
  const member = random.pick(world.members).name;
  const forMs = asDuration(random.pick([1500, 4000, 10_000]));
  const command = random.pick<OperatorCommand>([
    { kind: 'hold', forMs, by },
    { kind: 'hold', forMs, by },
    { kind: 'endHold', by },
    { kind: 'switchover', to, by },
    { kind: 'switchover', to, by },
    { kind: 'switchover', to, by },
    { kind: 'failover', to, by, acceptLoss: false, leaderIsOff: false },
    { kind: 'pause', by },
    { kind: 'resume', by },
    { kind: 'resume', by },
    { kind: 'maintenance', member, on: random.chance(0.4), by },
    { kind: 'reinit', member, from: to, waiveSalvage: false, by },
    { kind: 'reinit', member, from: to, waiveSalvage: false, by },
    {
      kind: 'setPolicy',
      policy: {
        ...DEFAULT_POLICY,
        profile: world.profile,
        durability: random.pick([world.durability, ...DURABILITIES]),
        onCrash: random.pick(['failover', 'restart-first']),
      },
      by,
    },
  ]);
  active.operate(CLUSTER, command, () => undefined);
  return `${command.kind}${'to' in command ? ` to ${command.to ?? 'anybody'}` : ''}`;
}

/** Long enough for what waits for leases to happen meanwhile. */
const long = (_: World, random: Random): number => random.between(3000, 9000);

/** From a hiccup to more than a lease and a promise. A hasty world has its troubles over sooner, and so more of them. */
const short = ({ haste }: World, random: Random): number =>
  haste * random.pick([random.between(20, 400), random.between(400, 3000), random.between(3000, 7000)]);

/** Not promised: an epoch that etcd loses, and whose leader has forgotten it too. */
function isRemembered({ members }: World): boolean {
  const opened = members.map(({ db }) => db.log.durableMark()?.epoch ?? NO_EPOCH);
  const known = members.map(({ stored }) => stored.plan?.epoch ?? NO_EPOCH);
  return opened.every((epoch) => known.some((one) => one >= epoch));
}

/**
 * Whether a restore loses nothing, or every member's plan tells of it. Otherwise a controller that runs on, and hears nobody who knows more than the
 * backup does, decides by it: that is not promised (safety.md).
 */
function isFoundOut({ etcd, members }: World): boolean {
  const [restored, lost] = [etcd.backedUpPlan(CLUSTER), etcd.plan(CLUSTER)];
  if (restored === undefined || lost === undefined) return restored === lost;
  if (comparePlans(lost, restored) === 0) return true;
  return members.every(({ stored: { plan } }) => plan !== undefined && comparePlans(plan, restored) > 0);
}

/** Stopped for longer than the election's TTL, as replacing a data directory takes: no controller's authority outlives that. */
function restoreEtcd(world: World, random: Random, areStopped: boolean): string {
  const { etcd, timeline, trace } = world;
  etcd.backUp();
  const raise = (): void => {
    trace.log('OPERATOR', () => 'raises the generation');
    etcd.raiseGeneration();
    if (!areStopped) return;
    world.restoring -= 1;
    for (const index of world.controllers.keys()) world.startController(index);
  };
  timeline.after(short(world, random), () => {
    if (!isRemembered(world) || !(areStopped || isFoundOut(world))) return;
    trace.log('FAULT', () => `etcd is restored${areStopped ? '' : ' under its controllers'}`);
    // As operations.md has it: controllers are stopped first, and start once the generation is raised.
    if (areStopped) {
      world.restoring += 1;
      for (const controller of world.controllers) controller?.process.kill();
    }
    const stoppedMs = random.between(2000, 4000);
    etcd.restore(stoppedMs);
    timeline.after(stoppedMs + random.between(1000, 8000), raise);
  });
  return 'etcd is backed up';
}

/** An administrator's stop waits for receivers that take nothing for as long as their senders do (wal_sender_timeout). */
const SENDER_GIVES_UP_MS = 60_000;

export const FAULTS = {
  'database-killed': (world, random) => {
    const { db, name } = someone(world, random);
    db.kill('crashed', random.chance(0.3) ? random.between(20, 1500) : 0);
    return name;
  },
  'database-stopped': (world, random) => {
    const { db, name } = someone(world, random);
    stopFor(world, [db.server], short(world, random));
    return name;
  },
  'database-shut-down': (world, random) => {
    const { db, name } = someone(world, random);
    db.shutDown('stopped', random.between(5, 200), SENDER_GIVES_UP_MS, () => undefined);
    return name;
  },
  'database-restarted-by-somebody': (world, random) => {
    const { db, name } = someone(world, random);
    db.kill('crashed');
    world.timeline.after(random.between(1, 300), () => db.start(random.between(5, 100)));
    return name;
  },
  'disk-stalled': (world, random) => {
    const { db, name } = someone(world, random);
    db.disk.stalledUntil = world.timeline.now + short(world, random);
    return name;
  },
  'disk-full': (world, random) => {
    const member = someone(world, random);
    const { db, name } = member;
    db.disk.isFull = true;
    db.disk.refusesMemory = random.chance(0.5);
    world.timeline.after(short(world, random), () => {
      db.disk.isFull = false;
      db.disk.refusesMemory = false;
    });
    return name;
  },
  'memory-refused': (world, random) => {
    const member = someone(world, random);
    const { disk } = member.db;
    disk.refusesMemory = true;
    // What was answered for and not kept shows itself once the next agent reads what was.
    const isRestarted = random.chance(0.5);
    world.timeline.after(short(world, random), () => {
      if (isRestarted) {
        member.agent?.process.kill();
        restartAgent(world, member, random.between(20, 300));
      }
      disk.refusesMemory = false;
    });
    return member.name;
  },
  'agent-killed': (world, random) => {
    const member = someone(world, random);
    member.agent?.process.kill();
    restartAgent(world, member, short(world, random));
    return member.name;
  },
  'agent-stopped': (world, random) => {
    const { agent, name } = someone(world, random);
    stopFor(world, [agent?.process], short(world, random));
    return name;
  },
  'memory-lost': (world, random) => {
    const member = someone(world, random);
    // Of an epoch that etcd has lost nobody else may know: not promised.
    const { plan } = member.stored;
    if (plan !== undefined && plan.epoch > (world.etcd.plan(CLUSTER)?.epoch ?? 0n)) return undefined;
    member.agent?.process.kill();
    member.forget();
    restartAgent(world, member, short(world, random));
    return member.name;
  },
  'machine-copied': (world, random) => {
    const member = someone(world, random);
    if (world.copies.length > 0 || !member.host.isUp) return undefined;
    const copy = world.copy(member);
    // Where the original is away, the copy is heard in its place.
    if (random.chance(0.5)) member.agent?.process.kill();
    const until = world.timeline.now + long(world, random);
    const supervise = (): void => {
      if (world.timeline.now >= until) return world.settle(copy);
      for (const one of random.chance(0.5) ? [copy, member] : [member, copy]) world.startAgent(one);
      world.timeline.after(random.between(200, 500), supervise);
    };
    supervise();
    return member.name;
  },
  'agent-restarted': (world, random) => {
    const member = someone(world, random);
    member.agent?.shutDown();
    restartAgent(world, member, random.between(600, 1500));
    return member.name;
  },
  'guard-killed': (world, random) => {
    const { guard, name } = someone(world, random);
    guard?.process.kill();
    return name;
  },
  'guard-stopped': (world, random) => {
    const { guard, agent, name } = someone(world, random);
    // Both stopped together with a database that runs is not promised under async.
    if (agent?.process.isRunning !== true) return undefined;
    stopFor(world, [guard?.process], random.between(100, 1800));
    return name;
  },
  'database-and-agent-stopped': (world, random) => {
    const { db, agent, name } = someone(world, random);
    stopFor(world, [db.server, agent?.process], short(world, random));
    return name;
  },
  'database-and-agent-killed': (world, random) => {
    const member = someone(world, random);
    member.agent?.process.kill();
    member.db.kill('crashed');
    restartAgent(world, member, short(world, random));
    return member.name;
  },
  'host-stopped': (world, random) => {
    const { host, name } = someone(world, random);
    const ms = short(world, random);
    world.truth.standsStill(name, world.timeline.now + ms);
    stopFor(world, [...host.processes], ms);
    return name;
  },
  'host-asleep': (world, random) => {
    const { host, name } = someone(world, random);
    const ms = short(world, random);
    world.truth.standsStill(name, world.timeline.now + ms);
    host.sleep(ms);
    return name;
  },
  'host-lost': (world, random) => {
    const { host, name } = someone(world, random);
    crashHost(world, host, random);
    return name;
  },
  'leader-and-replica-lost': (world, random) => {
    const [leader, one] = [world.leader(), replica(world, random)];
    if (leader === undefined || one === undefined || leader.host === one.host) return undefined;
    const lost = [leader.host, one.host];
    const left = world.members.map(({ host }) => host).filter((host) => !lost.includes(host));
    // What is written last, these two only have.
    const cutMs = random.between(1, 300);
    cutFor(world, [leader.host], left, cutMs, false);
    const lostMs = long(world, random);
    world.timeline.after(cutMs, () => {
      for (const host of lost) if (host.isUp) crashHost(world, host, random, lostMs);
    });
    return `${leader.name} ${one.name}`;
  },
  'replay-paused': (world, random) => {
    const { db, name } = replica(world, random) ?? {};
    db?.pauseReplay(true);
    world.timeline.after(short(world, random), () => db?.pauseReplay(false));
    return name;
  },
  'replica-writes-by-itself': (world, random) => {
    const { db, name } = replica(world, random) ?? {};
    // An administrator's FLUSH, a MEMORY table found empty; or in a domain of its own, where nothing stands in its way.
    const domain = random.pick([0, 0, 9]);
    return db?.writeByItself(domain) === true ? `${name ?? ''} in domain ${domain}` : undefined;
  },
  'promotion-slow': (world, random) => {
    trouble(world, world.members, 'slowPromotion', 0.7, short(world, random) + 3000);
    return 'everywhere';
  },
  'promotion-refused': (world, random) => {
    const member = random.pick(world.members);
    trouble(world, [member], 'refusedPromotion', 1, short(world, random) + 2000);
    return member.name;
  },
  'fence-stubborn': (world, random) => {
    const member = someone(world, random);
    trouble(world, [member], 'stubbornFence', 0.5, short(world, random));
    return member.name;
  },
  'replica-copied-anew': (world, random) => {
    const plan = world.etcd.plan(CLUSTER);
    const replicas = world.members.filter(({ name }) => name !== plan?.leader);
    const [member, other] = [random.pick(replicas).name, random.pick(world.members).name];
    const from = random.chance(0.5) || other === member ? undefined : other;
    const command = { kind: 'reinit', member, from, waiveSalvage: false, by: 'ops' } as const;
    world.active()?.operate(CLUSTER, command, () => undefined);
    return `${member} from ${from ?? 'the leader'}`;
  },
  'rewind-fails': (world, random) => {
    trouble(world, world.members, 'failedRewind', 0.5, short(world, random) + 2000);
    trouble(world, world.members, 'tornRewind', 0.3, short(world, random) + 2000);
    return 'everywhere';
  },
  'controller-killed': (world, random) => {
    const index = random.int(world.controllers.length);
    world.controllers[index]?.process.kill();
    world.timeline.after(short(world, random), () => world.startController(index));
    return `k${index + 1}`;
  },
  'controllers-lost': (world, random) => {
    for (const [index, controller] of world.controllers.entries()) {
      controller?.process.kill();
      world.timeline.after(long(world, random), () => world.startController(index));
    }
    return 'all';
  },
  'controller-stopped': (world, random) => {
    const controller = world.active() ?? world.controllers[0];
    stopFor(world, [controller?.process], short(world, random));
    return controller?.name;
  },
  'controller-restarted': (world, random) => {
    const active = world.active();
    if (active === undefined) return undefined;
    const index = world.controllers.indexOf(active);
    active.shutDown();
    world.timeline.after(random.between(50, 2000), () => world.startController(index));
    return active.name;
  },
  'controller-cut-from-etcd': (world, random) => {
    const host = (world.active() ?? world.controllers[0])?.process.host;
    if (host === undefined) return undefined;
    cutFor(world, [host], [world.etcd.host], short(world, random), random.chance(0.3));
    return host.name;
  },
  'election-key-deleted': (world) => {
    world.etcd.deleteElectionKey();
    return 'etcd';
  },
  'etcd-leader-change': (world, random) => {
    world.etcd.changeLeader(short(world, random));
    return 'etcd';
  },
  'etcd-slow': (world, random) => {
    world.timeline.after(long(world, random), world.etcd.slowDown(random.pick([30, 200, 900])));
    return 'etcd';
  },
  'etcd-deaf': (world, random) => {
    world.etcd.ambiguity = { share: random.between(0.2, 0.6), ways: ['lost'] };
    world.timeline.after(long(world, random), () => (world.etcd.ambiguity = NO_AMBIGUITY));
    return 'etcd';
  },
  'etcd-late': (world, random) => {
    world.etcd.ambiguity = { share: random.between(0.2, 0.8), ways: ['late'] };
    world.timeline.after(long(world, random), () => (world.etcd.ambiguity = NO_AMBIGUITY));
    return 'etcd';
  },
  'etcd-restored': (world, random) => restoreEtcd(world, random, true),
  'etcd-restored-under-controllers': (world, random) => restoreEtcd(world, random, false),
  'etcd-ambiguous': (world, random) => {
    world.etcd.ambiguity = { share: random.between(0.1, 0.6), ways: ['lost', 'late', 'unanswered'] };
    world.timeline.after(short(world, random), () => (world.etcd.ambiguity = NO_AMBIGUITY));
    return 'etcd';
  },
  'leader-cut-from-controllers': (world, random) => {
    const leader = world.leader();
    if (leader === undefined) return undefined;
    cutFor(world, [leader.host], world.controllerHosts, short(world, random), random.chance(0.3));
    return leader.name;
  },
  'leader-and-active-isolated': (world, random) => {
    const [leader, active] = [world.leader(), world.active()];
    if (leader === undefined || active === undefined) return undefined;
    const together = [leader.host, active.process.host];
    const others = world.hosts.filter((host) => !together.includes(host) && host.name !== 'clients');
    // A successor waits for TTL and D_G once it is elected: so it lasts for longer, too.
    cutFor(world, together, others, random.between(3000, 15_000), false);
    return `${leader.name} ${active.name}`;
  },
  'leader-cut-off-by-and-by': (world, random) => {
    const leader = world.leader();
    if (leader === undefined) return undefined;
    const ms = random.between(500, 3000);
    // About a lease: some end while it still runs.
    const rest = random.pick([random.between(400, 1200), random.between(1000, 4000)]);
    const others = world.hosts.filter((host) => host !== leader.host && host.name !== 'clients');
    cutFor(world, [leader.host], world.controllerHosts, ms + rest, false);
    const isForgotten = random.chance(0.4);
    world.timeline.after(ms, () => {
      cutFor(world, [leader.host], others, rest, false);
      if (isForgotten) restartReplicas(world, random);
    });
    return leader.name;
  },
  'leader-cut-off-beside-a-stopped-guard': (world, random) => {
    const leader = world.leader();
    if (leader === undefined) return undefined;
    const others = world.hosts.filter((host) => host !== leader.host && host.name !== 'clients');
    cutFor(world, [leader.host], others, long(world, random), false);
    // About when its lease ends: its agent alone is left to close it.
    const { holdMs } = timingsOf(world.profile);
    world.timeline.after(holdMs * random.between(0.5, 0.9), () => {
      if (leader.agent?.process.isRunning === true) stopFor(world, [leader.guard?.process], 1800);
    });
    return leader.name;
  },
  'leader-killed-and-heir-stopped': (world, random) => {
    const { timeline } = world;
    const leader = world.leader();
    // With one that is eligible nobody is left to succeed the heir.
    if (leader === undefined || (world.etcd.plan(CLUSTER)?.eligible.length ?? 0) < 2) return undefined;
    leader.db.kill('crashed');
    const until = timeline.now + 5000;
    const look = (): void => {
      const { agent, stored } = world.leader() ?? leader;
      // Decided, and not on its disk yet: an fsync takes longer than nobody looks.
      const isDecided = agent !== undefined && agent.state.durable.openingEpoch > stored.openingEpoch;
      if (isDecided) stopBeforeItOpens(world, agent, random);
      else if (timeline.now < until) timeline.after(0.15, look);
    };
    look();
    return leader.name;
  },
  'leader-killed-and-heir-cut-off': (world) => {
    const { timeline, etcd } = world;
    const leader = world.leader();
    if (leader === undefined || (etcd.plan(CLUSTER)?.eligible.length ?? 0) < 2) return undefined;
    leader.db.kill('crashed');
    const until = timeline.now + 8000;
    const look = (): void => {
      const heir = world.leader() ?? leader;
      const isTold = heir !== leader && heir.stored.plan?.leader === heir.name;
      if (!isTold) {
        if (timeline.now < until) timeline.after(0.15, look);
        return;
      }
      // Appointed, told so, and not granted anything yet; whoever succeeds it takes long to be written.
      timeline.after(10_000, etcd.slowDown(900));
      cutOffUntilGivenUp(world, heir, true, timeline.now + 10_000);
    };
    look();
    return leader.name;
  },
  'replica-unwatched': (world, random) => {
    const member = replica(world, random);
    // For longer than it takes to be left out; its database goes on receiving, and confirming.
    stopFor(world, [member?.agent?.process], random.between(6000, 14_000));
    return member?.name;
  },
  'leader-unwatched': (world, random) => {
    const leader = world.leader();
    // Under async not promised: nobody is left who would close it. Where writes wait for replicas, those that are sealed end it (S5).
    if (leader === undefined || leader.db.synchronous.acknowledgements === 0) return undefined;
    stopFor(world, [leader.agent?.process, leader.guard?.process], long(world, random));
    return leader.name;
  },
  'leader-held-and-cut-off': (world, random) => {
    const leader = world.leader();
    const active = world.active();
    if (leader === undefined || active === undefined) return undefined;
    const forMs = asDuration(random.pick([4000, 10_000]));
    const others = world.hosts.filter((host) => host !== leader.host && host.name !== 'clients');
    active.operate(CLUSTER, { kind: 'hold', forMs, by: 'ops' }, ({ kind }) => {
      if (kind === 'error') return;
      const ms = random.between(10, 1500);
      // Sometimes it is another controller that has to wait for it.
      const index = world.controllers.indexOf(active);
      if (random.chance(0.5)) {
        world.timeline.after(random.between(0, ms), () => active.process.kill());
        world.timeline.after(ms + short(world, random), () => world.startController(index));
      }
      world.timeline.after(ms, () => cutFor(world, [leader.host], others, forMs, false));
    });
    return `${leader.name} ${forMs} ms`;
  },
  'leader-keeps-one-replica': (world, random) => {
    const [leader, one] = [world.leader(), replica(world, random)];
    if (leader === undefined || one === undefined) return undefined;
    const together = [leader.host, one.host];
    const others = world.hosts.filter((host) => !together.includes(host) && host.name !== 'clients');
    cutFor(world, together, others, long(world, random), false);
    return `${leader.name} ${one.name}`;
  },
  'leader-cut-from-one-controller': (world, random) => {
    const [leader, host] = [world.leader(), random.pick(world.controllerHosts)];
    if (leader === undefined) return undefined;
    cutFor(world, [leader.host], [host], long(world, random), false);
    return `${leader.name} ${host.name}`;
  },
  'answers-late': (world, random) => {
    const leader = world.leader();
    if (leader === undefined) return undefined;
    const ms = random.pick([random.between(500, 1000), random.between(1000, 2000)]);
    const others = world.controllerHosts.filter((host) => host !== leader.host);
    for (const host of others) world.network.lengthen(host, leader.host, ms);
    world.timeline.after(long(world, random), () => {
      for (const host of others) world.network.lengthen(host, leader.host, 0);
    });
    // While answers are under way it cannot be heard any more.
    const all = world.hosts.filter((host) => host !== leader.host && host.name !== 'clients');
    world.timeline.after(random.between(500, 3000), () =>
      cutFor(world, [leader.host], all, long(world, random), true),
    );
    return leader.name;
  },
  'next-heir-away': (world, random) => {
    const { etcd, network, timeline } = world;
    // Of two nobody is left to succeed it.
    if (world.members.length < 3) return undefined;
    if (random.chance(0.7)) timeline.after(20_000, etcd.slowDown(900));
    // Whoever is appointed next, between its plan and its first grant; controllers give it up, or change meanwhile.
    const calm = network.worsen({ loss: 0, duplication: 0, longestMs: 200 });
    const until = timeline.now + 5000;
    const look = (): void => {
      const heir = world.leader();
      const plan = etcd.plan(CLUSTER);
      const isTold = heir?.agent?.process.isRunning === true && heir.stored.plan?.epoch === plan?.epoch;
      const isDue = isTold && plan !== undefined && !isProved(plan) && heir.db.role !== 'writable';
      if (!isDue && timeline.now < until) return void timeline.after(5, look);
      calm();
      if (!isDue) return;
      world.trace.log('FAULT', () => `${heir.name} is away before it opens`);
      awayUntilGivenUp(world, heir, random);
    };
    look();
    return 'whoever it is';
  },
  'replicas-agents-restarted': (world, random) => {
    restartReplicas(world, random);
    return 'all';
  },
  'leader-cannot-speak': (world, random) => {
    const leader = world.leader();
    if (leader === undefined) return undefined;
    const others = world.hosts.filter((host) => host !== leader.host && host.name !== 'clients');
    cutFor(world, [leader.host], others, short(world, random), true);
    return leader.name;
  },
  'member-isolated': (world, random) => {
    const { host, name } = someone(world, random);
    const others = world.hosts.filter(
      (other) => other !== host && (random.chance(0.5) || other.name !== 'clients'),
    );
    cutFor(world, [host], others, short(world, random), random.chance(0.3));
    return name;
  },
  'replication-cut': (world, random) => {
    const [a, b] = [world.leader(), replica(world, random)];
    if (a === undefined || b === undefined) return undefined;
    cutFor(world, [a.host], [b.host], short(world, random), random.chance(0.3));
    return `${a.name} ${b.name}`;
  },
  'network-split': (world, random) => {
    const left = world.hosts.filter(() => random.chance(0.5));
    const right = world.hosts.filter((host) => !left.includes(host));
    cutFor(world, left, right, short(world, random), random.chance(0.2));
    return `${left.map(({ name }) => name).join(' ')} | ${right.map(({ name }) => name).join(' ')}`;
  },
  'one-link-cut': (world, random) => {
    const [a, b] = [random.pick(world.hosts), random.pick(world.hosts)];
    cutFor(world, [a], [b], short(world, random), random.chance(0.5));
    return `${a.name} ${b.name}`;
  },
  'network-slow': (world, random) => {
    const longestMs = random.pick([20, 100, 600, 1000]);
    world.timeline.after(long(world, random), world.network.worsen({ loss: 0, duplication: 0, longestMs }));
    return 'everywhere';
  },
  'network-foul': (world, random) => {
    const loss = random.between(0, 0.3);
    const longestMs = random.pick([5, 50, 500]);
    const calm = world.network.worsen({ loss, duplication: 0.2, longestMs });
    world.timeline.after(short(world, random), calm);
    return 'everywhere';
  },
  switchover: (world) => {
    world.active()?.operate(CLUSTER, { kind: 'switchover', to: undefined, by: 'ops' }, () => undefined);
    return 'to anybody';
  },
  'operator-asks': operator,
} satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof FAULTS;
