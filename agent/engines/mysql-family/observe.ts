/** What the agent sees of a server's inside, and its canary; when it looks is the same for all engines (observer.ts). */
import { NOBODY_LOWERED } from '#core/report.js';
import { identityOf } from '#agent/engines/mysql-family/identity.js';
import { createLogDisk } from '#agent/engines/mysql-family/log-disk.js';
import { filesOf, wasClosedInOrder } from '#agent/engines/mysql-family/log-files.js';
import { knownLogPlaces, learnLogPlaces } from '#agent/engines/mysql-family/log-places.js';
import { flyCanary } from '#agent/engines/mysql-family/marks.js';
import { createNudge } from '#agent/engines/mysql-family/nudge.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import { watchSilence } from '#agent/engines/mysql-family/silence.js';
import type { Eyes, ObservedServer } from '#agent/engines/observer.js';

/** A session that owes an answer for so long is given up. */
const GIVE_UP_MS = 10_000;

export function observedServer(server: Server): ObservedServer {
  return {
    ...server,
    tailOutlivesServer: true,
    isEmpty: () => server.findMain() === undefined,
    async wasStoppedInOrder() {
      const places = knownLogPlaces(server);
      const newest = places && (await filesOf(places.written)).at(-1);
      return newest !== undefined && (await wasClosedInOrder(newest)) === true;
    },
  };
}

export function createEyes(server: Server): Eyes {
  const { connection, kind } = server;
  const nudge = createNudge(server);
  const logDisk = createLogDisk(server);
  const silence = watchSilence();
  let isBootClosed = false;

  return {
    async look(mayWrite, cameBack) {
      const beganAt = server.now();
      const { closed, source, backlog } = await kind.readStatus(server, GIVE_UP_MS);
      const isSilent = source !== undefined && silence.isSilent(source, { beganAt, endedAt: server.now() });
      cameBack({ wrote: closed });
      if (!closed && mayWrite) {
        const [wrote, hasRoom] = await Promise.all([
          // The table comes with the first opening; what is refused is no silence.
          flyCanary(connection, GIVE_UP_MS).then(
            () => true,
            () => false,
          ),
          logDisk.hasRoom(GIVE_UP_MS),
        ]);
        if (wrote && hasRoom) cameBack({ wrote: true });
      }
      const position = await kind.readPosition(server, GIVE_UP_MS);
      const followers = await readFollowers(server, GIVE_UP_MS);
      if (!closed) await nudge.look(GIVE_UP_MS);
      const isFollowing = closed && source !== undefined;
      return {
        ...{ closed, position, followers },
        streaming: isFollowing && source.streaming && !isSilent,
        // Set to follow, but standing: after a restart, or a refusal, it does not go on by itself, and is to be told again.
        upstream:
          isFollowing && source.receives && source.applies ? `${source.host}:${source.port}` : undefined,
        backlog,
      };
    },
    aside: () => ({
      ...{ bootClosed: isBootClosed, lowered: NOBODY_LOWERED },
      ...{ copying: server.copying, salvaged: server.salvaged },
    }),
    dataIdAtRest: () => identityOf(server, GIVE_UP_MS),
    onFound(main) {
      void server.bootsClosed(main).then((closed) => (isBootClosed = closed === true));
    },
    onLogin: () =>
      learnLogPlaces(server, GIVE_UP_MS).catch((error: unknown) => {
        server.log('warn', 'LOOK_FAILED', { because: String(error) });
      }),
  };
}

/** Each says its name when it registers, `report_host`, which has to be the member's. */
async function readFollowers({ connection, kind }: Server, timeoutMs: number): Promise<readonly string[]> {
  const rows = await connection.query<{ Host: string }>(kind.listFollowers, { timeoutMs });
  return rows
    .map(({ Host }) => Host)
    .filter((name) => name !== '')
    .sort();
}
