/** S1: the script cuts every way by which log arrives; where the log ends is read anew after that, and only of a server that is closed. */
import { TanistError } from '#core/errors.js';
import type { LineagePosition } from '#core/positions/lineage.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { positionOf, type RunningStatus } from '#agent/engines/exec/protocol.js';
import type { Server } from '#agent/engines/exec/server.js';

export async function seal(server: Server, bounds: Bounds): Promise<LineagePosition> {
  // A look is at most a heartbeat old, and the seal has a fraction of a second; what counts is asked after it.
  requireClosed(server, server.newest() ?? (await server.running(bounds)));
  await server.script.ask('seal', {}, bounds);
  const status = await server.running(bounds);
  requireClosed(server, status);
  if (status.receives !== null)
    throw new TanistError('ENGINE_FAILED', `sealed, it is still set to receive from ${status.receives.from}`);
  return positionOf(status.position);
}

function requireClosed(server: Server, { closed }: RunningStatus): void {
  if (!closed || server.isOpened())
    throw new TanistError('ENGINE_FAILED', 'it was opened, or is about to be: what it writes has no end');
}
