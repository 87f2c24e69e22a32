/**
 * The agent's engine port over the model of a database: the same actions, each taking its time, each able to fail, to be cut short, and to
 * land after its agent has died. Callbacks stand where the real one has promises.
 */
import { assertNever } from '#core/assert.js';
import { type MonotonicMs, NO_EPOCH } from '#core/brand.js';
import { type Durability, isEnforceable } from '#core/durability.js';
import type { PlanMember, ProvedOpening } from '#core/plan.js';
import { comparePositions, isOnSameLine, type Position } from '#core/position.js';
import { type Answering, type DatabaseState, NOBODY_LOWERED, type OwnTail } from '#core/report.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import type { ActionResult, EngineAction, EngineTimings, Observation } from '#agent/ports/engine.js';
import type { Database } from '#test/simulation/models/database.js';
import type { Entry } from '#test/simulation/models/log.js';
import { MariadbLog } from '#test/simulation/models/logs/mariadb.js';
import { PostgresLog } from '#test/simulation/models/logs/postgres.js';
import { RedisLog } from '#test/simulation/models/logs/redis.js';
import type { Host, Process } from '#test/simulation/world/host.js';

/** What a wrong engine does; the planted mistakes set one of these. */
export interface EngineMistakes {
  readonly fenceLeavesSessions?: boolean;
  readonly fenceLeavesOrphans?: boolean;
  readonly dropsReceivedLog?: boolean;
  readonly sealReadsBeforeTheCut?: boolean;
  readonly sealTrustsWhatIsTakenUp?: boolean;
  readonly provesBeforeTheWrite?: boolean;
  readonly opensTooLate?: boolean;
  readonly copiesWhileItReceives?: boolean;
  readonly salvagesNothing?: boolean;
  /** Of MariaDB: whoever was counted on once may go on confirming. */
  readonly removesNobody?: boolean;
  /** Of MariaDB: commits are made to wait once clients are there. */
  readonly letsClientsInFirst?: boolean;
  /** Of MariaDB: a replica confirms what it has received, and not written. */
  readonly confirmsUnwritten?: boolean;
  /** Of Redis: hands out as the tail what a server has that was started again since it led. */
  readonly handsOutAnotherLog?: boolean;
  /** Of Redis: its configuration lets it come up as a leader. */
  readonly bootsOpen?: boolean;
  /** Of Redis: points a server at its leader without asking whether its log may follow there. */
  readonly followsWhatever?: boolean;
  /** Of Redis: a receiver is served whatever opening it was told of. */
  readonly servesEverybody?: boolean;
  /** Of MariaDB: ends both threads before what was received is applied. */
  readonly sealStopsTheApplier?: boolean;
  /** Of MariaDB: leaves a replica's threads standing after its server was started again, and says that it follows. */
  readonly saysThatItFollows?: boolean;
}

/** How the engine's steps go wrong at present; faults turn these up. */
export interface Troubles {
  slowPromotion: number;
  refusedPromotion: number;
  stubbornFence: number;
  failedRewind: number;
  tornRewind: number;
}

export interface EngineDeps {
  readonly db: Database;
  readonly agent: Process;
  readonly troubles: Troubles;
  readonly mistakes: EngineMistakes;
  /** The other agent behind an address, while it lives. */
  readonly findPeer: (agentAddress: string) => Peer | undefined;
}

/** What another agent answers of its log. */
export interface Peer {
  readonly host: Host;
  readonly process: Process;
  /** undefined: refused. */
  readonly readTail: (from: Position, epoch: bigint) => readonly Entry[] | undefined;
}

type Done = (result: ActionResult) => void;

const DEATH_SEEN_MS = [1, 25] as const;
const FOLLOWS_WITHIN_MS = 5000;
/** For what was received to be applied. */
const SEALS_WITHIN_MS = 5000;
const LOOK_EVERY_MS = 20;
/** Heartbeats without a confirmation that is due. */
const STUCK_AFTER = 2;
const WROTE_BY_ITSELF: ActionResult = {
  kind: 'failed',
  code: 'REWIND_IMPOSSIBLE',
  text: 'it has written by itself, and goes no further',
};
/** Without a sign of life. */
const SILENT_AFTER_MS = 1_500;
/** The share of a fence's time in which a server may end in order. */
const IN_ORDER = 0.6;

export class Engine {
  readonly #deps: EngineDeps;
  #emit: (lookedAt: MonotonicMs, observation: Observation) => void = () => undefined;
  #timings: EngineTimings | undefined;
  #lookBegan: MonotonicMs | undefined;
  #position: Position | undefined;
  #dataId: string;
  #canaryAt: MonotonicMs | undefined;
  #askedAt: MonotonicMs;
  #silentSince: MonotonicMs | undefined;
  #under: { isOver: boolean; readonly done: Done } | undefined;
  #next: { readonly action: EngineAction; readonly done: Done }[] = [];

  constructor(deps: EngineDeps) {
    this.#deps = deps;
    this.#dataId = deps.db.keptDataId;
    this.#askedAt = deps.agent.host.now();
  }

  start(emit: (lookedAt: MonotonicMs, observation: Observation) => void): void {
    this.#emit = emit;
    const { db, agent } = this.#deps;
    db.onChange(() => {
      if (!agent.isAlive) return;
      agent.after(db.around.random.between(...DEATH_SEEN_MS), () => this.#changed());
    });
    this.#beat();
  }

  setTimings(timings: EngineTimings): void {
    this.#timings = timings;
  }

  run(action: EngineAction, done: Done): void {
    if (action.kind === 'fence') {
      this.#abort();
      return this.#fence(action.withinMs, done);
    }
    if (action.kind === 'seal') this.#abort();
    this.#next.push({ action, done });
    this.#proceed();
  }

  probe(member: PlanMember): Answering {
    const { db, agent } = this.#deps;
    const other = db.around.find(member.name);
    if (other === undefined || !db.around.network.isOpenBothWays(agent.host, other.host)) return 'silent';
    if (other.server === undefined) return 'refuses';
    return other.server.isStopped ? 'silent' : 'answers';
  }

  /** The engine's part of DESIGN 6.4. undefined: its log may still grow, or does not hold that position. */
  readTail(from: Position): readonly Entry[] | undefined {
    const { db } = this.#deps;
    const isReadable =
      (db.isGone && db.hasLedLog) ||
      (this.#hasLedLog() &&
        this.#isAskable() &&
        db.role === 'replica' &&
        db.stream === undefined &&
        !db.promotionAsked);
    return isReadable ? db.log.after(from) : undefined;
  }

  // Observation.

  #beat(): void {
    const heartbeatMs = this.#timings?.heartbeatMs ?? 250;
    if (this.#lookBegan === undefined) this.#look();
    else this.#tell(this.#lookBegan);
    this.#deps.agent.after(heartbeatMs, () => this.#beat());
  }

  #changed(): void {
    this.#lookBegan = undefined;
    if (this.#deps.db.server === undefined) this.#canaryAt = undefined;
    this.#askedAt = this.#deps.agent.host.now();
    if (this.#deps.db.isServing) this.#look();
    else this.#tell(this.#deps.agent.host.now());
  }

  #look(): void {
    const { db, agent } = this.#deps;
    const { server } = db;
    const began = agent.host.now();
    if (server === undefined || !db.isServing) return this.#tell(began);
    this.#lookBegan = began;
    const canaryMs = db.role === 'writable' ? db.writeMs() : db.around.random.between(0.2, 1);
    server.receive(() => {
      agent.host.timeline.after(canaryMs, () => {
        server.receive(() => agent.receive(() => this.#looked(began)));
      });
    });
  }

  #looked(began: MonotonicMs): void {
    if (this.#lookBegan !== began) return;
    this.#lookBegan = undefined;
    this.#askedAt = this.#deps.agent.host.now();
    const { db } = this.#deps;
    if (!db.disk.isFull || db.kind.isVolatile) this.#canaryAt = began;
    this.#tell(began);
  }

  #state(): DatabaseState {
    const { db, agent } = this.#deps;
    if (db.server === undefined) return db.ending;
    if (!db.isServing) return 'starting';
    const silentMs = this.#lookBegan === undefined ? 0 : agent.host.now() - this.#askedAt;
    return silentMs > (this.#timings?.canaryTimeoutMs ?? 1000) ? 'hung' : 'running';
  }

  #tell(lookedAt: MonotonicMs): void {
    this.#emit(lookedAt, this.observation());
  }

  observation(): Observation {
    const { db, agent } = this.#deps;
    this.#see();
    const isUp = db.server !== undefined && db.isServing;
    const isClosed = isUp && db.role === 'replica';
    const isTrying = (db.receives && !db.isBlocked) || this.#deps.mistakes.saysThatItFollows === true;
    const upstream = isClosed && isTrying ? db.upstream : undefined;
    const heartbeatMs = this.#timings?.heartbeatMs ?? 250;
    return {
      state: this.#state(),
      role: isUp ? db.role : 'unknown',
      dataId: this.#dataId,
      position: this.#position,
      backlog: db.log.flushed - db.log.applied,
      canaryAt: this.#canaryAt,
      canaryAgeMs: this.#canaryAt === undefined ? undefined : agent.host.now() - this.#canaryAt,
      upstream: upstream === undefined ? undefined : addressOf(upstream),
      streaming: isClosed && db.stream !== undefined && !db.isBlocked && !this.#hearsNothing(),
      followers: [...db.followers]
        .filter(({ stuckMs }) => isClosed || !db.kind.seesSilence || stuckMs <= STUCK_AFTER * heartbeatMs)
        .map((stream) => stream.to.name)
        .sort(),
      lowered: NOBODY_LOWERED,
      copying: undefined,
      salvaged: db.salvaged,
      processesGone: db.isGone,
      bootClosed: db.bootClosed,
      ownTail: this.#ownTail(isClosed),
    };
  }

  #hearsNothing(): boolean {
    const { db, agent } = this.#deps;
    const { stream } = db;
    const now = agent.host.now();
    const isHeard =
      stream === undefined ||
      (stream.from.server?.isRunning === true && db.around.network.isOpen(stream.from.host, db.host));
    this.#silentSince = isHeard ? undefined : (this.#silentSince ?? now);
    return (
      db.kind.hearsSilence && this.#silentSince !== undefined && now - this.#silentSince > SILENT_AFTER_MS
    );
  }

  /** A server that is down is told of as it was seen last; of data in memory nothing else is left. */
  #see(): void {
    const { db } = this.#deps;
    if (db.kind.isVolatile && (db.server === undefined || !db.isServing)) return;
    this.#position = db.log.position();
    this.#dataId = db.log.dataId;
  }

  // Steps.

  #abort(): void {
    const { agent } = this.#deps;
    const under = this.#under;
    this.#under = undefined;
    const dropped = this.#next.splice(0);
    const aborted: ActionResult = { kind: 'failed', code: 'ENGINE_FAILED', text: 'cut short' };
    if (under !== undefined) under.isOver = true;
    for (const done of [...(under === undefined ? [] : [under.done]), ...dropped.map((one) => one.done)])
      agent.after(0.1, () => done(aborted));
  }

  #proceed(): void {
    if (this.#under !== undefined) return;
    const next = this.#next.shift();
    if (next === undefined) return;
    const under = { isOver: false, done: next.done };
    this.#under = under;
    const finish = (result: ActionResult): void => {
      if (under.isOver) return;
      under.isOver = true;
      if (this.#under === under) this.#under = undefined;
      next.done(result);
      this.#deps.agent.after(1, () => {
        if (this.#lookBegan === undefined) this.#look();
      });
      this.#proceed();
    };
    this.#take(next.action, new Step(this.#deps.agent, under, finish));
  }

  #take(action: EngineAction, step: Step): void {
    const { db } = this.#deps;
    switch (action.kind) {
      case 'fence':
        return this.#fence(action.withinMs, (result) => step.finish(result));
      case 'start':
        return this.#start(step, { kind: 'started' });
      case 'seal':
        return this.#seal(step);
      case 'takeTail':
        return this.#takeTail(action, step);
      case 'open':
        return this.#open(action, step);
      case 'setDurability':
        return this.#setDurability(action, step);
      case 'follow':
        return this.#follow(action, step);
      case 'reclone':
        return this.#reclone(action, step);
      case 'rewind':
        return this.#rewind(action, step);
      case 'checkpoint':
        return step.after(db.around.random.between(5, 50), () => step.finish({ kind: 'checkpointed' }));
      case 'keepSlots':
        return step.after(2, () => step.finish({ kind: 'slotsKept' }));
      case 'release':
        return step.after(10, () => step.finish({ kind: 'released' }));
      default:
        return assertNever(action);
    }
  }

  #fence(withinMs: number, done: Done): void {
    const { db, agent, troubles, mistakes } = this.#deps;
    const { random } = db.around;
    const { server } = db;
    const wasClosed = db.bootClosed;
    if (!db.disk.isFull) db.bootClosed = true;
    const isClosed =
      server === undefined ||
      (wasClosed && db.isServing && db.role === 'replica' && server.isRunning && !db.promotionAsked);
    const isStubborn = random.chance(troubles.stubbornFence);
    const finish = (): void => {
      const leaves = mistakes.fenceLeavesOrphans === true;
      const orphans = !leaves && isStubborn && db.orphans !== undefined ? 1 : 0;
      if (!leaves && orphans === 0) db.endOrphans();
      const isLeft = server !== undefined && db.server === server && !isClosed && db.canCommit;
      const clientSessions = isLeft && mistakes.fenceLeavesSessions !== true ? 2 : 0;
      agent.after(0.5, () => done({ kind: 'fenced', clientSessions, orphans }));
    };
    if (isClosed || isStubborn || mistakes.fenceLeavesSessions === true) {
      agent.after(random.between(0.5, 3), finish);
      return;
    }
    if (!db.kind.fenceStops && server.isRunning && db.isServing)
      return void agent.after(random.between(0.5, 5), () => {
        if (db.server !== server || server.isStopped) return this.#fence(withinMs, done);
        db.closeGently();
        finish();
      });
    if (!db.kind.handsOver) {
      return void agent.after(random.between(0.5, 5), () => {
        if (db.server === server) db.kill('fenced');
        finish();
      });
    }
    const stopMs = random.chance(0.9) ? random.between(1, 20) : random.between(20, withinMs * 0.7);
    const inOrderMs = withinMs * IN_ORDER;
    db.shutDown('fenced', Math.min(stopMs, withinMs * 0.8), inOrderMs, () => agent.receive(finish));
  }

  #start(step: Step, result: ActionResult): void {
    const { db } = this.#deps;
    const { random } = db.around;
    if (db.disk.isFull) return step.after(5, () => step.fail('the disk is full'));
    if (db.isTorn)
      return step.after(5, () =>
        step.finish({ kind: 'failed', code: 'REWIND_BROKEN', text: 'it was interrupted' }),
      );
    if (db.server === undefined) {
      db.bootClosed = true;
      if (db.kind.resumesByItself) db.upstream = undefined;
      db.promotionAsked = false;
      db.start(random.between(10, 150));
    }
    step.until(
      30_000,
      LOOK_EVERY_MS,
      () => db.isServing && db.server?.isRunning === true,
      (isUp) => {
        if (!isUp) step.fail('the server does not answer');
        else if (db.role === 'writable') step.fail('the server came up accepting writes');
        else step.finish(result);
      },
    );
  }

  #seal(step: Step): void {
    const { db, mistakes } = this.#deps;
    if (!this.#isAskable()) return step.after(1, () => step.fail('no session'));
    if (db.role === 'writable') return step.after(1, () => step.fail('it accepts writes'));
    if (db.promotionAsked) return step.after(1, () => step.fail('a promotion was asked for'));
    if (!db.kind.sealsUnapplied)
      return this.#applyAndStop(step, () => step.finish({ kind: 'sealed', position: db.log.position() }));
    const early = mistakes.sealReadsBeforeTheCut === true ? db.log.position() : undefined;
    if (early === undefined) db.cutUpstream();
    if (mistakes.sealTrustsWhatIsTakenUp !== true) db.dropComing();
    step.after(db.around.random.between(2, 15), () => {
      db.cutUpstream();
      if (!this.#isAskable() || db.role === 'writable') return step.fail('no session');
      // What was received is written out before the receiver ends.
      db.flushReceived(db.log.length);
      step.finish({ kind: 'sealed', position: early ?? db.log.position() });
    });
  }

  /**
   * Whose log does not outlast a stop of both its threads: told to apply, told to receive no more, waited for, and only then set to follow nobody.
   * After a restart both stand, and what lies there is applied from its files.
   */
  #applyAndStop(step: Step, then: () => void): void {
    const { db, mistakes } = this.#deps;
    const { random } = db.around;
    const { server } = db;
    const isLost = (): boolean => !this.#isAskable() || db.role === 'writable' || db.server !== server;
    const isForeign = db.log instanceof MariadbLog && db.log.hasErrant;
    const end = (): void =>
      step.after(random.between(0.5, 3), () => {
        if (isLost()) return step.fail('no session');
        db.cutUpstream();
        then();
      });
    db.dropComing();
    if (db.upstream === undefined) return end();
    if (mistakes.sealStopsTheApplier === true) {
      db.stopReceiving();
      db.log.cut(db.log.applied);
      return end();
    }
    db.pauseReplay(false);
    step.after(random.between(0.5, 3), () => {
      if (isLost()) return step.fail('no session');
      db.stopReceiving();
      db.flushReceived(db.log.length);
      step.until(
        SEALS_WITHIN_MS,
        2,
        () => isLost() || db.log.applied === db.log.length,
        (isApplied) => {
          if (isApplied && !isLost()) end();
          else if (isForeign && db.isBlocked) step.finish(WROTE_BY_ITSELF);
          else step.fail('it is still applying');
        },
      );
    });
  }

  #takeTail(action: EngineAction & { kind: 'takeTail' }, step: Step): void {
    const { db, agent } = this.#deps;
    const { network, random } = db.around;
    const peer = this.#deps.findPeer(action.agentAddress);
    step.within(action.timeoutMs, 'no answer in time');
    if (peer === undefined) return;
    const from = db.log.position();
    network.send(agent.host, peer.host, () => {
      peer.process.receive(() => {
        const tail = peer.readTail(from, action.epoch);
        network.send(peer.host, agent.host, () => {
          if (tail === undefined) return step.fail('refused');
          step.after(random.between(2, 20), () => {
            if (!this.#isAskable() || db.role !== 'replica') return step.fail('no session');
            for (const entry of tail) db.log.append(entry);
            db.flushReceived(db.log.length);
            if (!db.kind.sealsUnapplied) db.log.applied = db.log.length;
            step.finish({ kind: 'tailTaken', atLeast: db.log.position(), bytes: tail.length });
          });
        });
      });
    });
  }

  #open(action: EngineAction & { kind: 'open' }, step: Step): void {
    const { db, mistakes, troubles } = this.#deps;
    const { random } = db.around;
    step.within(action.timeoutMs, 'not in time');
    if (!this.#isAskable()) return step.after(1, () => step.fail('no session'));
    const atLeast = action.opening.state === 'pending' ? action.opening.atLeast : undefined;
    if (db.log.dataId === '') return step.after(1, () => step.fail('it has no data'));
    if (db.role === 'writable') {
      if (!reaches(db.log.position(), atLeast)) return step.after(1, () => step.fail('behind'));
      if (db.areTold) return this.#putInForce(action.durability, step, () => this.#mark(action, step));
      db.setSynchronous(asSynchronous(action.durability));
      return this.#mark(action, step);
    }
    if (db.upstream !== undefined) return step.after(1, () => step.fail('it is not sealed'));
    if (mistakes.dropsReceivedLog === true && db.kind.sealsUnapplied) {
      db.log.cut(db.log.applied);
      return this.#promote(action, step, 10);
    }
    if (!reaches(db.log.position(), atLeast)) return step.after(1, () => step.fail('behind'));
    const promoteMs = random.chance(troubles.slowPromotion)
      ? random.between(500, 6000)
      : random.between(2, 40);
    if (random.chance(troubles.refusedPromotion)) return step.after(5, () => step.fail('refused'));
    // What holds the replay up is ended: all that was received is applied first.
    db.pauseReplay(false);
    step.until(
      action.timeoutMs,
      2,
      () => db.log.applied === db.log.length,
      (isApplied) => {
        if (!isApplied || !this.#isAskable()) step.fail('not applied');
        else if (db.kind.marksWhileClosed) this.#markAndOpen(action, step, promoteMs);
        else this.#promote(action, step, promoteMs);
      },
    );
  }

  /** The mark first, while clients are kept out: a server that ends in between holds an opening that never was. */
  #markAndOpen(action: EngineAction & { kind: 'open' }, step: Step, opensMs: number): void {
    const { db, mistakes, agent } = this.#deps;
    const { server } = db;
    if (server === undefined) return step.fail('the server is gone');
    const mayOpen = (): boolean => mistakes.opensTooLate === true || action.mayOpen();
    if (!mayOpen()) return step.fail('its right has run out meanwhile');
    db.promotionAsked = true;
    db.promotionAskedAt = db.host.timeline.now;
    const provedAt = agent.host.now();
    const open = (): void =>
      step.after(opensMs, () => {
        if (!this.#isAskable() || db.server !== server) return step.fail('no session');
        if (!mayOpen()) return step.fail('its right has run out meanwhile');
        const letIn = (): void => {
          db.promotionAskedAt = db.host.timeline.now;
          db.promote(action.timeline ?? 0);
          db.promotionAsked = false;
          db.around.witness.opened(db, action.epoch);
          db.promotionAskedAt = undefined;
        };
        if (mistakes.letsClientsInFirst === true) {
          letIn();
          return step.after(50, () =>
            this.#putInForce(action.durability, step, () => this.#report(action, step, provedAt)),
          );
        }
        this.#putInForce(action.durability, step, () => {
          if (!mayOpen()) return step.fail('its right has run out meanwhile');
          letIn();
          this.#report(action, step, provedAt);
        });
      });
    if (mistakes.provesBeforeTheWrite === true || db.log.lastMark()?.epoch === action.epoch) return open();
    db.writeMark(action.epoch, action.mark, (committed) => {
      if (committed === 'ok') open();
      else step.fail('the mark was not written');
    });
  }

  /** Statement by statement, on a server whose replicas say that they confirm: who may, and then that commits wait. */
  #putInForce({ synchronous, acknowledgements }: Durability, step: Step, then: () => void): void {
    const { db, mistakes } = this.#deps;
    const { random } = db.around;
    const { server } = db;
    if (!isEnforceable(db.kind.name, { acknowledgements }))
      return step.after(1, () => step.fail(`it cannot wait for ${acknowledgements}`));
    const next = (happen: () => void): void =>
      step.after(random.between(0.5, 4), () => {
        if (!this.#isAskable() || db.server !== server) step.fail('no session');
        else happen();
      });
    next(() => {
      if (mistakes.removesNobody !== true) db.admitOnly(synchronous);
      next(() => {
        for (const name of synchronous) db.admitted.add(name);
        next(() => {
          db.setSynchronous({ members: synchronous, acknowledgements });
          then();
        });
      });
    });
  }

  #report(action: EngineAction & { kind: 'open' }, step: Step, provedAt: MonotonicMs): void {
    const { db } = this.#deps;
    step.after(this.#jumpMs(action), () =>
      step.finish({
        kind: 'opened',
        provedAt,
        opened: {
          epoch: action.epoch,
          mark: this.#markOf(action),
          position: db.log.position(),
          lineage: '',
          identifiers: undefined,
        },
      }),
    );
  }

  /** Which stands there: an earlier try at the same epoch may have written it. */
  #markOf({ epoch, mark }: EngineAction & { kind: 'open' }): string {
    const known = this.#deps.db.log.lastMark();
    return known?.epoch === epoch ? known.mark : mark;
  }

  /** Asked for, it goes through by itself, whatever becomes of the agent. */
  #promote(action: EngineAction & { kind: 'open' }, step: Step, promoteMs: number): void {
    const { db, mistakes } = this.#deps;
    const { server } = db;
    if (server === undefined) return step.fail('the server is gone');
    if (mistakes.opensTooLate !== true && !action.mayOpen())
      return step.fail('its right has run out meanwhile');
    db.promotionAsked = true;
    db.promotionAskedAt = db.host.timeline.now;
    // In force before the first client gets in.
    db.setSynchronous(asSynchronous(action.durability));
    server.after(promoteMs, () => {
      if (db.server !== server || db.role === 'writable' || !db.promotionAsked) return;
      db.promote(action.timeline ?? 0);
      // The mark comes with the promotion, in one.
      if (db.kind.isVolatile && mistakes.provesBeforeTheWrite !== true)
        db.log.append(db.log.next({ kind: 'mark', epoch: action.epoch, mark: action.mark }));
      db.serves = this.#markOf(action);
      db.promotionAsked = false;
      db.around.witness.opened(db, action.epoch);
      db.promotionAskedAt = undefined;
    });
    step.until(
      action.timeoutMs,
      2,
      () => db.role === 'writable' || db.server !== server,
      (isDone) => {
        if (!isDone || db.server !== server) step.fail('the promotion has not gone through');
        else this.#mark(action, step);
      },
    );
  }

  #mark(action: EngineAction & { kind: 'open' }, step: Step): void {
    const { db, mistakes } = this.#deps;
    step.after(db.around.random.between(0.2, 1), () => {
      db.bootClosed = true;
      const provedAt = this.#deps.agent.host.now();
      if (db.openedAt !== action.epoch) db.around.witness.opened(db, action.epoch);
      const report = (): void => this.#report(action, step, provedAt);
      if (mistakes.provesBeforeTheWrite === true) return report();
      if (!this.#isAskable()) return step.fail('no session');
      db.serves = this.#markOf(action);
      const known = db.log.lastMark();
      if (known?.epoch === action.epoch) {
        // Written again as it stands: what is told is told of then.
        const position = db.log.position();
        return step.after(db.disk.fsyncMs(), () =>
          step.finish({
            kind: 'opened',
            provedAt,
            opened: { epoch: action.epoch, mark: known.mark, position, lineage: '', identifiers: undefined },
          }),
        );
      }
      db.writeMark(action.epoch, action.mark, (committed) => {
        if (committed === 'ok') report();
        else step.fail('the mark was not written');
      });
    });
  }

  /** Clients may write meanwhile; a sequence that somebody holds costs a second. */
  #jumpMs({ identifierGap }: EngineAction & { kind: 'open' }): number {
    const { random } = this.#deps.db.around;
    if (identifierGap === undefined) return 0;
    return random.chance(0.1) ? 1000 : random.between(2, 60);
  }

  /** Each sender takes it up in its own time; what they still acknowledge by the old one lies below where the log ends then. */
  #setDurability({ durability, timeoutMs }: EngineAction & { kind: 'setDurability' }, step: Step): void {
    const { db } = this.#deps;
    step.within(timeoutMs, 'not in time');
    if (!this.#isAskable()) return step.after(1, () => step.fail('no session'));
    if (db.areTold)
      return this.#putInForce(durability, step, () =>
        step.after(1, () => step.finish({ kind: 'durabilitySet', holds: db.log.position() })),
      );
    const { server } = db;
    step.after(db.around.random.between(1, 10), () => {
      if (!this.#isAskable() || db.server !== server) return step.fail('no session');
      db.setSynchronous(asSynchronous(durability));
      step.after(db.around.random.between(1, 30), () => {
        if (!this.#isAskable() || db.server !== server) return step.fail('no session');
        step.finish({ kind: 'durabilitySet', holds: db.log.position() });
      });
    });
  }

  #follow({ leader, openings, confirms }: EngineAction & { kind: 'follow' }, step: Step): void {
    const { db, mistakes } = this.#deps;
    if (!this.#isAskable() || db.role === 'writable') return step.after(1, () => step.fail('no session'));
    const point = (): void => {
      if (db.log instanceof MariadbLog && db.log.hasErrant) return step.finish(WROTE_BY_ITSELF);
      if (db.log instanceof RedisLog && mistakes.followsWhatever !== true) {
        const stands = S2_ancestry(db.log.position(), openings);
        if (stands !== 'behind' && stands !== 'equal')
          return step.finish({ kind: 'failed', code: 'DIVERGED', text: `its log is ${stands}` });
        this.#saveFromTheUnknown(leader, openings);
      }
      db.serves = openings.at(-1)?.mark;
      if (mistakes.servesEverybody !== true) db.names = db.serves;
      db.follow(leader, confirms);
      step.until(
        FOLLOWS_WITHIN_MS,
        LOOK_EVERY_MS,
        () => db.stream?.from.name === leader.name,
        (isStreaming) => {
          if (isStreaming) step.finish({ kind: 'following' });
          else step.fail('no log arrives');
        },
      );
    };
    const isSame = db.upstream === leader.name && db.confirms === confirms;
    const isSet = isSame && db.receives && !db.isBlocked;
    if (db.kind.sealsUnapplied || isSet) return point();
    this.#applyAndStop(step, point);
  }

  #rewind(action: EngineAction & { kind: 'rewind' }, step: Step): void {
    const { db, troubles, agent } = this.#deps;
    const { random, network } = db.around;
    if (!db.kind.rewinds)
      return step.after(1, () =>
        step.finish({ kind: 'failed', code: 'REWIND_IMPOSSIBLE', text: 'nothing in it can be taken back' }),
      );
    const leader = db.around.find(action.leader.name);
    if (leader?.server?.isRunning !== true || !network.isOpenBothWays(agent.host, leader.host))
      return step.after(20, () => step.fail('the leader does not answer'));
    if (db.server !== undefined && db.kind.fenceStops) db.shutDown('fenced', 5, 5, () => undefined);
    step.after(random.between(50, 800), () => {
      if (leader.server?.isRunning !== true || !network.isOpenBothWays(agent.host, leader.host))
        return step.fail('the leader does not answer');
      const stands = S2_ancestry(db.log.position(), action.openings);
      if (stands !== 'behind' && stands !== 'equal') {
        if (db.kind.fenceStops && random.chance(troubles.tornRewind)) {
          this.#salvage(db.log.sharedBy(leader.log), action.openings);
          db.isTorn = true;
          return this.#start(step, { kind: 'rewound' });
        }
        if (random.chance(troubles.failedRewind)) {
          return this.#start(step, { kind: 'failed', code: 'REWIND_IMPOSSIBLE', text: 'its log is gone' });
        }
        const shared = db.log.sharedBy(leader.log);
        const newest = action.openings.at(-1)?.position;
        const isTold = newest === undefined || !isOnSameLine(newest, db.log.position());
        if (!isTold && stands === 'diverged')
          return this.#start(step, {
            kind: 'failed',
            code: 'REWIND_IMPOSSIBLE',
            text: 'two lines of history share a number',
          });
        this.#salvage(shared, action.openings);
        db.around.witness.rewound(db, shared);
        // What is in memory is replaced as a whole.
        if (db.kind.isVolatile) db.log.copy(leader.log);
        else db.log.cut(shared);
      }
      this.#start(step, { kind: 'rewound' });
    });
  }

  /** Ended at any moment before the swap it has changed nothing, but that nothing is received any more. */
  #reclone({ source, openings, salvageWaived }: EngineAction & { kind: 'reclone' }, step: Step): void {
    const { db, agent, mistakes } = this.#deps;
    const { random, network, find } = db.around;
    const from = find(source.name);
    const isThere = (): boolean =>
      from?.server?.isRunning === true && from.isServing && network.isOpenBothWays(agent.host, from.host);
    if (from === undefined || !isThere())
      return step.after(20, () => step.fail('the source does not answer'));
    if (mistakes.copiesWhileItReceives !== true) db.cutUpstream();
    const had = db.isTorn ? 0 : db.log.sharedBy(from.log);
    step.after(random.between(5, 50), () => {
      const copy = db.log.blank();
      copy.copy(from.log);
      // Of a replica's copy it is checked that it holds no less of the leader's history.
      if (copy.length < had) return step.fail('the copy holds less than this member has had');
      step.until(
        random.between(100, 3000),
        LOOK_EVERY_MS,
        () => !isThere(),
        (isLost) => {
          if (isLost) return step.fail('the source is lost');
          if (db.server !== undefined) db.shutDown('fenced', 5, 5, () => undefined);
          step.after(20, () => {
            if (db.server !== undefined) return step.fail('the server does not end');
            if (!salvageWaived && !db.isTorn) this.#salvage(had, openings);
            db.around.witness.recloned(db, copy);
            db.log.copy(copy);
            if (db.log instanceof RedisLog) db.log.keepCopy();
            db.isTorn = false;
            db.bootClosed = true;
            db.ending = 'fenced';
            step.finish({ kind: 'recloned', copyId: undefined });
          });
        },
      );
    });
  }

  /** A file that does not tell how far it goes may hold what nobody else has, and a copy is about to take its place. */
  #saveFromTheUnknown({ name }: PlanMember, openings: readonly ProvedOpening[]): void {
    const { db } = this.#deps;
    const leader = db.around.find(name);
    if (!(db.log instanceof RedisLog) || db.log.isPlaceKnown || leader === undefined) return;
    const shared = db.log.sharedBy(leader.log);
    this.#salvage(shared, openings);
    db.around.witness.rewound(db, shared);
    db.log.keepOnly(shared);
  }

  /** What only this log has, before it goes. */
  #salvage(shared: number, openings: readonly ProvedOpening[]): void {
    const { db, mistakes } = this.#deps;
    const own = db.log.entries.slice(shared);
    const { epoch } = openings.at(-1) ?? { epoch: NO_EPOCH };
    if (own.length === 0) return;
    const writes = own.filter(({ what }) => what.kind === 'write').length;
    const count = mistakes.salvagesNothing === true ? 0 : writes;
    const line = db.log instanceof PostgresLog ? db.log.timeline : 0;
    const name = `${epoch}-${line}-${db.log.length}`;
    db.salvaged = { epoch, name, transactions: count, rows: count, bytes: own.length };
  }

  #ownTail(isClosed: boolean): OwnTail {
    const { db } = this.#deps;
    if (!db.isGone && !(isClosed && db.bootClosed)) return 'awaited';
    if (db.isGone ? db.hasLedLog : this.#hasLedLog() && !db.promotionAsked) return 'readable';
    return db.kind.isVolatile && !this.#hasLedLog() ? 'lost' : 'awaited';
  }

  #hasLedLog(): boolean {
    return this.#deps.db.hasLedLog || this.#deps.mistakes.handsOutAnotherLog === true;
  }

  #isAskable(): boolean {
    const { db } = this.#deps;
    return db.server?.isRunning === true && db.isServing;
  }
}

/** One step under way: what it does later it does only while nothing has cut it short. */
class Step {
  readonly #agent: Process;
  readonly #under: { readonly isOver: boolean };
  readonly finish: Done;

  constructor(agent: Process, under: { readonly isOver: boolean }, finish: Done) {
    this.#agent = agent;
    this.#under = under;
    this.finish = finish;
  }

  fail(text: string): void {
    this.finish({ kind: 'failed', code: 'ENGINE_FAILED', text });
  }

  after(ms: number, happen: () => void): void {
    this.#agent.after(ms, () => {
      if (!this.#under.isOver) happen();
    });
  }

  within(ms: number, text: string): void {
    this.after(ms, () => this.fail(text));
  }

  until(withinMs: number, everyMs: number, isSo: () => boolean, then: (isSo: boolean) => void): void {
    if (isSo()) return then(true);
    if (withinMs <= 0) return then(false);
    this.after(everyMs, () => this.until(withinMs - everyMs, everyMs, isSo, then));
  }
}

function reaches(position: Position, atLeast: Position | undefined): boolean {
  if (atLeast === undefined) return true;
  const stands = comparePositions({ ...position, marks: [] }, { ...atLeast, marks: [] });
  return stands === 'ahead' || stands === 'equal';
}

const asSynchronous = ({ synchronous, acknowledgements }: Durability): Database['synchronous'] => ({
  members: synchronous,
  acknowledgements,
});

export const addressOf = (member: string): string => `${member}:5432`;
