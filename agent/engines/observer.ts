/**
 * Watches a server: its process many times a second, for a death must be known at once; its inside with every heartbeat. It runs beside a
 * busy database for ever, and what costs is waking up: so there is one timer, and whatever is due is done together. Beyond the canary,
 * nothing here changes the server. How its inside is looked at is the engine's (`Eyes`).
 */
import { after, asDuration, latest, LONG_AGO, type MonotonicMs, since } from '#core/brand.js';
import type { Position } from '#core/position.js';
import type { DatabaseRole, DatabaseState } from '#core/report.js';
import { canaryAt, LOGIN_EVERY, noCanaries, silentMs } from '#agent/engines/canary.js';
import type { ProcessId } from '#agent/engines/process-table.js';
import type { Answer, Sessions } from '#agent/engines/session.js';
import { type Watched, watchServer } from '#agent/engines/watch-server.js';
import type { EngineEvent, EngineTimings, Observation } from '#agent/ports/engine.js';
import type { Log } from '#core/log.js';

/**
 * With a session, a death is told by the session's end, and ticks are for the rest; it ends a moment before the main process has quite
 * gone, so the next ticks are close. Without one, the process is all there is to see.
 */
const TICK_MS = { withSession: 125, justLost: 5, without: 25 };
const JUST_LOST_MS = 50;
const RECONNECT_EVERY_MS = 50;
/** A tick that comes so late was held up in this process: the server's silence meanwhile proves nothing. */
const LATE_TICK_MS = 250;

export interface ObservedServer extends Watched {
  readonly connection: Sessions;
  readonly log: Log;
  /** Its log can be read once it is dead: it lies on a disk. */
  readonly tailOutlivesServer: boolean;
}

/** What a look at a running server found. */
export interface Look {
  /** It accepts no writes. */
  readonly closed: boolean;
  readonly position: Position;
  /** Log is arriving from whom it is set to follow. */
  readonly streaming: boolean;
  /** `host:port` that it is set to follow. */
  readonly upstream: string | undefined;
  /** The members that receive from it. */
  readonly followers: readonly string[];
  /** Log that is received and not applied, as the engine counts it. */
  readonly backlog: number;
  /** Of a closed server; undefined: its log can be read. */
  readonly hasNoTail?: boolean;
}

/** What is told beside what a look finds. */
export type Aside = Pick<Observation, 'bootClosed' | 'lowered' | 'copying' | 'salvaged'>;

export interface Eyes {
  /**
   * Looks, and flies the canary if it may and the server accepts writes. `cameBack` as soon as an answer proves that the server serves, and
   * whether it wrote, or needs not to: what else is asked may take a while on a busy machine.
   */
  look(mayWrite: boolean, cameBack: (proof: { readonly wrote: boolean }) => void): Promise<Look>;
  /** `anew`: with a heartbeat; else what was known then will do. */
  aside(anew: boolean): Aside;
  /** Which data a server is that cannot be asked; rejects where nothing tells. */
  dataIdAtRest(): Promise<string>;
  onFound?(main: ProcessId): void;
  /** A session was made. */
  onLogin?(): Promise<void>;
  /** A server says to a further login that it changes, while our session is there. */
  onChanging?(): Promise<void>;
  /** True: something has changed inside, look now. */
  onTick?(): boolean;
  onBeat?(role: DatabaseRole): void;
  onEnd?(): void;
  /** All is to be read again, also what changes seldom. */
  forget?(): void;
  stop?(): void;
}

export interface Observer {
  start(): void;
  stop(): void;
  /** Looks again and tells what it sees. */
  refresh(): Promise<void>;
  sessionLost(): void;
  setTimings(timings: EngineTimings): void;
  /** The canary must not be the first write of an opening: until it is let go, looks do not write. */
  holdCanary(): void;
  /** `markedAt`: when the write of a mark began, which came back. */
  letCanary(markedAt?: MonotonicMs): void;
}

export function createObserver(
  server: ObservedServer,
  eyes: Eyes,
  emit: (event: EngineEvent) => void,
): Observer {
  const { connection, now } = server;
  const watch = watchServer(server, onFound, onChange);
  let timings: EngineTimings = { heartbeatMs: asDuration(250), canaryTimeoutMs: asDuration(1000) };
  let timer: NodeJS.Timeout | undefined;
  let beatAt = LONG_AGO;
  let lostAt = LONG_AGO;
  let running = false;
  let tickedAt = now();
  /** `changing`: it comes up or goes down, and cannot be asked. */
  let mood: 'unknown' | 'serving' | 'changing' = 'unknown';
  /** When the look began that what is known now comes from. */
  let knownAt = now();
  /** Of the server that runs now. */
  let seen: Look | undefined;
  let position: Position | undefined;
  let dataId = '';
  let canaries = noCanaries(now());
  let canaryHeld = false;
  let looking: Promise<void> | undefined;
  let loggingIn = false;
  let refusal = '';
  let connectTriedAt = LONG_AGO;
  let told = '';

  function wake(): void {
    if (!running) return;
    clearTimeout(timer);
    tick();
    if (now() >= beatAt) {
      beatAt = after(now(), timings.heartbeatMs);
      void beat();
    }
    timer = setTimeout(wake, Math.min(pause(), Math.max(0, since(now(), beatAt))));
  }

  function pause(): number {
    if (!connection.isReady())
      return since(lostAt, now()) < JUST_LOST_MS ? TICK_MS.justLost : TICK_MS.without;
    return timings.heartbeatMs / Math.ceil(timings.heartbeatMs / TICK_MS.withSession);
  }

  function tick(): void {
    const isLate = since(tickedAt, now()) > LATE_TICK_MS;
    tickedAt = now();
    if (isLate) canaries = { ...canaries, listeningSince: tickedAt };
    watch.tick();
    if (eyes.onTick?.() === true) void look();
    if (watch.main() !== undefined && !connection.isReady()) void reconnect();
    tell(false);
  }

  function onFound(): void {
    canaries = noCanaries(now());
    const main = watch.main();
    if (main !== undefined) eyes.onFound?.(main);
    if (!connection.isReady()) return void reconnect();
    void flyLoginCanary();
    void look();
  }

  /** The server's end, or the end of its last process. */
  function onChange(): void {
    mood = 'unknown';
    knownAt = now();
    seen = undefined;
    eyes.onEnd?.();
    connection.close();
    tell(true);
    if (position === undefined) readDataId();
  }

  function readDataId(): void {
    eyes.dataIdAtRest().then(
      (found) => (dataId = found),
      () => undefined, // told by check
    );
  }

  async function reconnect(): Promise<void> {
    if (loggingIn || since(connectTriedAt, now()) < RECONNECT_EVERY_MS) return;
    connectTriedAt = now();
    if (!(await login(() => connection.connect(timings.canaryTimeoutMs)))) return;
    await eyes.onLogin?.();
    await look();
  }

  async function flyLoginCanary(): Promise<void> {
    if (loggingIn || !connection.isReady()) return;
    await login(() => connection.tryLogin(timings.canaryTimeoutMs));
  }

  /** True when the server let us in. Any answer but that it changes is that of a server that serves. */
  async function login(attempt: () => Promise<Answer>): Promise<boolean> {
    const startedAt = now();
    loggingIn = true;
    try {
      const answer = await attempt();
      if (answer.kind === 'silent') return false;
      canaries = { ...canaries, loggedInAt: startedAt };
      if (answer.kind === 'ready') return true;
      if (connection.isReady()) {
        if (answer.kind === 'changing') await eyes.onChanging?.();
      } else if (answer.kind === 'refused') {
        if (answer.text !== refusal) server.log('warn', 'LOGIN_REFUSED', { because: answer.text });
        refusal = answer.text;
      } else {
        [mood, knownAt, seen] = ['changing', startedAt, undefined];
        // Who says that he changes has answered; where nobody listens yet, silence cannot count.
        canaries =
          answer.kind === 'changing'
            ? { ...canaries, lookedAt: startedAt }
            : { ...canaries, listeningSince: now() };
      }
      return false;
    } finally {
      loggingIn = false;
      tell(false);
    }
  }

  function look(): Promise<void> {
    // Whoever let us in may be up since the last tick.
    if (watch.main() === undefined) watch.tick();
    looking ??= lookNow().finally(() => (looking = undefined));
    return looking;
  }

  async function lookNow(): Promise<void> {
    const at = now();
    try {
      const found = await eyes.look(!canaryHeld, ({ wrote }) => {
        canaries = { ...canaries, lookedAt: at, ...(wrote && { wroteAt: at }) };
      });
      if (!connection.isReady()) return;
      [seen, position, dataId, mood, knownAt] = [found, found.position, found.position.dataId, 'serving', at];
    } catch (error) {
      // A session that is lost is told of elsewhere.
      if (connection.isReady()) server.log('warn', 'LOOK_FAILED', { because: String(error) });
    }
    tell(false);
  }

  function stateNow(): DatabaseState {
    if (watch.main() === undefined) return watch.ending();
    if (silentMs(canaries, now()) > timings.canaryTimeoutMs) return 'hung';
    return mood === 'serving' ? 'running' : mood === 'changing' ? 'starting' : 'unknown';
  }

  function roleNow(): DatabaseRole {
    if (mood !== 'serving' || seen === undefined) return 'unknown';
    return seen.closed ? 'replica' : 'writable';
  }

  /** At once when something has changed that others act on, and in any case when `always`. */
  function tell(always: boolean): void {
    if (!running || watch.isReading()) return;
    const aside = eyes.aside(always);
    const [state, role, processesGone] = [stateNow(), roleNow(), watch.isGone()];
    const streaming = role === 'replica' && seen?.streaming === true;
    const upstream = seen?.upstream;
    const followers = role === 'unknown' ? [] : (seen?.followers ?? []);
    const summary = [state, role, processesGone, aside.bootClosed, streaming, upstream, ...followers].join();
    if (!always && summary === told) return;
    told = summary;
    const provedAt = canaryAt(canaries);
    const isClosed = state === 'running' && role === 'replica' && aside.bootClosed;
    const tailIsThere = processesGone ? server.tailOutlivesServer : seen?.hasNoTail !== true;
    emit({
      kind: 'observed',
      at: watch.main() === undefined ? watch.lookedAt() : knownAt,
      observation: {
        ...{ state, role, streaming, upstream, followers, processesGone, position, dataId, ...aside },
        backlog: seen?.backlog ?? 0,
        canaryAt: provedAt,
        canaryAgeMs: provedAt === undefined ? undefined : since(provedAt, now()),
        ownTail: !processesGone && !isClosed ? 'awaited' : tailIsThere ? 'readable' : 'lost',
      },
    });
  }

  async function beat(): Promise<void> {
    if (since(canaries.loggedInAt, now()) >= LOGIN_EVERY - timings.heartbeatMs / 2) void flyLoginCanary();
    // What was asked before and is not answered yet is told as it was known.
    if (connection.isReady() && looking === undefined) await look();
    eyes.onBeat?.(roleNow());
    tell(true);
  }

  return {
    start() {
      running = true;
      readDataId();
      wake();
    },
    stop() {
      running = false;
      clearTimeout(timer);
      eyes.stop?.();
      watch.release();
    },
    async refresh() {
      await looking;
      eyes.forget?.();
      if (connection.isReady()) await look();
      else tick();
    },
    sessionLost() {
      lostAt = now();
      wake();
    },
    setTimings: (changed) => (timings = changed),
    holdCanary: () => (canaryHeld = true),
    letCanary(markedAt) {
      canaryHeld = false;
      if (markedAt === undefined) return;
      // What came back proves that it answers, too.
      canaries = {
        ...canaries,
        lookedAt: latest(canaries.lookedAt, markedAt),
        wroteAt: latest(canaries.wroteAt, markedAt),
      };
    },
  };
}
