/** What the agent sees of a MariaDB server's inside, and its canary; when it looks is the same for all engines (observer.ts). */
import { type MariadbPosition, transactionsAhead } from '#core/positions/mariadb.js';
import { NOBODY_LOWERED } from '#core/report.js';
import { filesOf, wasClosedInOrder } from '#agent/engines/mariadb/binary-log.js';
import { readFollowers } from '#agent/engines/mariadb/followers.js';
import { identityOf } from '#agent/engines/mariadb/identity.js';
import { knownLogPlaces, learnLogPlaces } from '#agent/engines/mysql-family/log-places.js';
import { flyCanary } from '#agent/engines/mariadb/marks.js';
import { createNudge } from '#agent/engines/mariadb/nudge.js';
import { readPosition } from '#agent/engines/mariadb/position.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { readStatus, type Status } from '#agent/engines/mariadb/status.js';
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
  const { connection } = server;
  const nudge = createNudge(server);
  let isBootClosed = false;

  return {
    async look(mayWrite, cameBack) {
      const status = await readStatus(server, GIVE_UP_MS);
      cameBack({ wrote: status.closed });
      if (!status.closed && mayWrite) {
        await flyCanary(connection, GIVE_UP_MS).then(
          () => cameBack({ wrote: true }),
          // The table comes with the first opening; what is refused is no silence.
          () => undefined,
        );
      }
      const { closed, source } = status;
      const position = await readPosition(server, GIVE_UP_MS);
      const followers = await readFollowers(connection, GIVE_UP_MS);
      if (!status.closed) await nudge.look(GIVE_UP_MS);
      const isFollowing = closed && source !== undefined;
      return {
        ...{ closed, position, followers },
        streaming: isFollowing && source.streaming,
        // Set to follow, but standing: after a restart, or a refusal, it does not go on by itself, and is to be told again.
        upstream:
          isFollowing && source.receives && source.applies ? `${source.host}:${source.port}` : undefined,
        backlog: backlog(status),
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

/** In transactions, which is what this engine counts its log in. */
function backlog({ source, gtids }: Status): number {
  const received: MariadbPosition['gtids'] = source?.received ?? [];
  const ahead = received.length === 0 ? 0n : transactionsAhead(received, gtids);
  return ahead > 0n ? Number(ahead) : 0;
}
