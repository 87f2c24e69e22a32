/** What can befall a cluster. Each fault ends by itself, and draws only from the stream that it is given. */
import { DURABILITIES, type World } from '#test/simulation/world.js';
import { CLUSTER } from '#test/simulation/world.js';
import type { Member } from '#test/simulation/nodes/member.js';
import type { Host, Process } from '#test/simulation/world/host.js';
import type { Random } from '#test/simulation/world/random.js';
import { asDuration } from '#core/brand.js';
import type { OperatorCommand } from '#core/operator.js';
import { DEFAULT_POLICY } from '#core/policy.js';

/** Does it, and says what it did; undefined: there was nothing to do it to. */
export type Fault = (world: World, random: Random) => string | undefined;

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

function restartAgent(world: World, member: Member, afterMs: number): void {
  world.timeline.after(afterMs, () => world.startAgent(member));
}

function crashHost(world: World, host: Host, random: Random): void {
  host.crash();
  world.network.changed();
  world.timeline.after(random.between(500, 6000), () => bootHost(world, host, random));
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
      world.network.cut(a, b);
      if (!isOneWay) world.network.cut(b, a);
      world.timeline.after(ms, () => {
        world.network.mend(a, b);
        if (!isOneWay) world.network.mend(b, a);
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

const short = (random: Random): number =>
  random.pick([random.between(20, 400), random.between(400, 3000), random.between(3000, 7000)]);

export const FAULTS = {
  'database-killed': (world, random) => {
    const { db, name } = someone(world, random);
    db.kill('crashed', random.chance(0.3) ? random.between(20, 1500) : 0);
    return name;
  },
  'database-stopped': (world, random) => {
    const { db, name } = someone(world, random);
    stopFor(world, [db.server], short(random));
    return name;
  },
  'database-shut-down': (world, random) => {
    const { db, name } = someone(world, random);
    db.shutDown('stopped', random.between(5, 200), () => undefined);
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
    db.disk.stalledUntil = world.timeline.now + short(random);
    return name;
  },
  'disk-full': (world, random) => {
    const member = someone(world, random);
    const { db, name } = member;
    db.disk.isFull = true;
    world.timeline.after(short(random), () => {
      db.disk.isFull = false;
      restartAgent(world, member, random.between(100, 1000));
    });
    return name;
  },
  'agent-killed': (world, random) => {
    const member = someone(world, random);
    member.agent?.process.kill();
    restartAgent(world, member, short(random));
    return member.name;
  },
  'agent-stopped': (world, random) => {
    const { agent, name } = someone(world, random);
    stopFor(world, [agent?.process], short(random));
    return name;
  },
  'memory-lost': (world, random) => {
    const member = someone(world, random);
    member.agent?.process.kill();
    member.forget();
    restartAgent(world, member, short(random));
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
    stopFor(world, [db.server, agent?.process], short(random));
    return name;
  },
  'database-and-agent-killed': (world, random) => {
    const member = someone(world, random);
    member.agent?.process.kill();
    member.db.kill('crashed');
    restartAgent(world, member, short(random));
    return member.name;
  },
  'host-stopped': (world, random) => {
    const { host, name } = someone(world, random);
    const ms = short(random);
    world.truth.standsStill(name, world.timeline.now + ms);
    stopFor(world, [...host.processes], ms);
    return name;
  },
  'host-asleep': (world, random) => {
    const { host, name } = someone(world, random);
    const ms = short(random);
    world.truth.standsStill(name, world.timeline.now + ms);
    host.sleep(ms);
    return name;
  },
  'host-lost': (world, random) => {
    const { host, name } = someone(world, random);
    crashHost(world, host, random);
    return name;
  },
  'replay-paused': (world, random) => {
    const { db, name } = replica(world, random) ?? {};
    db?.pauseReplay(true);
    world.timeline.after(short(random), () => db?.pauseReplay(false));
    return name;
  },
  'promotion-slow': (world, random) => {
    for (const { troubles } of world.members) troubles.slowPromotion = 0.7;
    world.timeline.after(short(random) + 3000, () => {
      for (const { troubles } of world.members) troubles.slowPromotion = 0;
    });
    return 'everywhere';
  },
  'promotion-refused': (world, random) => {
    const { troubles, name } = random.pick(world.members);
    troubles.refusedPromotion = 1;
    world.timeline.after(short(random) + 2000, () => (troubles.refusedPromotion = 0));
    return name;
  },
  'fence-stubborn': (world, random) => {
    const { troubles, name } = someone(world, random);
    troubles.stubbornFence = 0.5;
    world.timeline.after(short(random), () => (troubles.stubbornFence = 0));
    return name;
  },
  'rewind-fails': (world, random) => {
    for (const { troubles } of world.members) troubles.failedRewind = 0.5;
    world.timeline.after(short(random) + 2000, () => {
      for (const { troubles } of world.members) troubles.failedRewind = 0;
    });
    return 'everywhere';
  },
  'controller-killed': (world, random) => {
    const index = random.int(world.controllers.length);
    const victims = random.chance(0.2) ? [...world.controllers.keys()] : [index];
    for (const one of victims) {
      world.controllers[one]?.process.kill();
      world.timeline.after(short(random), () => world.startController(one));
    }
    return victims.map((one) => `k${one + 1}`).join(' ');
  },
  'controller-stopped': (world, random) => {
    const controller = world.active() ?? world.controllers[0];
    stopFor(world, [controller?.process], short(random));
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
    cutFor(world, [host], [world.etcd.host], short(random), random.chance(0.3));
    return host.name;
  },
  'election-key-deleted': (world) => {
    world.etcd.deleteElectionKey();
    return 'etcd';
  },
  'etcd-leader-change': (world, random) => {
    world.etcd.changeLeader(short(random));
    return 'etcd';
  },
  'etcd-ambiguous': (world, random) => {
    world.etcd.ambiguity = random.between(0.1, 0.6);
    world.timeline.after(short(random), () => (world.etcd.ambiguity = 0));
    return 'etcd';
  },
  'leader-cut-from-controllers': (world, random) => {
    const leader = world.leader();
    if (leader === undefined) return undefined;
    cutFor(world, [leader.host], world.controllerHosts, short(random), random.chance(0.3));
    return leader.name;
  },
  'member-isolated': (world, random) => {
    const { host, name } = someone(world, random);
    const others = world.hosts.filter(
      (other) => other !== host && (random.chance(0.5) || other.name !== 'clients'),
    );
    cutFor(world, [host], others, short(random), random.chance(0.3));
    return name;
  },
  'replication-cut': (world, random) => {
    const [a, b] = [world.leader(), replica(world, random)];
    if (a === undefined || b === undefined) return undefined;
    cutFor(world, [a.host], [b.host], short(random), random.chance(0.3));
    return `${a.name} ${b.name}`;
  },
  'network-split': (world, random) => {
    const left = world.hosts.filter(() => random.chance(0.5));
    const right = world.hosts.filter((host) => !left.includes(host));
    cutFor(world, left, right, short(random), random.chance(0.2));
    return `${left.map(({ name }) => name).join(' ')} | ${right.map(({ name }) => name).join(' ')}`;
  },
  'one-link-cut': (world, random) => {
    const [a, b] = [random.pick(world.hosts), random.pick(world.hosts)];
    cutFor(world, [a], [b], short(random), random.chance(0.5));
    return `${a.name} ${b.name}`;
  },
  'network-slow': (world, random) => {
    world.network.weather = { loss: 0, duplication: 0, longestMs: random.pick([20, 100, 400]) };
    world.timeline.after(short(random), () => world.network.calm());
    return 'everywhere';
  },
  'network-foul': (world, random) => {
    world.network.weather = {
      loss: random.between(0, 0.3),
      duplication: 0.2,
      longestMs: random.pick([5, 50, 500]),
    };
    world.timeline.after(short(random), () => world.network.calm());
    return 'everywhere';
  },
  'operator-asks': operator,
} satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof FAULTS;
export const FAULT_NAMES = Object.keys(FAULTS) as FaultName[];
