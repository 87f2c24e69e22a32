/**
 * S1: a replica is made to follow nobody, which its configuration says as well for after a restart, and only then says where its log ends. What the
 * server has received it has applied, but for a command that has come in part, and what somebody's CLIENT PAUSE holds up.
 */
import { TanistError } from '#core/errors.js';
import type { LineagePosition } from '#core/positions/lineage.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { positionOf } from '#agent/engines/redis/position.js';
import type { Server } from '#agent/engines/redis/server.js';
import { FOLLOW_NOBODY, readStatus, statusAfter, type Status } from '#agent/engines/redis/status.js';

/** Half a command may stay half for ever. */
const APPLIES_WITHIN_MS = 500;
const LOOK_EVERY_MS = 2;

export async function seal(server: Server, bounds: Bounds): Promise<LineagePosition> {
  const process = server.findMain();
  if (process !== undefined && server.memos.isNoted('promoted', process))
    throw new TanistError('ENGINE_FAILED', 'it was opened, or is about to be: what it writes has no end');
  const sealed = await stopReceiving(server, bounds);
  bounds.check();
  return positionOf(server, sealed);
}

/** How it stands when nothing arrives any more. */
export async function stopReceiving(server: Server, bounds: Bounds): Promise<Status> {
  const { connection } = server;
  const status = await readStatus(connection, bounds.left());
  const { closed, source } = status;
  if (!closed) throw new TanistError('ENGINE_FAILED', 'the server accepts writes: it is not a replica');
  if (source === undefined) return status;
  if (source.backlog > 0) {
    await connection.send(['CLIENT', 'UNPAUSE'], bounds.left());
    const isApplied = async (): Promise<boolean> =>
      ((await readStatus(connection, bounds.left() + APPLIES_WITHIN_MS)).source?.backlog ?? 0) === 0;
    await bounds.within(APPLIES_WITHIN_MS).until(isApplied, LOOK_EVERY_MS);
  }
  bounds.check();
  return statusAfter(connection, [FOLLOW_NOBODY], bounds.left());
}

/** A sealed server's, while it may be asked by others than its steps; undefined: it is open, or receives. */
export async function positionAtRest(
  server: Server,
  timeoutMs: number,
): Promise<LineagePosition | undefined> {
  const status = await readStatus(server.connection, timeoutMs);
  return status.closed && status.source === undefined ? positionOf(server, status) : undefined;
}
