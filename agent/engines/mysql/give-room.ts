/**
 * MySQL's data is cloned from server to server, and what an agent gives is room for it: CLONE takes some connections, which clients may hold. One thing it
 * cannot give: CLONE waits for commits, and where those wait for the very member that is to be copied neither ever ends (reproduced with 9.7).
 */
import { keepRoom } from '#agent/engines/mysql-family/room.js';
import type { Server } from '#agent/engines/mysql/server.js';
import type { CopyAnswer, CopyPiece } from '#agent/ports/engine.js';

/** How many threads copy, each with a connection of its own beside the first one's second. */
export const CLONE_THREADS = 4;
const CONNECTIONS = CLONE_THREADS + 1;
const ASK_WITHIN_MS = 5_000;
/** Longer than a replica that is there takes to confirm. */
const WAITS_FOR_S = 5;

export const createRoomGiver = (server: Server) => async (): Promise<CopyAnswer> => {
  try {
    const answer = await server.connection.connect(ASK_WITHIN_MS);
    if (answer.kind !== 'ready') return { kind: 'refused', text: answer.text };
    if (await hasStuckCommit(server))
      return {
        kind: 'refused',
        text: 'commits wait there for a replica to confirm them, and CLONE waits for commits: no copy before one does',
      };
    await keepRoom(server, ASK_WITHIN_MS, CONNECTIONS);
    return { kind: 'copy', bytes: 0, pieces: nothing() };
  } catch (error) {
    return { kind: 'refused', text: String(error) };
  }
};

async function hasStuckCommit({ connection, kind }: Server): Promise<boolean> {
  const rows = await connection.query(
    'select id from information_schema.processlist where state = ? and time >= ? limit 1',
    {
      values: [kind.semiSync.waitingState, WAITS_FOR_S],
      timeoutMs: ASK_WITHIN_MS,
    },
  );
  return rows.length > 0;
}

async function* nothing(): AsyncGenerator<CopyPiece, void, void> {
  // The server gives the copy.
}
