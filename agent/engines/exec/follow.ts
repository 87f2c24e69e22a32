/**
 * S4: points a closed server at a leader that has proved writable. Many stores follow anybody, and mix what they have with what comes; so whether
 * this log may go on there is held against the openings here once more (INV-7).
 */
import { TanistError } from '#core/errors.js';
import { databaseAddress, type PlanMember, type ProvedOpening } from '#core/plan.js';
import { formatPosition } from '#core/position.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { positionOf, type RunningStatus } from '#agent/engines/exec/protocol.js';
import type { Server } from '#agent/engines/exec/server.js';

const LOOK_EVERY_MS = 50;

export async function follow(
  server: Server,
  leader: PlanMember,
  openings: readonly ProvedOpening[],
  bounds: Bounds,
): Promise<void> {
  const now = await server.running(bounds);
  if (!now.closed || server.isOpened())
    throw new TanistError('ENGINE_FAILED', 'the server accepts writes: it cannot follow');
  const position = positionOf(now.position);
  if (S2_ancestry(position, openings) === 'diverged')
    throw new TanistError('DIVERGED', `it stands at ${formatPosition(position)}`);
  if (!isFollowing(now, leader)) {
    const { name, databaseHost: host, databasePort: port } = leader;
    await server.script.ask('follow', { leader: { name, host, port } }, bounds);
  }
  const arrives = async (): Promise<boolean> => isFollowing(await server.running(bounds), leader);
  if (!(await bounds.until(arrives, LOOK_EVERY_MS)))
    throw new TanistError('ENGINE_FAILED', `no log arrives from ${leader.name}`);
}

const isFollowing = ({ receives }: RunningStatus, leader: PlanMember): boolean =>
  receives?.streaming === true && receives.from === databaseAddress(leader);
