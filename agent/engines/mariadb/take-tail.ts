/** A tail is applied through a client that runs the statements, numbers and all. */
import type { ActionResult } from '#agent/ports/engine.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { TAIL_FILE } from '#agent/engines/mariadb/read-tail.js';
import { seal } from '#agent/engines/mariadb/seal.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { applyFrom } from '#agent/engines/mariadb/statements.js';
import * as family from '#agent/engines/mysql-family/take-tail.js';

export const takeTail = async (server: Server, agentAddress: string, bounds: Bounds): Promise<ActionResult> =>
  family.takeTail(
    ...([server, agentAddress, await seal(server, bounds), TAIL_FILE] as const),
    (path) => applyFrom(server, path, bounds),
    bounds,
  );
