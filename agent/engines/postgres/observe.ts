/**
 * Watches the server: its process many times a second, for a death must be known at once; its inside with every heartbeat. It runs
 * beside a busy database for ever, and what costs is waking up: so there is one timer, and whatever is due is done together.
 * Beyond the canary, nothing here changes the server.
 */
import { type MonotonicMs, LONG_AGO, after, asDuration, latest, since } from '#core/brand.js';
import type { Mark } from '#core/position.js';
import type { PostgresPosition } from '#core/positions/postgres.js';
import type { DatabaseRole, DatabaseState } from '#core/report.js';
import type { EngineEvent, EngineTimings } from '#agent/ports/engine.js';
import { isBootClosed } from '#agent/engines/postgres/boot-closed.js';
import { LOGIN_EVERY, canaryAt, noCanaries, silentMs } from '#agent/engines/canary.js';
import { type Answer, NOT_NOW } from '#agent/engines/postgres/connection.js';
import { watchFollowers } from '#agent/engines/postgres/followers.js';
import { watchLowered } from '#agent/engines/postgres/lowered.js';
import { readMarks } from '#agent/engines/postgres/marks.js';
import { positionOf } from '#agent/engines/postgres/position.js';
import { type WatchedProcess, watchProcess } from '#agent/engines/process-table.js';
import { findPostmaster, serverProcesses } from '#agent/engines/postgres/processes.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { type Status, readStatus } from '#agent/engines/postgres/status.js';
import { watchServer } from '#agent/engines/watch-server.js';

/**
 * With a session, a death is told by the session's end, and ticks are for the rest; it ends a moment before the postmaster has quite
 * gone, so the next ticks are close. Without one, the process is all there is to see.
 */
const TICK_MS = { withSession: 125, justLost: 5, without: 25 };
const JUST_LOST_MS = 50;
const RECONNECT_EVERY_MS = 50;
/** What changes seldom is asked for seldom. An open server's marks change by our own openings only, after each of which all is read again. */
const SELDOM_MS = { closed: 1_000, open: 2_000 };
/** A session that owes an answer for so long is given up. */
const GIVE_UP_MS = 10_000;
/** A tick that comes so late was held up in this process: the server's silence meanwhile proves nothing. */
const LATE_TICK_MS = 250;

interface Seldom {
  /** Another line of history, or another role, makes it worthless. */
  readonly of: string;
  readonly readAt: MonotonicMs;
  readonly marks: readonly Mark[];
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

export function createObserver(server: Server, emit: (event: EngineEvent) => void): Observer {
  const { connection, dataDir, now } = server;
  const lowered = watchLowered(server);
  const watch = watchServer(
    {
      ...server,
      findMain: () => findPostmaster(dataDir),
      isEmpty: () => serverProcesses(dataDir).length === 0,
    },
    onFound,
    onChange,
  );
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
  let status: Status | undefined;
  let position: PostgresPosition | undefined;
  let dataId = '';
  let seldom: Seldom = { of: '', readAt: LONG_AGO, marks: [] };
  let followers: readonly string[] = [];
  let followersAt = LONG_AGO;
  const following = watchFollowers(connection);
  let canaries = noCanaries(now());
  let canaryHeld = false;
  let looking: Promise<void> | undefined;
  let loggingIn = false;
  let refusal = '';
  let connectTriedAt = LONG_AGO;
  let receiver: WatchedProcess | undefined;
  let bootClosed = isBootClosed(dataDir);
  let told = '';

  function wake(): void {
    if (!running) return;
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
    if (receiver?.isAlive() === false) {
      watchReceiver(undefined);
      void look();
    }
    if (watch.main() !== undefined && !connection.isReady()) void reconnect();
    tell(false);
  }

  function onFound(): void {
    canaries = noCanaries(now());
    if (!connection.isReady()) return void reconnect();
    void flyLoginCanary();
    void look();
  }

  /** The server's end, or the end of its last process. */
  function onChange(): void {
    mood = 'unknown';
    knownAt = now();
    status = undefined;
    watchReceiver(undefined);
    connection.close();
    tell(true);
  }

  /** A leader that dies takes the receiver with it: its replicas know as soon as its own agent. */
  function watchReceiver(pid: number | undefined): void {
    if (pid === receiver?.pid) return;
    receiver?.release();
    receiver = pid === undefined ? undefined : watchProcess(pid);
  }

  async function reconnect(): Promise<void> {
    if (loggingIn || since(connectTriedAt, now()) < RECONNECT_EVERY_MS) return;
    connectTriedAt = now();
    if (await login(() => connection.connect(timings.canaryTimeoutMs))) await look();
  }

  async function flyLoginCanary(): Promise<void> {
    if (loggingIn || !connection.isReady()) return;
    await login(() => connection.tryLogin(timings.canaryTimeoutMs));
  }

  /** True when the server let us in. Any answer but "not now" is that of a server that serves. */
  async function login(attempt: () => Promise<Answer>): Promise<boolean> {
    const startedAt = now();
    loggingIn = true;
    try {
      const answer = await attempt();
      if (answer.kind === 'silent') return false;
      canaries = { ...canaries, loggedInAt: startedAt };
      if (answer.kind === 'refused' && answer.code === NOT_NOW) {
        if (connection.isReady()) await leaveIfLast();
        else cannotBeAsked(startedAt);
      } else if (answer.kind === 'refused' && !connection.isReady()) {
        if (answer.text !== refusal) server.log('warn', 'LOGIN_REFUSED', { because: answer.text });
        refusal = answer.text;
      }
      return answer.kind === 'ready';
    } finally {
      loggingIn = false;
    }
  }

  function cannotBeAsked(at: MonotonicMs): void {
    mood = 'changing';
    knownAt = at;
    canaries = { ...canaries, lookedAt: at };
  }

  /** A server that was told to end once its clients have gone would wait for this session for ever. */
  async function leaveIfLast(): Promise<void> {
    const others = `select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() limit 1`;
    const found = await connection
      .query(others, { timeoutMs: timings.canaryTimeoutMs })
      .catch(() => undefined);
    if (found?.length === 0) connection.close();
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
      const found = await readStatus(server, !canaryHeld, GIVE_UP_MS);
      // Here already: what else the look asks for may take a while on a busy machine.
      const hasProved = found.closed || found.canary;
      canaries = { ...canaries, lookedAt: at, ...(hasProved && { wroteAt: at }) };
      const rest = await seldomNow(found, at);
      const received = await followersNow(found, at);
      const where = await positionOf(server, found, rest.marks);
      if (!connection.isReady()) return;
      [status, position, dataId, mood, knownAt] = [found, where, where.dataId, 'serving', at];
      [seldom, followers] = [rest, received];
      watchReceiver(found.receiver?.pid);
    } catch (error) {
      // A session that is lost is told of elsewhere.
      if (connection.isReady()) server.log('warn', 'LOOK_FAILED', { because: String(error) });
    }
    tell(false);
  }

  /** A table that is locked must not pass for a hung server: so not in the look. What cannot be read stays as it was. */
  async function seldomNow({ closed, timeline }: Status, at: MonotonicMs): Promise<Seldom> {
    const of = `${closed ? 'closed' : 'open'} ${timeline}`;
    const isFresh = since(seldom.readAt, at) < (closed ? SELDOM_MS.closed : SELDOM_MS.open);
    if (seldom.of === of && isFresh) return seldom;
    const withinMs = timings.canaryTimeoutMs;
    const marks = await readMarks(connection, withinMs).catch(() => seldom.marks);
    return { of, readAt: at, marks };
  }

  /** Of an open server with every look; what cannot be read stays as it was. */
  async function followersNow({ closed, end }: Status, at: MonotonicMs): Promise<readonly string[]> {
    if (closed && since(followersAt, at) < SELDOM_MS.closed) return followers;
    followersAt = at;
    const look = { at, end, closed, heartbeatMs: timings.heartbeatMs, timeoutMs: timings.canaryTimeoutMs };
    return following.read(look).catch(() => followers);
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
    if (always) bootClosed = isBootClosed(dataDir);
    const [state, role, processesGone] = [stateNow(), roleNow(), watch.isGone()];
    const streaming = role === 'replica' && status?.receiver?.streaming === true;
    const upstream = status?.upstream;
    const receiving = role === 'unknown' ? [] : followers;
    const summary = [state, role, processesGone, bootClosed, streaming, upstream, ...receiving].join();
    if (!always && summary === told) return;
    told = summary;
    const provedAt = canaryAt(canaries);
    const isClosed = state === 'running' && role === 'replica' && bootClosed;
    emit({
      kind: 'observed',
      at: watch.main() === undefined ? watch.lookedAt() : knownAt,
      observation: {
        ...{ state, role, streaming, upstream, followers: receiving, processesGone, bootClosed, position },
        ...{ dataId, lowered: lowered.known(), copying: server.copying, salvaged: server.salvaged },
        backlogBytes: status === undefined ? 0 : Number(status.end - status.applied),
        canaryAt: provedAt,
        canaryAgeMs: provedAt === undefined ? undefined : since(provedAt, now()),
        tailReadable: processesGone || isClosed,
      },
    });
  }

  async function beat(): Promise<void> {
    if (since(canaries.loggedInAt, now()) >= LOGIN_EVERY - timings.heartbeatMs / 2) void flyLoginCanary();
    // What was asked before and is not answered yet is told as it was known.
    if (connection.isReady() && looking === undefined) await look();
    lowered.tend(roleNow() === 'writable' && status?.isConfirmed === true);
    tell(true);
  }

  return {
    start() {
      running = true;
      void server.facts().then(
        (facts) => (dataId = facts.dataId),
        () => undefined, // no data directory to be read: told by check
      );
      wake();
    },
    stop() {
      running = false;
      clearTimeout(timer);
      watchReceiver(undefined);
      lowered.stop();
      watch.release();
    },
    async refresh() {
      await looking;
      seldom = { ...seldom, readAt: LONG_AGO };
      followersAt = LONG_AGO;
      if (connection.isReady()) await look();
      else tick();
    },
    sessionLost() {
      lostAt = now();
      clearTimeout(timer);
      wake();
    },
    setTimings: (changed) => (timings = changed),
    holdCanary: () => (canaryHeld = true),
    letCanary(markedAt) {
      canaryHeld = false;
      if (markedAt !== undefined) canaries = { ...canaries, wroteAt: latest(canaries.wroteAt, markedAt) };
    },
  };
}
