/**
 * What really is, seen from outside of all clocks: the invariants of DESIGN 11, asked at every step that could break one. Nobody in the
 * simulation can read this.
 */
import type { Epoch, WallMs } from '#core/brand.js';
import { formatDurability } from '#core/durability.js';
import { isEqual } from '#core/equal.js';
import type { LedgerEntry } from '#core/ledger.js';
import { comparePlans, isBeingAdopted, isProved, type Plan } from '#core/plan.js';
import type { Topology } from '#core/topology.js';
import { comparePositions, formatPosition, type Position } from '#core/position.js';
import type { DurableState } from '#agent/decide/state.js';
import type { Database, Witness } from '#test/simulation/models/database.js';
import type { Entry, Log } from '#test/simulation/models/log.js';
import { RedisLog } from '#test/simulation/models/logs/redis.js';
import type { Trace } from '#test/simulation/checks/trace.js';
import type { Timeline } from '#test/simulation/world/timeline.js';

export interface Violation {
  readonly invariant: string;
  readonly text: string;
  readonly at: number;
}

interface Acknowledged {
  readonly entry: Entry;
  readonly index: number;
  readonly by: string;
  /** How many had to have it besides the leader. */
  readonly acknowledgements: number;
}

/** A machine whose server and guard stood still together may accept writes for this long after (DESIGN 11, not promised). */
const AFTER_STANDSTILL_MS = 1500;
const SEEN_WITHIN_MS = 8000;
/** The longest that an agent's word counts, and that a message takes which is held up. */
const TOLD_WITHIN_MS = 10_000;
/** A guard that died so recently may not be missed yet. */
const GUARDED_WITHIN_MS = 3000;
/** Longer than a wish takes from the asking to the last candidate that is tried for it. */
const ASKED_WITHIN_MS = 60_000;

export class Truth implements Witness {
  violation: Violation | undefined;
  failovers = 0;
  openings = 0;
  lost = 0;
  /** Acknowledged writes that the ledger has said may be lost. */
  readonly accounted = new Set<number>();
  readonly databases: Database[] = [];
  /** By epoch, who had acknowledged what its leader lacks. */
  readonly #lostAt = new Map<Epoch, readonly string[]>();
  readonly #timeline: Timeline;
  readonly #trace: Trace;
  readonly #leaders = new Map<Epoch, Database>();
  #newest: { readonly epoch: Epoch; readonly db: Database; readonly at: number } | undefined;
  /** By epoch, whom a plan in etcd named. */
  readonly #planned = new Map<Epoch, string>();
  #acknowledged: Acknowledged[] = [];
  /** In etcd. */
  #plan: Plan | undefined;
  readonly #sealed = new Map<string, Position[]>();
  readonly #standstill = new Map<string, number>();
  /** Epochs appointed by S5. */
  readonly #lossless = new Set<Epoch>();
  /** The last change of leader that no operator can have asked for. */
  #automatic: { readonly epoch: Epoch; readonly at: WallMs; readonly isProved: boolean } | undefined;
  #askedAt = Number.NEGATIVE_INFINITY;
  /** Nothing but the control plane is in trouble in this run. */
  staysOpen = false;
  /** An operator has said that acknowledged writes may be lost. */
  isLossAccepted = false;
  /** Neither its agent nor its guard runs, or did a moment ago. */
  isUnguarded: (db: Database) => boolean = () => false;
  /** Of two with one name, the one that the plan means. */
  named: (member: string) => Database = (member) => {
    throw new Error(`no member ${member}`);
  };
  /** Its agent sends clients there (DESIGN 7, layer 5). */
  leads: (db: Database) => boolean = () => false;
  seenAlive: (db: Database) => { readonly agent: number; readonly guard: number } = () => ({
    agent: 0,
    guard: 0,
  });

  constructor(timeline: Timeline, trace: Trace) {
    this.#timeline = timeline;
    this.#trace = trace;
  }

  violate(invariant: string, text: string): void {
    if (this.violation !== undefined) return;
    this.violation = { invariant, text, at: this.#timeline.now };
    this.#trace.log('VIOLATION', () => `${invariant}: ${text}`);
  }

  /** Server and guard of that machine stand still together until then. */
  standsStill(member: string, until: number): void {
    this.#standstill.set(member, Math.max(until, this.#standstill.get(member) ?? 0));
  }

  #stoodStill(db: Database): boolean {
    if (this.isUnguarded(db)) return true;
    const until = this.#standstill.get(db.name);
    return until !== undefined && this.#timeline.now < until + AFTER_STANDSTILL_MS;
  }

  /** A server has become writable. `epoch` undefined: nobody opened it. */
  opened(db: Database, epoch: Epoch | undefined): void {
    if (epoch !== undefined) {
      // A promotion lands when it does, whatever has become of who asked for it.
      const askedAt = db.promotionAskedAt ?? this.#timeline.now;
      if (askedAt - this.seenAlive(db).guard > GUARDED_WITHIN_MS)
        this.violate('INV-6', `${db.name} opens epoch ${epoch} without a guard`);
      const other = this.#leaders.get(epoch);
      if (other !== undefined && other !== db)
        this.violate('INV-1', `${other.name} and ${db.name} both opened epoch ${epoch}`);
      this.#leaders.set(epoch, db);
      db.openedAt = epoch;
      this.openings += 1;
      if (this.#newest === undefined || epoch >= this.#newest.epoch) {
        if (this.#newest !== undefined && this.#newest.db !== db) this.failovers += 1;
        this.#newest = { epoch, db, at: this.#timeline.now };
      }
    }
    this.#trace.log(db.name, () => `IS OPEN at epoch ${epoch ?? 'none'}`);
    for (const other of this.databases) {
      const isWatched = other !== db && !this.#stoodStill(other) && !this.#stoodStill(db);
      // One that waits for others may be superseded without knowing it (S5): clients that are sent there wait, and are told nothing.
      if (isWatched && epoch !== undefined && other.synchronous.acknowledgements === 0 && this.leads(other))
        this.violate('INV-4', `clients are sent to ${other.name} when ${db.name} opens at epoch ${epoch}`);
      // S5: one that waits for others may stay open, for it can acknowledge nothing any more; asked at each acknowledgement.
      if (
        isWatched &&
        other.synchronous.acknowledgements === 0 &&
        other.canCommit &&
        other.openedAt !== undefined
      )
        this.violate(
          'INV-4',
          `${db.name} opens at epoch ${epoch ?? 'none'} while ${other.name} can commit at ${other.openedAt}`,
        );
    }
  }

  /** Layer 5 of DESIGN 7, at a controller: `before` is the epoch that it told its clients of last. */
  tells(controller: string, before: Epoch, { epoch, leader }: Topology): void {
    if (epoch < before) this.violate('routing', `${controller} goes back from epoch ${before} to ${epoch}`);
    if (leader === undefined) return;
    const planned = this.#planned.get(epoch);
    if (planned !== leader.name)
      this.violate(
        'routing',
        `${controller} sends clients to ${leader.name} at epoch ${epoch} of ${planned ?? 'nobody'}`,
      );
    const newest = this.#newest;
    if (newest === undefined || newest.epoch <= epoch || this.isUnguarded(this.named(leader.name))) return;
    if (this.#timeline.now - newest.at > TOLD_WITHIN_MS)
      this.violate(
        'routing',
        `${controller} sends clients to ${leader.name} at epoch ${epoch}, long after ${newest.db.name} opened ${newest.epoch}`,
      );
  }

  acknowledged(db: Database, entry: Entry): void {
    const index = db.log.entries.lastIndexOf(entry);
    const newest = this.#newest;
    if (newest !== undefined && newest.db !== db && newest.epoch > (db.openedAt ?? 0n)) {
      const isThere = newest.db.log.entries[index] === entry;
      const isAsync = db.synchronous.acknowledgements === 0;
      // With agent and guard stopped nobody is left to close it: then only an heir that waited for no lease (S5) is promised to.
      const isPromised = this.#lossless.has(newest.epoch) || !this.#stoodStill(db);
      if (isPromised && (isAsync || !isThere))
        this.violate(
          'INV-4',
          `${db.name}, opened at ${db.openedAt ?? 'no epoch'}, acknowledges a write after ${newest.db.name} opened epoch ${newest.epoch}`,
        );
      // Lost with the standstill.
      if (!isPromised && !isThere && entry.what.kind === 'write') this.accounted.add(entry.what.value);
    }
    const { acknowledgements } = db.synchronous;
    const acknowledged = { entry, index, by: db.name, acknowledgements };
    if (this.#plan?.epoch === db.openedAt) this.#isCountedOn(acknowledged);
    this.#acknowledged.push(acknowledged);
  }

  /** S6: what a failover would rely on by the plan in etcd is so, whatever is changed at the moment. */
  #isCountedOn({ entry, index, by }: Acknowledged): void {
    const plan = this.#plan;
    if (plan === undefined || entry.what.kind !== 'write' || this.accounted.has(entry.what.value)) return;
    const { synchronous, acknowledgements } = plan.durability;
    const holders = this.databases.filter(
      ({ name, log }) => synchronous.includes(name) && log.entries[index] === entry && log.flushed > index,
    );
    if (holders.length < acknowledgements)
      this.violate(
        'S6',
        `value ${entry.what.value}, acknowledged by ${by}, is on ${holders.length} of ${synchronous.join(' ')}, and plan ${plan.epoch}.${plan.version} counts on ${acknowledgements}`,
      );
  }

  /** An agent says to a controller that nothing can commit any more at that epoch (F2). */
  saysFenced(db: Database, epoch: Epoch): void {
    if (db.canCommit && db.openedAt !== undefined && db.openedAt <= epoch)
      this.violate('F2', `${db.name} is told to be fenced at ${epoch} and can commit at ${db.openedAt}`);
  }

  /** E1: a plan is written by somebody who is not elected any more. */
  writtenBy(controller: string, elected: string | undefined): void {
    if (controller !== elected)
      this.violate('E1', `${controller} writes a plan, and ${elected ?? 'nobody'} is elected`);
  }

  /** E2: a write lands whose controller, active still, has taken it for settled. */
  landed(plan: Plan, awaited: Plan | undefined): void {
    if (awaited === undefined || !isEqual({ ...awaited, version: plan.version }, plan))
      this.violate(
        'E2',
        `plan ${plan.epoch}.${plan.version} lands after its controller had gone on without it`,
      );
  }

  /** E4: a controller grants or writes by a plan that is older than the one that etcd held when it was elected. */
  decidesOn(controller: string, plan: Plan | undefined, heldWhenElected: Plan | undefined): void {
    if (heldWhenElected !== undefined && (plan === undefined || comparePlans(plan, heldWhenElected) < 0))
      this.violate(
        'E4',
        `${controller} decides by ${plan === undefined ? 'no plan' : `plan ${plan.epoch}.${plan.version}`}, elected when etcd held ${heldWhenElected.epoch}.${heldWhenElected.version}`,
      );
  }

  /** V2: nobody vouches for a leader below an epoch that it durably knows. */
  vouches(member: string, epoch: Epoch, highestEpoch: Epoch): void {
    if (epoch < highestEpoch)
      this.violate('V2', `${member} vouches for epoch ${epoch} though it knows epoch ${highestEpoch}`);
  }

  /** S1: lower or equal, it is old news, whoever says it. */
  takesSeal(member: string, epoch: Epoch, highestEpoch: Epoch): void {
    if (epoch <= highestEpoch)
      this.violate(
        'S1',
        `${member} takes up a seal for epoch ${epoch} though it knows epoch ${highestEpoch}`,
      );
  }

  /** S1: what had been received, and was on its disk, when a seal began is there when it ends. `had`: the last of it. */
  keepsReceived(db: Database, had: Entry | undefined): void {
    if (had !== undefined && !db.log.entries.includes(had))
      this.violate('S1', `${db.name} is sealed, and has thrown away what it had received`);
  }

  sealed(member: string, epoch: Epoch, position: Position): void {
    const key = `${member} ${epoch}`;
    this.#sealed.set(key, [...(this.#sealed.get(key) ?? []), position]);
  }

  /** An operator asks for another leader: who follows may be his wish. */
  asksForAnother(): void {
    this.#askedAt = this.#timeline.now;
  }

  /** Damping: begun by nobody's wish, and too soon on another one that had come to its end. */
  #failsOver({ epoch, leader, policy }: Plan, before: Plan | undefined, { at }: LedgerEntry): void {
    const last = this.#automatic;
    const isAsked = this.#timeline.now - this.#askedAt < ASKED_WITHIN_MS;
    this.#automatic = isAsked ? undefined : { epoch, at, isProved: false };
    if (isAsked || last?.isProved !== true || before === undefined || !isProved(before)) return;
    const ageMs = at - last.at;
    if (ageMs >= 0 && ageMs < policy.failoverWindowMs)
      this.violate(
        'damping',
        `${leader} is appointed at epoch ${epoch}, ${Math.round(ageMs)} ms after the failover of epoch ${last.epoch}`,
      );
  }

  /** A plan is in etcd. */
  committed(plan: Plan, before: Plan | undefined, entry: LedgerEntry | undefined): void {
    this.#trace.log(
      'etcd',
      () =>
        `plan ${plan.epoch}.${plan.version} leader ${plan.leader} ${plan.opening.state} eligible [${plan.eligible.join(' ')}] joining [${plan.joining.join(' ')}] confirmed by ${formatDurability(plan.durability)}, at the leader ${formatDurability(plan.durability.atLeader)}${entry === undefined ? '' : ` ${entry.kind} ${entry.reason.code} loss ${entry.loss.kind}`}`,
    );
    if (before !== undefined && comparePlans(plan, before) <= 0)
      this.violate('E1', `plan ${plan.epoch}.${plan.version} replaces ${before.epoch}.${before.version}`);
    if (before?.epoch === plan.epoch && before.leader !== plan.leader)
      this.violate('INV-1', `epoch ${plan.epoch} is given to ${before.leader} and to ${plan.leader}`);
    this.#plan = plan;
    this.#planned.set(plan.epoch, plan.leader);
    if (before !== undefined && isProved(before) && before.epoch === plan.epoch)
      for (const acknowledged of this.#acknowledged) this.#isCountedOn(acknowledged);
    if (plan.opening.state === 'pending' && before?.epoch !== plan.epoch && !isBeingAdopted(plan))
      this.#appointed(plan);
    if (plan.opening.state === 'pending' && entry?.kind === 'failover') this.#failsOver(plan, before, entry);
    if (isProved(plan) && before !== undefined && !isProved(before) && entry !== undefined)
      this.#proved(plan, entry);
    if (entry?.loss.kind === 'exactly') this.#settled(entry, entry.loss.transactions);
  }

  /** What is said to be all that was lost is no less than what was, and nobody else's. */
  #settled({ epoch, previousLeader }: LedgerEntry, transactions: number): void {
    const lost = this.#lostAt.get(epoch) ?? [];
    const other = lost.find((by) => by !== previousLeader);
    if (other !== undefined || lost.length > transactions)
      this.violate(
        'ledger',
        `${lost.length} writes, acknowledged by ${[...new Set(lost)].join(' ')}, are missing since epoch ${epoch}, which counts ${transactions} of ${previousLeader ?? 'nobody'}`,
      );
  }

  #appointed(plan: Plan): void {
    if (plan.opening.state !== 'pending') return;
    const { atLeast, oldLeader } = plan.opening;
    if (oldLeader === 'lossless') this.#lossless.add(plan.epoch);
    // V5: whoever is eligible from the start was sealed for this very epoch.
    const unsealed = plan.eligible.find((name) => !this.#sealed.has(`${name} ${plan.epoch}`));
    if (unsealed !== undefined && oldLeader !== 'none')
      this.violate(
        'V5',
        `${unsealed} is eligible at epoch ${plan.epoch} from its start, and was not sealed for it`,
      );
    // The same leader goes on; or an operator has said who is to lead, and what he knows of the machines.
    if (oldLeader === 'none' || oldLeader === 'stated') return;
    const read = this.#sealed.get(`${plan.leader} ${plan.epoch}`) ?? [];
    const isRead =
      atLeast !== undefined &&
      read.some((one) => comparePositions({ ...one, marks: [] }, { ...atLeast, marks: [] }) === 'equal');
    if (!isRead)
      this.violate(
        'INV-3',
        `${plan.leader} is appointed at epoch ${plan.epoch} on ${atLeast === undefined ? 'nothing' : formatPosition(atLeast)}, which was never read after its seal`,
      );
    const db = this.named(plan.leader);
    const seen = this.seenAlive(db);
    const { now } = this.#timeline;
    if (now - seen.agent > SEEN_WITHIN_MS)
      this.violate('INV-6', `${plan.leader} is appointed without a live agent`);
  }

  #proved(plan: Plan, entry: LedgerEntry): void {
    if (this.#automatic !== undefined) this.#automatic = { ...this.#automatic, isProved: true };
    const db = this.named(plan.leader);
    const isMarked =
      db.log instanceof RedisLog ? db.log.hasHadMark(plan.epoch) : db.log.durableMark()?.epoch === plan.epoch;
    if (!isMarked)
      this.violate(
        'S3',
        `${plan.leader} counts as proved at epoch ${plan.epoch}, and its mark is not on its disk`,
      );
    const missing = this.#acknowledged.filter(({ entry: write, index }) => db.log.entries[index] !== write);
    this.#acknowledged = this.#acknowledged.filter((one) => !missing.includes(one));
    // INV-5: what replicas confirmed is lost only where an operator gives it up, or asked for `async` meanwhile.
    const mustKeep = plan.policy.durability.mode !== 'async' && !this.isLossAccepted;
    const { loss } = entry;
    for (const { entry: write, index, by, acknowledgements } of missing) {
      if (write.what.kind !== 'write' || this.accounted.has(write.what.value)) continue;
      this.lost += 1;
      this.#lostAt.set(plan.epoch, [...(this.#lostAt.get(plan.epoch) ?? []), by]);
      this.accounted.add(write.what.value);
      const text = `value ${write.what.value}, acknowledged by ${by}, is missing at ${plan.leader}, epoch ${plan.epoch}`;
      if (acknowledgements > 0 && (mustKeep || loss.kind === 'none')) this.violate('INV-5', text);
      else if (loss.kind === 'none')
        this.violate('ledger', `${text}, and its ledger entry says that nothing is lost`);
      else if (loss.kind === 'at-most' && db.log.isWithin(loss.after, write, index))
        this.violate(
          'ledger',
          `${text}, and its ledger entry says that it is there: ${formatPosition(loss.after)}`,
        );
    }
  }

  /** INV-2, E5: what an agent durably knows only grows. */
  persisted(member: string, before: DurableState, after: DurableState): void {
    const falls = (['highestEpoch', 'fencedEpoch', 'openedEpoch', 'sealedEpoch'] as const).find(
      (name) => after[name] < before[name],
    );
    if (falls !== undefined)
      this.violate('INV-2', `${falls} of ${member} falls from ${before[falls]} to ${after[falls]}`);
    if (before.plan !== undefined && after.plan !== undefined && comparePlans(after.plan, before.plan) < 0)
      this.violate(
        'INV-2',
        `${member} takes up plan ${after.plan.epoch}.${after.plan.version} after ${before.plan.epoch}.${before.plan.version}`,
      );
    if (after.plan !== undefined && after.plan.epoch < after.highestEpoch && after.plan !== before.plan)
      this.violate(
        'INV-2',
        `${member} takes up plan ${after.plan.epoch} though it knows epoch ${after.highestEpoch}`,
      );
  }

  /** S4: nobody is pointed at a leader that has not proved itself. */
  pointed(member: string, plan: Plan): void {
    if (!isProved(plan) && !isBeingAdopted(plan))
      this.violate('S4', `${member} is pointed at ${plan.leader}, which has not proved epoch ${plan.epoch}`);
  }

  /** INV-9: a leader is closed. */
  closed(db: Database): void {
    if (this.staysOpen)
      this.violate('INV-9', `${db.name} is closed, though only the control plane is in trouble`);
  }

  /** INV-7: whoever begins to receive holds nothing that its upstream lacks. */
  follows(db: Database, leader: Database): void {
    this.#trace.log(db.name, () => `receives from ${leader.name}, ${formatPosition(db.log.position())}`);
    if (!leader.log.contains(db.log))
      this.violate('INV-7', `${db.name} follows ${leader.name} with a log that ${leader.name} does not have`);
  }

  /** L1: an agent asks for a lease although its database has not committed anything for so long. */
  asksForLease(db: Database, canaryTimeoutMs: number, heartbeatMs: number): void {
    const silentMs = this.#timeline.now - db.ableAt();
    if (db.role === 'writable' && silentMs > 2 * (canaryTimeoutMs + 3 * heartbeatMs))
      this.violate('L1', `${db.name} asks for a lease ${Math.round(silentMs)} ms after it could last commit`);
  }

  recloned(db: Database, copy: Log): void {
    this.#trace.log(db.name, () => `is replaced by a copy that ends at ${copy.length}`);
  }

  rewound(db: Database, to: number): void {
    this.#trace.log(db.name, () => `is rewound from ${db.log.length} to ${to}`);
  }
}
