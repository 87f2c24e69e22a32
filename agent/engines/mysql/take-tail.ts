/** A tail is applied as log that was received. */
import { ofEngine } from '#core/position.js';
import type { ActionResult } from '#agent/ports/engine.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { TAIL_FILE } from '#agent/engines/mysql/read-tail.js';
import { seal } from '#agent/engines/mysql/seal.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { applyLog } from '#agent/engines/mysql/tail-channel.js';
import * as family from '#agent/engines/mysql-family/take-tail.js';

export const takeTail = async (server: Server, agentAddress: string, bounds: Bounds): Promise<ActionResult> =>
  family.takeTail(
    ...([server, agentAddress, await seal(server, bounds), TAIL_FILE] as const),
    (path, atLeast) => applyLog(server, path, ofEngine(atLeast, 'mysql').gtids, bounds),
    bounds,
  );
