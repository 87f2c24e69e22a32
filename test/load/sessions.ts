// Problem: a client that tries the members in turn adds its own waiting to every outage: a member that hangs, or whose machine
// is gone, holds it up while the heir is open already.
// Rule: like libpq with several hosts and target_session_attrs=read-write, with two differences that are said: the members are
// asked side by side, and a member that does not answer is given up after half a second (libpq's least is two).
// Consequence: an open heir is found within milliseconds, whatever the others do.
import { setTimeout as sleep } from 'node:timers/promises';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { ClientSession } from '#test/load/clients.js';

/** Between two questions to a member that does not accept writes. */
const PAUSE_MS = 5;

export interface Session {
  readonly server: DatabaseServer;
  readonly client: ClientSession;
  /** performance.now() when it was found. */
  readonly foundAt: number;
}

/** Whom clients ask where the leader is, before they ask a member. Without one every member is asked. */
export interface Guide {
  /** Somebody looks for the leader, until the function that it returns is called. */
  seek(): () => void;
  /** Whether it names this one as the leader, as far as it is known. */
  names(server: DatabaseServer): boolean;
  /** Whether it has told by itself, since that session was found, that another one leads: the session is to be left. */
  isOver(session: Session): boolean;
}

/** The first session that accepts writes; undefined when it was told to stop before there was one. */
export async function findWritable(
  servers: readonly DatabaseServer[],
  confirmedBy: number,
  isStopping: () => boolean,
  guide?: Guide,
): Promise<Session | undefined> {
  let found = false;
  const isOver = (): boolean => found || isStopping();
  const look = async (server: DatabaseServer): Promise<Session | undefined> => {
    let client: ClientSession | undefined;
    while (!isOver()) {
      if (guide?.names(server) === false) {
        await sleep(PAUSE_MS);
        continue;
      }
      try {
        client ??= await server.clients.connect({ waits: 'half a second', confirmedBy });
        if ((await client.acceptsWrites()) && !isOver()) {
          found = true;
          return { server, client, foundAt: performance.now() };
        }
      } catch {
        client?.leave();
        client = undefined;
      }
      await sleep(PAUSE_MS);
    }
    client?.leave();
    return undefined;
  };
  const endSeeking = guide?.seek();
  return Promise.race(servers.map(look)).finally(endSeeking);
}
