/**
 * Ends whoever waits for a replica. What they wrote is there then, on this server alone, and none of them is told so. Commits are written in groups,
 * and one session waits for its whole group: when it is ended, the others are told that all is well, though no replica has a thing
 * (reproduced). So the others are ended first; and so that nobody joins a group meanwhile, every commit that begins is held up as at the end of a backup.
 */
import { awaitWithin, type Bounds } from '#agent/engines/bounds.js';
import type { OwnSession } from '#agent/engines/mariadb/connection.js';
import { SEMI_SYNC } from '#agent/engines/mariadb/semi-sync.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { openOneMore } from '#agent/engines/mysql-family/room.js';
import { LOCK } from '#agent/engines/mysql-family/sole-session.js';

/** Of one whose commit is held up before it is in the log, and of whoever holds commits up until the others are through. */
const HELD_UP = 'Waiting for backup lock';
const LOOK_EVERY_MS = 10;

/** Throws where some still wait when time is up. `own`: a session that is to be told that all is well; it has begun its commit. */
export async function endWaiting(server: Server, bounds: Bounds, own?: number): Promise<void> {
  const sessions: OwnSession[] = [];
  try {
    for (let n = 0; n < 2; n += 1) sessions.push(await openOneMore(server, bounds.left()));
    const [holding, acting] = sessions as [OwnSession, OwnSession];
    await awaitWithin(bounds, endAll(holding, acting, bounds, own));
  } finally {
    for (const { cut } of sessions) cut();
  }
}

async function endAll(
  holding: OwnSession,
  acting: OwnSession,
  bounds: Bounds,
  own: number | undefined,
): Promise<void> {
  // Each stage by itself: only the last of them holds commits up.
  for (const stage of ['start', 'flush', 'block_ddl']) await holding.client.query(`backup stage ${stage}`);
  let isOver = false;
  const through = holding.client.query('backup stage block_commit').finally(() => (isOver = true));
  through.catch(() => undefined); // whoever waits for it has it
  await bounds.until(async () => {
    if (!isOver) await endCommits(acting, own);
    return isOver;
  }, LOOK_EVERY_MS);
  await through;
}

/**
 * If no commit can begin: all that are at something, since nothing tells whose commit is under way; those that wait come last. Who was seen to hold
 * commits up still does so when the others are looked at.
 */
export async function endCommits({ client }: OwnSession, own?: number): Promise<void> {
  const holding = await client.query<readonly object[]>(
    `select 1 from information_schema.processlist where state = ? and info like 'backup stage block\\_commit%'`,
    [HELD_UP],
  );
  if (holding.length === 0) return;
  const rows = await client.query<{ id: bigint | number; state: string | null }[]>(
    `select id, state from information_schema.processlist
       where command not in ('Sleep', 'Daemon', 'Connect', 'Binlog Dump') and user not in ('system user', 'event_scheduler')
         and coalesce(state, '') <> ? and id not in (connection_id(), coalesce(is_used_lock(?), 0))`,
    [HELD_UP, LOCK],
  );
  const waiting = rows.filter(({ state }) => state === SEMI_SYNC.waitingState);
  const others = rows.filter(({ id, state }) => state !== SEMI_SYNC.waitingState && Number(id) !== own);
  for (const { id } of [...others, ...waiting]) {
    const how = Number(id) === own ? 'kill query ?' : SEMI_SYNC.kill;
    await client.query(how, [id]).catch(() => undefined); // it has ended by itself
  }
}
