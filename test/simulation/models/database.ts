/**
 * A database server, as far as safety can see it: a log, sessions that commit to it, receivers that copy it, something that makes it boot
 * closed, processes that can be stopped, killed, or outlive their parent. What engines differ in says its kind. `test/contract/engine/` holds it
 * and the real ones to the same words.
 */
import type { Epoch } from '#core/brand.js';
import { ENFORCES } from '#core/durability.js';
import type { PlanMember } from '#core/plan.js';
import type { DatabaseState, Salvaged } from '#core/report.js';
import type { Disk } from '#test/simulation/models/disk.js';
import type { EngineKind } from '#test/simulation/models/kinds/kind.js';
import type { Entry, Log } from '#test/simulation/models/log.js';
import { MariadbLog } from '#test/simulation/models/logs/mariadb.js';
import { PostgresLog } from '#test/simulation/models/logs/postgres.js';
import { RedisLog } from '#test/simulation/models/logs/redis.js';
import { Stream } from '#test/simulation/models/stream.js';
import { type Host, Process } from '#test/simulation/world/host.js';
import type { Network } from '#test/simulation/world/network.js';
import type { Random } from '#test/simulation/world/random.js';

/** `refused`: for certain not written. `broken`: the connection ended without an answer. */
export type Committed = 'ok' | 'refused' | 'broken';

/** Who is told what really happens, outside of the simulation. */
export interface Witness {
  opened(db: Database, epoch: Epoch | undefined): void;
  acknowledged(db: Database, entry: Entry): void;
  follows(db: Database, leader: Database): void;
  rewound(db: Database, to: number): void;
  recloned(db: Database, copy: Log): void;
  closed(db: Database): void;
}

export interface Surroundings {
  readonly network: Network;
  readonly random: Random;
  readonly witness: Witness;
  /** The database behind an address that a plan names. */
  readonly find: (name: string) => Database | undefined;
}

/** How often a server that shuts down looks whether its receivers have everything. */
const HANDS_OVER_MS = 2;
/** A reload goes through the postmaster, which may be kept waiting for a processor. */
const TAKEN_UP_MS = [0, 60] as const;
/** What an applier is behind, where it works beside the receiver. */
const APPLIED_MS = [0.2, 3] as const;
const SLOWLY_APPLIED_MS = [50, 400] as const;

interface Pending {
  readonly server: Process;
  readonly answer: (committed: Committed) => void;
}

export class Database {
  readonly name: string;
  readonly kind: EngineKind;
  readonly host: Host;
  readonly disk: Disk;
  readonly log: Log;
  /** Noted beside the data: which it is, or was. */
  readonly keptDataId: string;
  readonly around: Surroundings;
  /** The marker by which a server that starts by itself comes up closed (DESIGN 7.3). */
  bootClosed = true;
  /** A mistake that is planted: its configuration does not keep it closed. */
  bootsOpen = false;
  role: 'writable' | 'replica' = 'replica';
  server: Process | undefined;
  /** Recovery is over, and it can be asked. */
  isServing = false;
  ending: DatabaseState = 'stopped';
  /** Backends that outlive a killed postmaster. */
  orphans: Process | undefined;
  upstream: string | undefined;
  /** It was told to receive since its start, or does so by itself. */
  receives = true;
  /** A replica's own setting: it confirms writes from its next connection on. */
  confirms = false;
  confirmsUnwritten = false;
  /** Whom this leader lets in as one who confirms; on its disk. */
  readonly admitted = new Set<string>();
  stream: Stream | undefined;
  readonly followers = new Set<Stream>();
  isReplayPaused = false;
  /** A rewind was interrupted while it rewrote the data: no server can be started on it. */
  isTorn = false;
  /** The newest salvage in the state directory beside it. */
  salvaged: Salvaged | undefined;
  /** Noted on disk before a promotion is asked for: it may go through at any moment. */
  promotionAsked = false;
  /** In true time; undefined: it was not asked for by an agent. For the checks only. */
  promotionAskedAt: number | undefined;
  /** The epoch of the opening that made it writable; for the checks only. */
  openedAt: Epoch | undefined;
  /** The process that was opened last. */
  opened: Process | undefined;
  /** Of Redis: the opening, by its mark, that receivers must name to be served, and the one that this server names. Undefined: as it was found. */
  serves: string | undefined;
  names: string | undefined;
  synchronous: { readonly members: readonly string[]; readonly acknowledgements: number } = {
    members: [],
    acknowledgements: 0,
  };
  #pending = new Set<Pending>();
  #waiting: { readonly count: number; readonly pending: Pending }[] = [];
  #onChange: () => void = () => undefined;
  #connecting = false;
  #isApplying = false;
  /** A leader that is set, and not taken up yet. */
  #coming: { readonly leader: PlanMember } | undefined;
  #ableAt = 0;
  /** Its newest entry was written here, and not received. */
  #wroteItself = false;

  constructor(name: string, host: Host, disk: Disk, kind: EngineKind, log: Log, around: Surroundings) {
    this.name = name;
    this.kind = kind;
    this.host = host;
    this.disk = disk;
    this.log = log;
    this.keptDataId = log.dataId;
    this.around = around;
  }

  /** Called on every death, start and change of role. */
  onChange(listener: () => void): void {
    this.#onChange = listener;
  }

  /** When a commit could last have come through: true time, for the checks. */
  ableAt(): number {
    const { now } = this.host.timeline;
    const isHeldUp = !this.kind.isVolatile && this.disk.stalledUntil > now;
    const isStuck = this.server?.isRunning !== true || isHeldUp;
    if (!isStuck) this.#ableAt = now;
    return this.#ableAt;
  }

  /** Whether a commit could still succeed here, now or once a stopped process goes on. */
  get canCommit(): boolean {
    return (this.server !== undefined && this.role === 'writable') || this.orphans !== undefined;
  }

  get isGone(): boolean {
    return this.server === undefined && this.orphans === undefined;
  }

  /** Gone, or one that accepts no writes and will not by itself; as a `Fencer` tells it. */
  get isClosed(): boolean {
    return (
      this.isGone ||
      (this.server !== undefined && this.bootClosed && this.role === 'replica' && !this.promotionAsked)
    );
  }

  /** Starts the server as whoever starts it finds it: closed if the marker lies there. */
  start(readyAfterMs: number, isStarted: () => void = () => undefined): void {
    if (this.server !== undefined || !this.host.isUp || this.isTorn) return;
    // A new postmaster does not start beside backends of the old one.
    this.endOrphans();
    const server = new Process(this.host, `database ${this.name}`);
    this.server = server;
    this.isServing = false;
    this.role = this.bootClosed && !this.bootsOpen ? 'replica' : 'writable';
    if (this.role === 'writable') this.around.witness.opened(this, undefined);
    server.onExit(() => this.#ended(server));
    this.#onChange();
    this.receives = this.kind.resumesByItself;
    if (this.areTold) {
      this.confirms = false;
      this.synchronous = { members: [], acknowledgements: 0 };
    }
    if (this.kind.isVolatile) {
      this.upstream = this.serves = this.names = undefined;
      this.#saveNowAndThen(server);
    }
    server.after(readyAfterMs, () => {
      this.isServing = true;
      if (this.kind.resumesByItself) {
        this.log.applied = this.isReplayPaused ? this.log.applied : this.log.flushed;
        this.connectSoon();
      }
      this.#onChange();
      isStarted();
    });
  }

  /** A file is written every now and then. */
  #saveNowAndThen(server: Process): void {
    const { log, around } = this;
    if (!(log instanceof RedisLog) || log.kept === 'nothing') return;
    const ms = log.kept === 'append' ? 1000 : around.random.between(500, 8000);
    server.after(ms, () => {
      if (!this.disk.isFull) log.save();
      this.#saveNowAndThen(server);
    });
  }

  /** Follows nobody and accepts nothing from now on, and goes on running. */
  closeGently(): void {
    const { server } = this;
    if (server === undefined) return;
    if (this.role === 'writable') this.around.witness.closed(this);
    this.cutUpstream();
    this.dropComing();
    this.role = 'replica';
    this.promotionAsked = false;
    this.promotionAskedAt = undefined;
    this.#breakPending(server);
    for (const stream of this.followers) stream.end();
    this.#onChange();
  }

  /** Until a write is as safe as it gets here. */
  writeMs(): number {
    return this.kind.isVolatile ? this.around.random.between(0.05, 0.3) : this.disk.fsyncMs();
  }

  /** Replicas say that they confirm, and a leader counts whoever does. */
  get areTold(): boolean {
    return ENFORCES[this.kind.name].replicasAreTold;
  }

  /** Whoever is not admitted any more is locked out, and with the session ends what it has confirmed and nobody has read. */
  admitOnly(members: readonly string[]): void {
    for (const name of this.admitted) if (!members.includes(name)) this.admitted.delete(name);
    for (const stream of this.followers)
      if (stream.confirms && !this.admitted.has(stream.to.name)) stream.end();
  }

  /** Its log is what it was when it led: it outlasts the server, or the server is still that one. */
  get hasLedLog(): boolean {
    return !this.kind.isVolatile || (this.server !== undefined && this.server === this.opened);
  }

  /** As its administrator opens it who knows of no agent. */
  startOpen(): void {
    this.bootClosed = false;
    this.start(0);
    this.opened = this.server;
    this.bootClosed = !this.kind.bootsByMarker;
  }

  /** SIGKILL of the main process; `orphansMs`: what it has started goes on for so long, where that can be. */
  kill(ending: DatabaseState, orphansMs = 0): void {
    const { server } = this;
    if (server === undefined) return;
    this.ending = ending;
    const isLeft = orphansMs > 0 && this.kind.hasOrphans;
    if (isLeft && this.role === 'writable' && this.isServing && !server.isStopped) {
      const orphans = new Process(this.host, `orphans ${this.name}`);
      this.orphans = orphans;
      orphans.onExit(() => this.#orphansEnded(orphans));
      orphans.after(orphansMs, () => orphans.kill());
    }
    server.kill();
  }

  endOrphans(): void {
    this.orphans?.kill();
  }

  /**
   * No new commits; what is written goes to disk and to the receivers, for which it waits until its time is up; then it ends. `takesMs`: what it
   * takes in any case.
   */
  shutDown(ending: DatabaseState, takesMs: number, withinMs: number, isDown: () => void): void {
    const { server } = this;
    if (server === undefined) return isDown();
    if (server.isStopped) {
      this.kill(ending);
      return isDown();
    }
    this.isServing = false;
    if (this.role === 'writable') this.around.witness.closed(this);
    this.#breakPending(server);
    for (const stream of this.followers) stream.pump();
    const endOrWait = (leftMs: number): void => {
      if (this.server === server && leftMs > 0 && this.kind.handsOver && !this.#hasHandedOver(server)) {
        this.host.timeline.after(HANDS_OVER_MS, () => endOrWait(leftMs - HANDS_OVER_MS));
        return;
      }
      if (this.server === server) {
        if (ending === 'stopped' && this.log instanceof RedisLog && !this.disk.isFull) this.log.save();
        this.kill(ending);
      }
      isDown();
    };
    this.host.timeline.after(takesMs, () => endOrWait(withinMs - takesMs));
  }

  /** All of its log is on its disk and on that of everybody who receives from it. */
  #hasHandedOver(server: Process): boolean {
    if (server.isStopped || this.disk.stalledUntil > this.host.timeline.now) return false;
    this.flushReceived(this.log.length);
    for (const { acknowledged } of this.followers) if (acknowledged < this.log.flushed) return false;
    return true;
  }

  /** A commit on a session of `server`, which was connected to before. */
  write(server: Process, key: number, value: number, answer: (committed: Committed) => void): void {
    const backend = this.#backendOf(server);
    if (backend === undefined) return answer('broken');
    backend.receive(() => {
      if (this.#backendOf(server) === undefined || (backend === server && !this.isServing))
        return answer('broken');
      if (this.role !== 'writable') return answer('refused');
      this.#commit(server, this.log.next({ kind: 'write', key, value }), true, answer);
    });
  }

  /** A local write that waits for nobody but the disk (S3). */
  writeMark(epoch: Epoch, mark: string, answer: (committed: Committed) => void): void {
    const { server } = this;
    const mayWrite = this.role === 'writable' || (this.kind.marksWhileClosed && this.upstream === undefined);
    if (server === undefined || !mayWrite) return answer('refused');
    this.#commit(server, this.log.next({ kind: 'mark', epoch, mark }), false, answer);
  }

  /** Reads what it holds for a client, in the order of the log. */
  values(): { readonly key: number; readonly value: number }[] {
    return this.log.entries
      .slice(0, this.log.applied)
      .flatMap(({ what }) => (what.kind === 'write' ? [what] : []));
  }

  /** The server becomes writable on a line of history of its own. */
  promote(timeline: number): void {
    this.cutUpstream();
    this.log.applied = this.log.flushed = this.log.length;
    this.log.branch(timeline);
    this.log.flushUpTo(this.log.length);
    this.log.applied = this.log.length;
    this.role = 'writable';
    this.opened = this.server;
    this.bootClosed = !this.kind.bootsByMarker;
    for (const stream of this.followers) stream.end();
    this.#onChange();
  }

  /** Not what is set and not taken up yet. */
  cutUpstream(): void {
    this.upstream = undefined;
    this.stream?.end();
  }

  /** Nothing arrives any more, though it is set to follow somebody still. */
  stopReceiving(): void {
    this.receives = false;
    this.stream?.end();
  }

  dropComing(): void {
    this.#coming = undefined;
  }

  /** The server takes up what is set in its own time. */
  follow(leader: PlanMember, confirms = false): void {
    const { server, around } = this;
    const coming = { leader };
    this.#coming = coming;
    server?.after(around.random.between(...TAKEN_UP_MS), () => {
      if (this.#coming !== coming || this.server !== server || this.role !== 'replica') return;
      this.#coming = undefined;
      if (this.upstream !== leader.name) this.stream?.end();
      this.upstream = leader.name;
      this.receives = true;
      this.confirms = confirms && this.areTold;
      this.connectSoon(1);
    });
  }

  connectSoon(delayMs: number = this.around.random.between(5, 300)): void {
    const { server } = this;
    const isSet = this.role === 'replica' && this.upstream !== undefined && this.receives;
    if (server === undefined || this.#connecting || !isSet) return;
    this.#connecting = true;
    const retry = this.host.timeline.after.bind(this.host.timeline);
    retry(delayMs, () => {
      this.#connecting = false;
      if (this.stream !== undefined) return;
      if (this.server !== server || !this.#connect(server)) this.connectSoon();
    });
  }

  #connect(server: Process): boolean {
    const leader = this.upstream === undefined ? undefined : this.around.find(this.upstream);
    if (leader === undefined || !this.isServing || !server.isRunning || this.role !== 'replica') return false;
    if (!this.receives || leader.server?.isRunning !== true || !leader.isServing) return false;
    if (!this.around.network.isOpenBothWays(this.host, leader.host)) return false;
    if (!this.#isServedBy(leader) || (this.confirms && !leader.admitted.has(this.name))) return false;
    this.around.witness.follows(this, leader);
    this.#copyWhole(leader);
    this.stream = new Stream(leader, this);
    if (this.log instanceof PostgresLog) this.log.knowAll(leader.log);
    this.stream.pump();
    this.#onChange();
    return true;
  }

  #isServedBy(leader: Database): boolean {
    if (!this.kind.isVolatile) return leader.log.dataId === this.log.dataId && leader.log.serves(this.log);
    // Whoever has no leader himself, nor is one, serves nobody; else everybody who names the right opening.
    const isAdmitted = this.names === undefined || this.names === leader.serves;
    return isAdmitted && (leader.role === 'writable' || leader.stream !== undefined);
  }

  /** Where its log does not go on with theirs, all of it is replaced by theirs, whatever it holds. */
  #copyWhole(leader: Database): void {
    const { log } = this;
    if (!(log instanceof RedisLog) || !(leader.log instanceof RedisLog) || leader.log.continues(log)) return;
    log.copy(leader.log);
    // Sent by way of a file, or not.
    if (this.around.random.chance(0.5)) log.save();
  }

  /** Log that a receiver wrote; false when it does not continue this one. */
  receive(base: number, entries: readonly Entry[]): boolean {
    if (base !== this.log.length || this.role !== 'replica') return false;
    this.#wroteItself = false;
    for (const entry of entries) this.log.append(entry);
    return true;
  }

  flushReceived(count: number): void {
    this.log.flushUpTo(count);
    if (this.kind.sealsUnapplied) {
      if (!this.isReplayPaused) this.log.applied = this.log.flushed;
    } else this.applySoon();
    for (const stream of this.followers) stream.pump();
  }

  /** The applier works beside the receiver, and is behind it. */
  applySoon(): void {
    const { server, around } = this;
    if (server === undefined || this.#isApplying) return;
    this.#isApplying = true;
    const { random } = around;
    const [from, to] = random.chance(0.02) ? SLOWLY_APPLIED_MS : APPLIED_MS;
    const ms = random.between(from, to);
    server.after(ms, () => {
      this.#isApplying = false;
      this.applyAll();
    });
  }

  applyAll(): void {
    const { log } = this;
    if (this.isReplayPaused || this.isBlocked) return;
    log.applied = Math.max(log.applied, log.flushed);
    for (const stream of this.followers) stream.pump();
  }

  /** A transaction of its own, in a log that is another's. False: it cannot be, or is what its log goes on with. */
  writeByItself(domain: number): boolean {
    const { log } = this;
    if (!(log instanceof MariadbLog) || this.server?.isRunning !== true || !this.isServing) return false;
    if (this.role === 'writable' || this.promotionAsked || log.isOwnLine || log.hasErrant) return false;
    log.writeByItself(domain);
    this.#onChange();
    return true;
  }

  /** Its applier has met what it wrote by itself, and goes no further. */
  get isBlocked(): boolean {
    return this.log instanceof MariadbLog && this.log.isBlocked;
  }

  pauseReplay(isPaused: boolean): void {
    this.isReplayPaused = isPaused;
    if (isPaused || this.server === undefined) return;
    if (this.kind.sealsUnapplied) this.log.applied = this.log.flushed;
    else if (this.receives) this.applySoon();
  }

  streamEnded(stream: Stream): void {
    if (this.stream !== stream) return;
    this.stream = undefined;
    this.connectSoon();
    this.#onChange();
  }

  /** A receiver has more of it on disk. */
  acknowledged(): void {
    this.#settle();
  }

  setSynchronous(synchronous: Database['synchronous']): void {
    this.synchronous = synchronous;
    this.#settle();
  }

  #commit(server: Process, entry: Entry, waits: boolean, answer: (committed: Committed) => void): void {
    this.log.append(entry);
    this.#wroteItself = true;
    const count = this.log.length;
    const pending: Pending = { server, answer };
    this.#pending.add(pending);
    this.#afterFsync(server, pending, () => {
      this.log.flushUpTo(count);
      this.log.applied = this.log.flushed;
      for (const stream of this.followers) stream.pump();
      if (waits && this.synchronous.acknowledgements > 0) {
        this.#waiting.push({ count, pending });
        this.#settle();
      } else this.#acknowledge(pending, entry);
    });
  }

  /** The backend that fsyncs may be stopped meanwhile, or have outlived its server. */
  #afterFsync(server: Process, pending: Pending, done: () => void): void {
    this.host.timeline.after(this.writeMs(), () => {
      if (!this.#pending.has(pending)) return;
      this.#backendOf(server)?.receive(() => {
        if (this.#pending.has(pending)) done();
      });
    });
  }

  #settle(): void {
    const { members, acknowledgements } = this.synchronous;
    const flushed = [...this.followers]
      .filter((stream) => (this.areTold ? stream.confirms : members.includes(stream.to.name)))
      .map((stream) => stream.acknowledged)
      .sort((a, b) => b - a);
    const upTo = acknowledgements === 0 ? Number.POSITIVE_INFINITY : (flushed[acknowledgements - 1] ?? 0);
    const held = this.#waiting;
    this.#waiting = held.filter(({ count }) => count > upTo);
    for (const { count, pending } of held) {
      const entry = this.log.entries[count - 1];
      if (count <= upTo && this.#pending.has(pending) && entry !== undefined)
        this.#acknowledge(pending, entry);
    }
  }

  #acknowledge(pending: Pending, entry: Entry): void {
    this.#pending.delete(pending);
    if (entry.what.kind === 'write') this.around.witness.acknowledged(this, entry);
    pending.answer('ok');
  }

  #backendOf(server: Process): Process | undefined {
    if (this.server === server) return server;
    return this.orphans?.isAlive === true && this.#orphanedFrom === server ? this.orphans : undefined;
  }

  #orphanedFrom: Process | undefined;

  #ended(server: Process): void {
    if (this.server !== server) return;
    this.server = undefined;
    this.isServing = false;
    this.#isApplying = false;
    this.promotionAsked = false;
    this.promotionAskedAt = undefined;
    this.stream?.end();
    for (const stream of this.followers) stream.end();
    if (this.orphans !== undefined) this.#orphanedFrom = server;
    else this.#loseUnwritten(server);
    this.#onChange();
  }

  #orphansEnded(orphans: Process): void {
    if (this.orphans !== orphans) return;
    this.orphans = undefined;
    if (this.#orphanedFrom !== undefined) this.#loseUnwritten(this.#orphanedFrom);
    this.#orphanedFrom = undefined;
    this.#onChange();
  }

  /** What was not on disk: the kernel may have written it all the same, unless the machine went down. */
  #loseUnwritten(server: Process): void {
    this.#breakPending(server);
    if (this.log instanceof RedisLog) return this.log.die();
    const { flushed, length } = this.log;
    const kept = this.host.isUp ? flushed + this.around.random.int(length - flushed + 1) : flushed;
    this.log.cut(kept);
    this.log.flushUpTo(kept);
    if (this.log.applied > kept) this.log.applied = kept;
    // What it wrote itself is not received log that waits to be applied.
    if (this.#wroteItself && !this.kind.sealsUnapplied) this.log.applied = kept;
  }

  #breakPending(server: Process): void {
    this.#waiting = this.#waiting.filter(({ pending }) => pending.server !== server);
    for (const pending of [...this.#pending]) {
      if (pending.server !== server) continue;
      this.#pending.delete(pending);
      pending.answer('broken');
    }
  }
}
