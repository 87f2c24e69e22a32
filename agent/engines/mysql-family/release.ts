/**
 * Lets a database go as it was found: a leader accepts writes, a replica goes on following, and nothing of ours is left in it. That it comes up
 * closed after a restart is its own configuration, which was there before. Every part may be repeated; what is remembered of the time before goes
 * last.
 */
import { rm } from 'node:fs/promises';
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { outputFile } from '#agent/engines/launch.js';
import { confirmerOf } from '#agent/engines/mysql-family/confirmers.js';
import { releaseDurability } from '#agent/engines/mysql-family/durability.js';
import { follow, type Following, isAt } from '#agent/engines/mysql-family/follow.js';
import { forgetIdentity } from '#agent/engines/mysql-family/identity.js';
import { dropMarks } from '#agent/engines/mysql-family/marks.js';
import type { Server, Source } from '#agent/engines/mysql-family/server.js';

const LOOK_EVERY_MS = 20;

export async function release(
  server: Server,
  following: Following,
  peers: readonly PlanMember[],
  bounds: Bounds,
): Promise<void> {
  const { closed, source } = await server.kind.readStatus(server, bounds.left());
  if (closed) {
    await followAsOthers(server, following, source, peers, bounds);
    await requireFollowing(server, bounds);
  } else {
    // First: what goes into the log waits for nobody then.
    await releaseDurability(server, bounds);
    // In the log: replicas lose it, too.
    await dropMarks(server.connection, bounds.left());
  }
  bounds.check();
  for (const memo of ['promoted', 'fenced'] as const) await server.memos.drop(memo);
  for (const folder of [server.tailDir, server.copyDir]) await rm(folder, { recursive: true, force: true });
  await rm(outputFile(server), { force: true });
  await forgetIdentity(server);
  server.log('info', 'RELEASED', { role: closed ? 'replica' : 'leader' });
}

/** By the account that it had before it confirmed writes: its own goes with its leader's release. */
async function followAsOthers(
  server: Server,
  following: Following,
  source: Source | undefined,
  peers: readonly PlanMember[],
  bounds: Bounds,
): Promise<void> {
  if (source?.user !== confirmerOf(server.member)) return;
  const leader = peers.find((peer) => isAt(source, peer));
  if (leader !== undefined) await follow(following, server, leader, false, bounds);
}

async function requireFollowing(server: Server, bounds: Bounds): Promise<void> {
  let trouble = '';
  const isFollowing = async (): Promise<boolean> => {
    const { source } = await server.kind.readStatus(server, bounds.left() + 1_000);
    if (source === undefined)
      throw new TanistError(
        'ENGINE_FAILED',
        'the server is closed and follows nobody: released, it would stay so',
      );
    trouble = source.receiveError.text || source.applyError.text || 'it does not answer';
    return source.streaming;
  };
  if (!(await bounds.until(isFollowing, LOOK_EVERY_MS)))
    throw new TanistError('ENGINE_FAILED', `no log arrives from whom it follows: ${trouble}`);
}
