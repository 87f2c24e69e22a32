/**
 * S1: a replica stops receiving and only then says where its log ends. What it has received is applied first. MySQL keeps received log while both
 * threads stand, and across restarts too, unless `relay_log_recovery` is on; it throws it away when it is told whom to follow. So it is
 * applied, and then the server is made to follow nobody, which a restart does not change.
 */
import { TanistError } from '#core/errors.js';
import { formatGtidSet, subtractGtids, uniteGtids } from '#core/positions/gtid-set.js';
import { hasErrant, type MysqlPosition } from '#core/positions/mysql.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { readPosition } from '#agent/engines/mysql/position.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { hasAll, readStatus, type Source, type Status } from '#agent/engines/mysql/status.js';
import { settleCopy } from '#agent/engines/mysql/swap.js';
import { endConfirming } from '#agent/engines/mysql-family/confirming.js';
import { beSoleSession } from '#agent/engines/mysql-family/sole-session.js';
import { dropTail } from '#agent/engines/mysql/tail-channel.js';

/** Whoever applies: nobody receives any more, and there is no other channel. */
const APPLIERS = "select id as id from information_schema.processlist where user = 'system user'";
const LOOK_EVERY_MS = 2;
const LOOK_WITHIN_MS = 1_000;

export async function seal(server: Server, bounds: Bounds): Promise<MysqlPosition> {
  const process = server.findMain();
  if (process !== undefined && server.memos.isNoted('promoted', process))
    throw new TanistError('ENGINE_FAILED', 'it was opened, or is about to be: what it writes has no end');
  await settleCopy(server, bounds); // somebody else may have started it
  await stopReceiving(server, bounds);
  bounds.check();
  return readPosition(server, bounds.left());
}

/** Ends when all that was received is applied, and it is set to follow nobody, and to confirm nothing. */
export async function stopReceiving(server: Server, bounds: Bounds): Promise<void> {
  const { connection } = server;
  await beSoleSession(server, bounds);
  await dropTail(server, bounds.left());
  const { source } = await readStatus(server, bounds.left());
  if (source === undefined) return endConfirming(server, bounds);
  const say = (sql: string): Promise<unknown> => connection.query(sql, { timeoutMs: bounds.left() });
  await say("stop replica io_thread for channel ''");
  if (!source.applies) await say("start replica sql_thread for channel ''");
  let last: Status | undefined;
  const isOver = async (): Promise<boolean> => {
    last = await readStatus(server, bounds.left() + LOOK_WITHIN_MS);
    return last.source?.applies !== true || hasAll(last.gtids, last.source.received);
  };
  await bounds.until(isOver, LOOK_EVERY_MS);
  if (last?.source !== undefined && !hasAll(last.gtids, last.source.received))
    throw new TanistError(
      (await isStuck(server, last.source)) ? 'REWIND_IMPOSSIBLE' : 'ENGINE_FAILED',
      `it has received ${formatGtidSet(subtractGtids(last.source.received, last.gtids))} and not applied it: ${last.source.applyError.text || 'it is still applying'}`,
    );
  bounds.check();
  await endPart(server, last?.source, bounds);
  await say("stop replica for channel ''");
  await say("reset replica all for channel ''");
  await endConfirming(server, bounds);
  const left = (await readStatus(server, bounds.left())).source;
  if (left !== undefined)
    throw new TanistError('ENGINE_FAILED', `it is still set to receive from ${left.host}:${left.port}`);
}

/**
 * A leader that dies in the midst of sending leaves a part of a transaction, of which its replica has begun to apply what is there; told to stop, it
 * waits for the rest, for 60 s. Killed it rolls the part back at once. All that is whole is applied by now, so nothing else is under way.
 */
async function endPart(
  { connection, kind }: Server,
  source: Source | undefined,
  bounds: Bounds,
): Promise<void> {
  if (source?.applies !== true || source.readTo === source.appliedTo) return;
  const timeoutMs = bounds.left();
  const appliers = await connection.query<{ id: bigint | number }>(APPLIERS, { timeoutMs });
  for (const { id } of appliers)
    await connection.query(kind.semiSync.kill, { values: [id], timeoutMs }).catch(() => undefined); // it has ended by itself
}

/** Its applier has met what the server wrote by itself, and goes no further: never. */
async function isStuck(server: Server, { applies, applyError, received }: Source): Promise<boolean> {
  if (applies || applyError.code === 0) return false;
  const position = await readPosition(server, LOOK_WITHIN_MS);
  return hasErrant(position, { ...position, gtids: received });
}

/**
 * Where the log stands of a member whose data is about to be replaced: with all that it has received, whether it can be applied or not. It receives
 * nothing any more.
 */
export async function sealForCopy(server: Server, bounds: Bounds): Promise<MysqlPosition> {
  return seal(server, bounds).catch(async (error: unknown) => {
    if (!(error instanceof TanistError) || error.code !== 'REWIND_IMPOSSIBLE') throw error;
    await server.connection.query("stop replica for channel ''", { timeoutMs: bounds.left() });
    const { source } = await readStatus(server, bounds.left());
    const position = await readPosition(server, bounds.left());
    return { ...position, gtids: uniteGtids(position.gtids, source?.received ?? []) };
  });
}
