/**
 * Lets a database go as it was found, whatever became of it in care: a leader accepts writes after any restart again, a replica goes on
 * following, and nothing of ours is left but what history cannot take back: the number of the timeline, and the history files that
 * lead to it. Every part may be repeated; what is remembered of the time before goes last.
 */
import { rm } from 'node:fs/promises';
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import { dropBootClosed } from '#agent/engines/postgres/boot-closed.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { releaseDurability } from '#agent/engines/postgres/durability.js';
import { awaitLog } from '#agent/engines/postgres/follow.js';
import { dropReservations } from '#agent/engines/postgres/lineage.js';
import { dropMarks } from '#agent/engines/postgres/marks.js';
import { dropOriginals } from '#agent/engines/postgres/originals.js';
import { type Place, placesOf } from '#agent/engines/postgres/places.js';
import { releaseSettings } from '#agent/engines/postgres/release-settings.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { readSettings } from '#agent/engines/postgres/settings.js';
import { dropSlots, readSlotsLeft } from '#agent/engines/postgres/slots.js';
import { outputFile } from '#agent/engines/launch.js';
import { letWrites } from '#agent/engines/postgres/write-hold.js';
import { type Receiver, type Status, readStatus } from '#agent/engines/postgres/status.js';

export async function release(server: Server, peers: readonly PlanMember[], bounds: Bounds): Promise<void> {
  const status = await readStatus(server, false, bounds.left());
  await releaseDurability(server, bounds);
  await letWrites(server, bounds);
  if (status.closed) await releaseReplica(server, status, peers, bounds);
  else await releaseLeader(server, peers, bounds);
  bounds.check();
  await dropReservations(server.logDir, status.timeline);
  await releaseSlots(server, bounds);
  await dropMemory(server);
  server.log('info', 'RELEASED', { role: status.closed ? 'replica' : 'leader', timeline: status.timeline });
}

async function releaseLeader(server: Server, peers: readonly PlanMember[], bounds: Bounds): Promise<void> {
  await dropBootClosed(server.dataDir);
  if (!(await dropMarks(server.connection, bounds.left())))
    server.log('warn', 'RELEASED_WITH_MARKS', { because: 'other objects depend on schema tanist' });
  await releaseSettings(server, undefined, peers, bounds);
}

async function releaseReplica(
  server: Server,
  { receiver }: Status,
  peers: readonly PlanMember[],
  bounds: Bounds,
): Promise<void> {
  const from = await upstreamOf(server, receiver, bounds);
  if (from === undefined)
    throw new TanistError(
      'ENGINE_FAILED',
      'the server is closed and follows nobody: released, it would stay so',
    );
  const isAnew = await releaseSettings(server, from, peers, bounds);
  await awaitLog(server, `${from.host}:${from.port}`, bounds, (now) => {
    return now.receiver?.streaming === true && !(isAnew && now.receiver.pid === receiver?.pid);
  });
}

/** Whom it receives from, or tries to. */
async function upstreamOf(
  server: Server,
  receiver: Receiver | undefined,
  bounds: Bounds,
): Promise<Place | undefined> {
  if (receiver?.host !== undefined && receiver.port !== undefined)
    return { host: receiver.host, port: receiver.port };
  const { primary_conninfo } = await readSettings(server, bounds.left());
  return placesOf(primary_conninfo.value)[0];
}

/** A replica that is not released yet receives through its slot; one that left it after the drop looked has it left behind. */
async function releaseSlots(server: Server, bounds: Bounds): Promise<void> {
  await dropSlots(server, bounds.left());
  const left = await readSlotsLeft(server, bounds.left());
  if (left.length === 0) return;
  const which = left.map(({ slot, by }) => `${slot} is still used by ${by}`);
  throw new TanistError('ENGINE_FAILED', which.join(', '));
}

async function dropMemory(server: Server): Promise<void> {
  for (const memo of ['promoted', 'fenced'] as const) await server.memos.drop(memo);
  await rm(server.tailDir, { recursive: true, force: true });
  await rm(outputFile(server), { force: true });
  await dropOriginals(server);
}
