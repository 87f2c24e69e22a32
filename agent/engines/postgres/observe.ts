/** What the agent sees of a PostgreSQL server's inside, and its canary; when it looks is the same for all engines (observer.ts). */
import { LONG_AGO, type MonotonicMs, since } from '#core/brand.js';
import type { Mark } from '#core/position.js';
import { isBootClosed } from '#agent/engines/postgres/boot-closed.js';
import { watchFollowers } from '#agent/engines/postgres/followers.js';
import { watchLowered } from '#agent/engines/postgres/lowered.js';
import { readMarks } from '#agent/engines/postgres/marks.js';
import { positionOf } from '#agent/engines/postgres/position.js';
import { serverProcesses } from '#agent/engines/postgres/processes.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { readStatus, type Status } from '#agent/engines/postgres/status.js';
import type { Eyes, ObservedServer } from '#agent/engines/observer.js';
import { type WatchedProcess, watchProcess } from '#agent/engines/process-table.js';
import type { EngineTimings } from '#agent/ports/engine.js';

/** What changes seldom is asked for seldom. An open server's marks change by our own openings only, after each of which all is read again. */
const SELDOM_MS = { closed: 1_000, open: 2_000 };
/** A session that owes an answer for so long is given up. */
const GIVE_UP_MS = 10_000;

interface Seldom {
  /** Another line of history, or another role, makes it worthless. */
  readonly of: string;
  readonly readAt: MonotonicMs;
  readonly marks: readonly Mark[];
}

export function observedServer(server: Server): ObservedServer {
  return {
    ...server,
    tailOutlivesServer: true,
    isEmpty: () => serverProcesses(server.dataDir).length === 0,
  };
}

export function createEyes(server: Server, timings: () => EngineTimings): Eyes {
  const { connection, dataDir, now } = server;
  const lowered = watchLowered(server);
  const following = watchFollowers(connection);
  let status: Status | undefined;
  let seldom: Seldom = { of: '', readAt: LONG_AGO, marks: [] };
  let followers: readonly string[] = [];
  let followersAt = LONG_AGO;
  let receiver: WatchedProcess | undefined;
  let bootClosed = isBootClosed(dataDir);

  /** A leader that dies takes the receiver with it: its replicas know as soon as its own agent. */
  function watchReceiver(pid: number | undefined): void {
    if (pid === receiver?.pid) return;
    receiver?.release();
    receiver = pid === undefined ? undefined : watchProcess(pid);
  }

  /** A table that is locked must not pass for a hung server: so not in the look. What cannot be read stays as it was. */
  async function seldomNow({ closed, timeline }: Status, at: MonotonicMs): Promise<Seldom> {
    const of = `${closed ? 'closed' : 'open'} ${timeline}`;
    const isFresh = since(seldom.readAt, at) < (closed ? SELDOM_MS.closed : SELDOM_MS.open);
    if (seldom.of === of && isFresh) return seldom;
    const marks = await readMarks(connection, timings().canaryTimeoutMs).catch(() => seldom.marks);
    return { of, readAt: at, marks };
  }

  /** Of an open server with every look; what cannot be read stays as it was. */
  async function followersNow({ closed, end }: Status, at: MonotonicMs): Promise<readonly string[]> {
    if (closed && since(followersAt, at) < SELDOM_MS.closed) return followers;
    followersAt = at;
    const { heartbeatMs, canaryTimeoutMs: timeoutMs } = timings();
    return following.read({ at, end, closed, heartbeatMs, timeoutMs }).catch(() => followers);
  }

  function forgetServer(): void {
    status = undefined;
    watchReceiver(undefined);
  }

  return {
    async look(mayWrite, cameBack) {
      const at = now();
      const found = await readStatus(server, mayWrite, GIVE_UP_MS);
      cameBack({ wrote: found.closed || found.canary });
      const rest = await seldomNow(found, at);
      const received = await followersNow(found, at);
      const position = await positionOf(server, found, rest.marks);
      if (connection.isReady()) {
        [status, seldom, followers] = [found, rest, received];
        watchReceiver(found.receiver?.pid);
      }
      return {
        ...{ closed: found.closed, position, upstream: found.upstream, followers: received },
        streaming: found.receiver?.streaming === true,
        backlog: Number(found.end - found.applied),
      };
    },
    aside(anew) {
      if (anew) bootClosed = isBootClosed(dataDir);
      const { copying, salvaged } = server;
      return { bootClosed, lowered: lowered.known(), copying, salvaged };
    },
    dataIdAtRest: async () => (await server.facts()).dataId,
    /** A server that was told to end once its clients have gone would wait for our session for ever. */
    async onChanging() {
      const others = `select from pg_stat_activity where backend_type = 'client backend' and pid <> pg_backend_pid() limit 1`;
      const found = await connection
        .query(others, { timeoutMs: timings().canaryTimeoutMs })
        .catch(() => undefined);
      if (found?.length === 0) connection.close();
    },
    onTick() {
      if (receiver?.isAlive() !== false) return false;
      watchReceiver(undefined);
      return true;
    },
    onBeat: (role) => lowered.tend(role === 'writable' && status?.isConfirmed === true),
    onEnd: forgetServer,
    forget() {
      seldom = { ...seldom, readAt: LONG_AGO };
      followersAt = LONG_AGO;
    },
    stop() {
      forgetServer();
      lowered.stop();
    },
  };
}
