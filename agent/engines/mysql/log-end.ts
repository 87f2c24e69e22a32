/**
 * All that is in a leader's log. A commit that waits for a replica is there and has been sent, and is not among what the server calls executed before
 * it is confirmed: it is owned by its session meanwhile. MySQL itself counts both when it looks whether a replica may come.
 */
import { ofEngine, type Position } from '#core/position.js';
import { type GtidSet, uniteGtids } from '#core/positions/gtid-set.js';
import { readPosition } from '#agent/engines/mysql/position.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { readSet } from '#agent/engines/mysql/status.js';

/** Read before what is executed: what goes from one to the other meanwhile is in both. */
export const OWNED = 'select @@global.gtid_owned as owned';

/** With what still waits: S6's X. */
export async function readLogEnd(server: Server, timeoutMs: number): Promise<Position> {
  const [row] = await server.connection.query<{ owned: string }>(OWNED, { timeoutMs });
  const position = ofEngine(await readPosition(server, timeoutMs), 'mysql');
  return { ...position, gtids: uniteGtids(position.gtids, readOwned(row?.owned ?? '')) };
}

const SERVER = /[0-9a-f]{8}(?:-[0-9a-f]{4}){3}-[0-9a-f]{12}/gi;

/** `uuid:24#11:23#13uuid:tag:1#12`: each with the session that has it, and nothing between one server and the next. */
export function readOwned(text: string): GtidSet {
  const begins = [...text.matchAll(SERVER)].map(({ index }) => index);
  const parts = begins.map((begin, n) => text.slice(begin, begins[n + 1]));
  return readSet(parts.map((part) => part.replaceAll(/#\d+/g, '')).join());
}
