/**
 * One seed: a cluster is adopted, faults befall it, everything heals, and it has to become whole again. The first broken invariant ends the
 * run.
 */
import type { OperatorCommand } from '#core/operator.js';
import type { EngineName } from '#core/position.js';
import { DEFAULT_POLICY } from '#core/policy.js';
import { isProved } from '#core/plan.js';
import { comparePlans } from '#core/plan.js';
import type { Rules } from '#core/rules/index.js';
import { checkAppends } from '#test/history/append-history.js';
import type { Violation } from '#test/simulation/checks/truth.js';
import { bootHost, FAULTS } from '#test/simulation/faults/faults.js';
import { drawTheme, type KindName, type Theme } from '#test/simulation/faults/themes.js';
import type { SimulatedEngine } from '#test/simulation/models/kinds/index.js';
import type { Member, MemberMistakes } from '#test/simulation/nodes/member.js';
import { CLUSTER, World } from '#test/simulation/world.js';
import { Random } from '#test/simulation/world/random.js';

export interface RunOptions {
  readonly seed: number;
  readonly rules: Rules;
  readonly mistakes?: MemberMistakes;
  readonly isTraced?: boolean;
  /** The only kind of theme that is played; undefined: any. */
  readonly kind?: KindName | undefined;
  /** The only engine that is played; undefined: whichever the seed draws. */
  readonly engine?: SimulatedEngine | undefined;
  /** Numbers of the faults that are left out: how a failing run is shrunk. */
  readonly without?: ReadonlySet<number>;
  /** Faults from this number on are left out. */
  readonly faults?: number;
}

export interface Outcome {
  readonly seed: number;
  readonly engine: EngineName;
  readonly violation: Violation | undefined;
  readonly failovers: number;
  readonly openings: number;
  readonly lost: number;
  readonly events: number;
  readonly virtualMs: number;
  /** How many faults were drawn until it ended. */
  readonly faults: number;
  readonly trace: readonly string[];
}

const ADOPTED_WITHIN_MS = 20_000;
const SAFETY_MS = 25_000;
const HEALED_WITHIN_MS = 90_000;
const OPERATOR_EVERY_MS = 100;
const CLONE_EVERY_MS = 2000;
/** A write on a cluster that nothing troubles. */
const ANSWERED_WITHIN_MS = 200;
/** Longer than anything that heals by itself takes: a lease, a promise, an opening. */
const OPERATOR_COMES_AFTER_MS = 25_000;

export function run(options: RunOptions): Outcome {
  const theme = drawTheme(Random.of(options.seed, 'swarm'), options.kind);
  const world = new World({
    controllersApart: theme.isControlPlaneOnly,
    waits: theme.durability,
    seed: options.seed,
    rules: options.rules,
    mistakes: options.mistakes ?? {},
    isTraced: options.isTraced ?? false,
    engine: options.engine,
  });
  const { timeline, truth } = world;
  const isOver = (): boolean => truth.violation !== undefined;
  let faults = 0;
  adopt(world);
  timeline.runUntil(ADOPTED_WITHIN_MS, () => isOver() || isWhole(world));
  if (!isOver() && !isWhole(world))
    truth.violate('INV-8', `the cluster was not adopted: ${unwell(world) ?? ''}`);
  if (!isOver()) {
    truth.staysOpen = theme.isControlPlaneOnly;
    faults = befall(world, theme, options);
    timeline.runUntil(timeline.now + SAFETY_MS, isOver);
    heal(world, options);
    // One window may be open when all is healed; what holds nobody any more opens no other.
    const withinMs = HEALED_WITHIN_MS + world.failoverWindowMs;
    const until = timeline.now + withinMs;
    timeline.runUntil(until, () => isOver() || isWhole(world));
    // Nobody has any data any more: what is to become of that no machine can tell.
    const isAllLost = world.members.every(({ db }) => db.log.dataId === '') || waitsForTheForgotten(world);
    if (!isOver() && !isWhole(world) && !isAllLost)
      truth.violate('INV-8', `not whole after ${withinMs} ms: ${unwell(world) ?? ''}`);
    if (!isOver() && !isAllLost) checkHistory(world);
  }
  return {
    seed: options.seed,
    engine: world.kind.name,
    violation: truth.violation,
    failovers: truth.failovers,
    openings: truth.openings,
    lost: truth.lost,
    events: timeline.events,
    virtualMs: timeline.now,
    faults,
    trace: world.trace.lines,
  };
}

function adopt(world: World): void {
  const { timeline } = world;
  const isHeard = (): boolean => {
    const seen = world.active()?.state.clusters[CLUSTER]?.members ?? {};
    const streaming = Object.values(seen).filter(({ report }) => report?.database.streaming === true).length;
    return streaming === world.members.length - 1 && Object.keys(seen).length === world.members.length;
  };
  const ask = (): void => {
    if (world.etcd.plan(CLUSTER) !== undefined) return;
    const { profile, durability, failoverWindowMs } = world;
    const policy = { ...DEFAULT_POLICY, profile, durability, failoverWindowMs };
    if (isHeard())
      world
        .active()
        ?.operate(CLUSTER, { kind: 'adopt', policy, by: 'ops', leaderIsOff: false }, () => undefined);
    timeline.after(OPERATOR_EVERY_MS, ask);
  };
  ask();
}

/** The faults of this seed, one after the other. Answers how many there will be. */
function befall(
  world: World,
  theme: Theme,
  { seed, without, faults: most = Number.POSITIVE_INFINITY }: RunOptions,
): number {
  const { timeline, trace } = world;
  world.haste = theme.haste;
  let at = timeline.now;
  let number = 0;
  for (const end = at + SAFETY_MS; ; number++) {
    const mine = number;
    const random = Random.of(seed, `fault ${mine}`);
    at += theme.pauseMs * random.between(0.1, 2);
    if (at >= end) return number;
    if (mine >= most || without?.has(mine) === true) continue;
    timeline.at(at, () => {
      const isEnd = random.chance(theme.endShare);
      const names = isEnd && isOpen(world) ? theme.ends : theme.troubles;
      if (names.length === 0) return;
      const name = random.pick(names);
      const done = FAULTS[name](world, random);
      if (done !== undefined) trace.log('FAULT', () => `#${mine} ${name}: ${done}`);
    });
  }
}

/** There is a leader to be taken away. */
function isOpen(world: World): boolean {
  const plan = world.etcd.plan(CLUSTER);
  const db = world.leader()?.db;
  return plan !== undefined && isProved(plan) && db?.isServing === true && db.role === 'writable';
}

function heal(world: World, { seed }: RunOptions): void {
  const { timeline, trace, network, etcd } = world;
  const random = Random.of(seed, 'heal');
  trace.log('HEAL', () => 'everything heals');
  network.mendAll();
  etcd.mend();
  for (const copy of [...world.copies]) world.settle(copy);
  for (const host of world.hosts) {
    bootHost(world, host, random);
    for (const process of [...host.processes]) process.goOn();
  }
  for (const member of world.members) {
    member.db.disk.isFull = false;
    member.db.disk.refusesMemory = false;
    member.db.disk.stalledUntil = 0;
    member.db.pauseReplay(false);
    Object.assign(member.troubles, {
      slowPromotion: 0,
      refusedPromotion: 0,
      stubbornFence: 0,
      failedRewind: 0,
      tornRewind: 0,
    });
  }
  const healedAt = timeline.now;
  const tend = (): void => {
    for (const member of world.members) world.startAgent(member);
    for (const index of world.controllers.keys()) world.startController(index);
    operate(world, healedAt);
    timeline.after(CLONE_EVERY_MS, tend);
  };
  tend();
}

/** What only an operator can do: resume what he paused, start what he stopped. */
function operate(world: World, healedAt: number): void {
  const plan = world.etcd.plan(CLUSTER);
  if (plan === undefined) return;
  if (plan.care === 'paused') ask(world, { kind: 'resume', by: 'ops' });
  const [kept] = plan.maintenance;
  if (kept !== undefined) ask(world, { kind: 'maintenance', member: kept, on: false, by: 'ops' });
  const leader = world.member(plan.leader);
  const comesAfterMs = OPERATOR_COMES_AFTER_MS + world.failoverWindowMs;
  // Looked after on the spot: nothing there can commit, and nobody else knows what that leader had promised.
  if (!leader.db.canCommit && world.timeline.now - healedAt > comesAfterMs) {
    world.truth.isLossAccepted = true;
    // Where logs have diverged nobody is chosen unless he names one.
    const isInVain = world.timeline.now - healedAt > 2 * comesAfterMs;
    const to = isInVain ? heirByHand(world, leader)?.name : undefined;
    ask(world, { kind: 'failover', to, by: 'ops', acceptLoss: true, leaderIsOff: true });
  }
  for (const member of world.members) {
    const { db, agent } = member;
    if (db.ending === 'stopped' && db.server === undefined) db.start(50);
    // E6: a log without a memory is asked which openings it knows before a restored etcd goes on; its server is started closed for that.
    const isAsked = world.active()?.state.clusters[CLUSTER]?.repair !== undefined;
    if (isAsked && agent?.state.durable.plan === undefined && db.server === undefined) {
      db.bootClosed = true;
      db.start(50);
    }
  }
}

/** Not promised: of a member neither the memory nor a log that tells of its openings is left, while a restored etcd is asked for (safety.md). */
const waitsForTheForgotten = (world: World): boolean =>
  world.active()?.state.clusters[CLUSTER]?.repair !== undefined &&
  world.members.some(({ agent, db }) => agent?.state.durable.plan === undefined && db.log.dataId === '');

/** Somebody who has any data. */
const heirByHand = ({ members }: World, leader: Member): Member | undefined => {
  const others = members.filter((member) => member !== leader);
  return others.find(({ db }) => db.log.dataId !== '') ?? others[0];
};

function ask(world: World, command: OperatorCommand): void {
  world.active()?.operate(CLUSTER, command, (answer) => {
    if (answer.kind === 'error')
      world.trace.log('OPERATOR', () => `${command.kind}: ${answer.code} ${answer.text}`);
  });
}

/** One leader, proved, open, followed by everybody, and everybody knows it. */
const isWhole = (world: World): boolean => unwell(world) === undefined;

function unwell(world: World): string | undefined {
  const plan = world.etcd.plan(CLUSTER);
  if (plan === undefined) return 'no plan';
  if (!isProved(plan)) return `epoch ${plan.epoch} is not proved`;
  const leader = world.member(plan.leader);
  if (leader.db.role !== 'writable' || !leader.db.isServing) return `${plan.leader} does not serve`;
  for (const { name, agent, db } of world.members) {
    const held = agent?.state.durable.plan;
    if (held === undefined || comparePlans(held, plan) !== 0) return `${name} does not hold the plan`;
    if (name !== plan.leader && db.stream?.from !== leader.db)
      return `${name} does not follow ${plan.leader}`;
    if (name !== plan.leader && !plan.eligible.includes(name)) return `${name} is not eligible`;
  }
  // S6: as many confirm as there are, and etcd knows it.
  const confirming = Math.min(plan.policy.durability.acknowledgements, world.members.length - 1);
  if (plan.durability.acknowledgements !== confirming) return `not ${confirming} confirm writes`;
  const active = world.active();
  const isElsewhere = world.controllers.some((one) => one !== undefined && one.process.host !== leader.host);
  if (active === undefined) return 'nobody is active';
  // A3.
  if (active.process.host === leader.host && isElsewhere)
    return 'the active controller shares the host of the leader';
  return undefined;
}

function checkHistory(world: World): void {
  const { timeline, truth } = world;
  for (const client of world.clients) client.stop();
  // What a fault has left behind (an fsync that hangs) may bring one more failover: so it counts who leads in the end.
  const isLevel = (): boolean => {
    const length = world.leader()?.db.log.length;
    return world.members.every(({ db }) => db.log.applied === length) && isWhole(world);
  };
  timeline.runUntil(timeline.now + HEALED_WITHIN_MS + world.failoverWindowMs, isLevel);
  const leader = world.leader();
  if (leader === undefined) return;
  for (const { name, db } of world.members) {
    if (!leader.db.log.contains(db.log) || db.log.length !== leader.db.log.length)
      truth.violate('INV-8', `${name} does not hold what ${leader.name} holds`);
  }
  if (
    truth.staysOpen &&
    world.history.some(({ outcome, began }) => outcome !== 'ok' && began < timeline.now - ANSWERED_WITHIN_MS)
  )
    truth.violate('INV-9', 'a write failed, though only the control plane was in trouble');
  const final = new Map<number, number[]>();
  for (const { key, value } of leader.db.values()) final.set(key, [...(final.get(key) ?? []), value]);
  for (const finding of checkAppends(world.history, final)) {
    if (finding.kind === 'lost' && truth.accounted.has(finding.value)) continue;
    truth.violate('history', finding.text);
  }
}
