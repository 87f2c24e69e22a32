/**
 * Lets a database go as it was found: a leader accepts writes, a replica goes on following, and nothing of ours is left in it. That it comes up
 * closed after a restart is its own configuration, which was there before. Every part may be repeated; what is remembered of the time before goes
 * last.
 */
import { rm } from 'node:fs/promises';
import { TanistError } from '#core/errors.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { outputFile } from '#agent/engines/launch.js';
import { ADMIT_NOBODY } from '#agent/engines/redis/admission.js';
import type { Command } from '#agent/engines/redis/connection.js';
import { HISTORY_KEY } from '#agent/engines/redis/history.js';
import { forgetIdentity } from '#agent/engines/redis/identity.js';
import { forgetPlaces } from '#agent/engines/redis/places.js';
import type { Server } from '#agent/engines/redis/server.js';
import { ASK_SETTINGS, forgetSettings, undo } from '#agent/engines/redis/settings.js';
import { readStatus } from '#agent/engines/redis/status.js';

const LOOK_EVERY_MS = 20;
const LOOK_WITHIN_MS = 1_000;

export async function release(server: Server, bounds: Bounds): Promise<void> {
  const { connection, memos } = server;
  const { closed } = await readStatus(connection, bounds.left());
  const changed = undo(server, await connection.transact(ASK_SETTINGS, bounds.left()));
  await connection.transact([...changed, ...logInAsBefore(server, closed), ADMIT_NOBODY], bounds.left());
  // Its leader may have been released before, and let it in as before only.
  if (closed) await requireFollowing(server, bounds);
  // Before the history goes: on a server that we have opened, whoever looks would write it again.
  await memos.drop('promoted');
  // Replicas lose it, too.
  if (!closed) await connection.send(['DEL', HISTORY_KEY], bounds.left());
  bounds.check();
  for (const memo of ['led', 'fenced'] as const) await memos.drop(memo);
  await rm(server.tailDir, { recursive: true, force: true });
  await rm(outputFile(server), { force: true });
  await forgetIdentity(server);
  await forgetSettings(server);
  await forgetPlaces(server);
  server.log('info', 'RELEASED', { role: closed ? 'replica' : 'leader' });
}

/** Who received by our user comes back as whom the agent's file names, or as before. */
function logInAsBefore({ config }: Server, closed: boolean): readonly Command[] {
  const { user, password } = config.replication;
  if (!closed || password === undefined) return [];
  return [
    ['CONFIG', 'SET', 'masteruser', user ?? ''],
    ['CONFIG', 'SET', 'masterauth', password],
  ];
}

async function requireFollowing(server: Server, bounds: Bounds): Promise<void> {
  const isFollowing = async (): Promise<boolean> => {
    const { source } = await readStatus(server.connection, bounds.left() + LOOK_WITHIN_MS);
    if (source === undefined)
      throw new TanistError(
        'ENGINE_FAILED',
        'the server is closed and follows nobody: released, it would stay so',
      );
    return source.linkUp;
  };
  if (!(await bounds.until(isFollowing, LOOK_EVERY_MS)))
    throw new TanistError('ENGINE_FAILED', 'no log arrives from whom it follows');
}
