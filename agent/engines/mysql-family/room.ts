/**
 * Commits that wait keep their sessions, and clients that give up come again: in the end max_connections is reached, and whoever could end the waiting, a
 * replica or a session of ours, has but the one beyond it, which only some accounts may take (semi-sync.ts, `getsIn`). So that one is kept free:
 * while it is taken, the limit is what is connected, which lets in nobody else. Once nobody waits the limit is what it was.
 */
import { boundBy } from '#agent/engines/bounds.js';
import { openSession, type OwnSession } from '#agent/engines/mysql-family/connection.js';
import { readVariable } from '#agent/engines/mysql-family/semi-sync.js';
import type { Server } from '#agent/engines/mysql-family/server.js';

/** ER_CON_COUNT_ERROR. */
const TOO_MANY = 1040;

/** One more session on the local server, also where clients hold all there are. */
export async function openOneMore(server: Server, timeoutMs: number): Promise<OwnSession> {
  const bounds = boundBy(server.now, timeoutMs, new AbortController().signal);
  for (;;) {
    try {
      return await openSession(server.kind.dialect, server.config, bounds.left());
    } catch (error) {
      if ((error as { readonly errno?: number }).errno !== TOO_MANY || bounds.left() === 0) throw error;
    }
    await keepRoom(server, bounds.left());
  }
}

/** Who is about to log in counts not yet: most of those will be refused. */
const LOGGED_IN = `
  select count(*) as sessions from information_schema.processlist
  where user not in ('unauthenticated user', 'system user', 'event_scheduler')`;

/** `spare`: for so many more, which whoever comes first may take. */
export async function keepRoom(server: Server, timeoutMs: number, spare = 0): Promise<void> {
  const { connection } = server;
  const most = Number(await readVariable(connection, 'max_connections', timeoutMs));
  const [row] = await connection.query<{ sessions: bigint | number }>(LOGGED_IN, { timeoutMs });
  const wanted = Math.max(server.raisedFrom ?? most, Number(row?.sessions) + spare);
  if (wanted === most) return;
  server.raisedFrom ??= most;
  await connection.query('set global max_connections = ?', { values: [wanted], timeoutMs });
  if (wanted > most) server.log('warn', 'CONNECTIONS_RAISED', { from: server.raisedFrom, to: wanted });
}

export async function giveRoomBack(server: Server, timeoutMs: number): Promise<void> {
  const { connection, raisedFrom } = server;
  if (raisedFrom === undefined) return;
  await connection.query('set global max_connections = ?', { values: [raisedFrom], timeoutMs });
  server.raisedFrom = undefined;
}
