/**
 * Watches the server: its process many times a second, for a death must be known at once; its inside with every heartbeat. Beyond the canary,
 * nothing here changes the server.
 */
import { type MonotonicMs, LONG_AGO, after, asDuration, latest, since } from '#core/brand.js';
import { type MariadbPosition, transactionsAhead } from '#core/positions/mariadb.js';
import { type DatabaseRole, type DatabaseState, NOBODY_LOWERED } from '#core/report.js';
import { canaryAt, LOGIN_EVERY, noCanaries, silentMs } from '#agent/engines/canary.js';
import { watchServer } from '#agent/engines/watch-server.js';
import type { EngineEvent, EngineTimings } from '#agent/ports/engine.js';
import { filesOf, wasClosedInOrder } from '#agent/engines/mariadb/binary-log.js';
import { readFollowers } from '#agent/engines/mariadb/followers.js';
import { identityOf } from '#agent/engines/mariadb/identity.js';
import { knownLogPlaces, learnLogPlaces } from '#agent/engines/mariadb/log-places.js';
import { flyCanary } from '#agent/engines/mariadb/marks.js';
import { readPosition } from '#agent/engines/mariadb/position.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { readStatus, type Status } from '#agent/engines/mariadb/status.js';

/** With a session, a death is told by the session's end, and ticks are for the rest. Without one, the process is all there is to see. */
const TICK_MS = { withSession: 125, without: 25 };
const RECONNECT_EVERY_MS = 50;
/** A session that owes an answer for so long is given up. */
const GIVE_UP_MS = 10_000;
/** A tick that comes so late was held up in this process: the server's silence meanwhile proves nothing. */
const LATE_TICK_MS = 250;

export interface Observer {
  start(): void;
  stop(): void;
  /** Looks again and tells what it sees. */
  refresh(): Promise<void>;
  sessionLost(): void;
  setTimings(timings: EngineTimings): void;
  /** The canary must not be the first write of an opening: until it is let go, looks do not write. Ends with the look that is under way. */
  holdCanary(): Promise<void>;
  /** `markedAt`: when the write of a mark began, which came back. */
  letCanary(markedAt?: MonotonicMs): void;
}

export function createObserver(server: Server, emit: (event: EngineEvent) => void): Observer {
  const { connection, now } = server;
  const isEmpty = (): boolean => server.findMain() === undefined;
  const wasStoppedInOrder = async (): Promise<boolean> => {
    const places = knownLogPlaces(server);
    const newest = places && (await filesOf(places.written)).at(-1);
    return newest !== undefined && (await wasClosedInOrder(newest)) === true;
  };
  const watch = watchServer({ ...server, isEmpty, wasStoppedInOrder }, onFound, onChange);
  let timings: EngineTimings = { heartbeatMs: asDuration(250), canaryTimeoutMs: asDuration(1000) };
  let timer: NodeJS.Timeout | undefined;
  let beatAt = LONG_AGO;
  let running = false;
  let tickedAt = now();
  /** `changing`: nobody listens yet, or any more. */
  let mood: 'unknown' | 'serving' | 'changing' = 'unknown';
  /** When the look began that what is known now comes from. */
  let knownAt = now();
  let status: Status | undefined;
  let position: MariadbPosition | undefined;
  let dataId = '';
  let followers: readonly string[] = [];
  let canaries = noCanaries(now());
  let canaryHeld = false;
  let looking: Promise<void> | undefined;
  let loggingIn = false;
  let refusal = '';
  let connectTriedAt = LONG_AGO;
  let isBootClosed = false;
  let told = '';

  function wake(): void {
    if (!running) return;
    clearTimeout(timer);
    tick();
    if (now() >= beatAt) {
      beatAt = after(now(), timings.heartbeatMs);
      void beat();
    }
    const pause = connection.isReady() ? TICK_MS.withSession : TICK_MS.without;
    timer = setTimeout(wake, Math.min(pause, Math.max(0, since(now(), beatAt))));
  }

  function tick(): void {
    const isLate = since(tickedAt, now()) > LATE_TICK_MS;
    tickedAt = now();
    if (isLate) canaries = { ...canaries, listeningSince: tickedAt };
    watch.tick();
    if (watch.main() !== undefined && !connection.isReady()) void reconnect();
    tell(false);
  }

  function onFound(): void {
    canaries = noCanaries(now());
    const main = watch.main();
    if (main !== undefined) void server.bootsClosed(main).then((closed) => (isBootClosed = closed === true));
    if (!connection.isReady()) return void reconnect();
    void flyLoginCanary();
    void look();
  }

  /** The server's end. */
  function onChange(): void {
    mood = 'unknown';
    knownAt = now();
    status = undefined;
    connection.close();
    tell(true);
    if (position === undefined) void readEnd();
  }

  /** Of a server that was dead before anybody could ask it: which data it is, and no more. */
  async function readEnd(): Promise<void> {
    dataId = await identityOf(server, GIVE_UP_MS).catch(() => dataId);
  }

  async function reconnect(): Promise<void> {
    if (loggingIn || since(connectTriedAt, now()) < RECONNECT_EVERY_MS) return;
    connectTriedAt = now();
    if (!(await login(() => connection.connect(timings.canaryTimeoutMs)))) return;
    await learnLogPlaces(server, GIVE_UP_MS).catch((error: unknown) => {
      server.log('warn', 'LOOK_FAILED', { because: String(error) });
    });
    await look();
  }

  async function flyLoginCanary(): Promise<void> {
    if (loggingIn || !connection.isReady()) return;
    await login(() => connection.tryLogin(timings.canaryTimeoutMs));
  }

  /** True when the server let us in. Any answer is that of a server that serves. */
  async function login(attempt: () => ReturnType<typeof connection.connect>): Promise<boolean> {
    const startedAt = now();
    loggingIn = true;
    try {
      const answer = await attempt();
      if (answer.kind === 'silent') return false;
      canaries = { ...canaries, loggedInAt: startedAt };
      if (answer.kind === 'absent' && !connection.isReady()) {
        [mood, knownAt, status] = ['changing', startedAt, undefined];
        canaries = { ...canaries, listeningSince: now() };
      } else if (answer.kind === 'refused' && !connection.isReady()) {
        if (answer.text !== refusal) server.log('warn', 'LOGIN_REFUSED', { because: answer.text });
        refusal = answer.text;
      }
      return answer.kind === 'ready';
    } finally {
      loggingIn = false;
      tell(false);
    }
  }

  function look(): Promise<void> {
    looking ??= lookNow().finally(() => (looking = undefined));
    return looking;
  }

  async function lookNow(): Promise<void> {
    const at = now();
    try {
      const found = await readStatus(server, GIVE_UP_MS);
      canaries = { ...canaries, lookedAt: at, ...(found.closed && { wroteAt: at }) };
      if (!found.closed && !canaryHeld) {
        await flyCanary(connection, GIVE_UP_MS).then(
          () => (canaries = { ...canaries, wroteAt: at }),
          // The table comes with the first opening; what is refused is no silence.
          () => undefined,
        );
      }
      const where = await readPosition(server, GIVE_UP_MS);
      const received = await readFollowers(connection, GIVE_UP_MS);
      if (!connection.isReady()) return;
      [status, position, dataId, mood, knownAt, followers] = [
        found,
        where,
        where.dataId,
        'serving',
        at,
        received,
      ];
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
    if (mood !== 'serving' || status === undefined) return 'unknown';
    return status.closed ? 'replica' : 'writable';
  }

  /** At once when something has changed that others act on, and in any case when `always`. */
  function tell(always: boolean): void {
    if (!running || watch.isReading()) return;
    const [state, role, processesGone] = [stateNow(), roleNow(), watch.isGone()];
    const source = role === 'replica' ? status?.source : undefined;
    const streaming = source?.streaming === true;
    const upstream = source && `${source.host}:${source.port}`;
    const receiving = role === 'unknown' ? [] : followers;
    const summary = [state, role, processesGone, isBootClosed, streaming, upstream, ...receiving].join();
    if (!always && summary === told) return;
    told = summary;
    const provedAt = canaryAt(canaries);
    const isClosed = state === 'running' && role === 'replica' && isBootClosed;
    emit({
      kind: 'observed',
      at: watch.main() === undefined ? watch.lookedAt() : knownAt,
      observation: {
        ...{
          state,
          role,
          streaming,
          upstream,
          followers: receiving,
          processesGone,
          bootClosed: isBootClosed,
        },
        ...{ position, dataId, lowered: NOBODY_LOWERED, copying: undefined, salvaged: undefined },
        backlogBytes: backlog(source?.received),
        canaryAt: provedAt,
        canaryAgeMs: provedAt === undefined ? undefined : since(provedAt, now()),
        tailReadable: processesGone || isClosed,
      },
    });
  }

  /** In transactions, which is what this engine counts its log in. */
  function backlog(received: MariadbPosition['gtids'] | undefined): number {
    if (received === undefined || status === undefined || received.length === 0) return 0;
    const ahead = transactionsAhead(received, status.gtids);
    return ahead > 0n ? Number(ahead) : 0;
  }

  async function beat(): Promise<void> {
    if (since(canaries.loggedInAt, now()) >= LOGIN_EVERY - timings.heartbeatMs / 2) void flyLoginCanary();
    // What was asked before and is not answered yet is told as it was known.
    if (connection.isReady() && looking === undefined) await look();
    tell(true);
  }

  return {
    start() {
      running = true;
      wake();
    },
    stop() {
      running = false;
      clearTimeout(timer);
      watch.release();
    },
    async refresh() {
      await looking;
      if (connection.isReady()) await look();
      else tick();
    },
    sessionLost: wake,
    setTimings: (changed) => (timings = changed),
    async holdCanary() {
      canaryHeld = true;
      await looking;
    },
    letCanary(markedAt) {
      canaryHeld = false;
      if (markedAt !== undefined) canaries = { ...canaries, wroteAt: latest(canaries.wroteAt, markedAt) };
    },
  };
}
