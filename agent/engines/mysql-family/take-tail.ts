/** The sealed candidate takes what the old leader's log holds beyond its own (DESIGN 6.4). */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import { formatPosition, type Position } from '#core/position.js';
import type { ActionResult } from '#agent/ports/engine.js';
import type { Bounds } from '#agent/engines/bounds.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import { compareLogs, fetchTail, receiveFile } from '#agent/engines/tail.js';

/** `from`: the position again, and proof that nothing else delivers. */
export async function takeTail(
  server: Server,
  agentAddress: string,
  from: Position,
  fileName: string,
  apply: (path: string, atLeast: Position) => Promise<void>,
  bounds: Bounds,
): Promise<ActionResult> {
  const { atLeast, files, isEmpty } = await fetchTail(server, agentAddress, from, bounds);
  if (isEmpty) return { kind: 'tailTaken', atLeast, bytes: 0 };
  const bytes = await receiveFile(server.tailDir, fileName, files, bounds);
  await apply(join(server.tailDir, fileName), atLeast);
  const reached = await server.kind.readPosition(server, bounds.left());
  const now = compareLogs(reached, atLeast);
  if (now !== 'equal')
    throw new TanistError(
      'TAIL_UNAVAILABLE',
      `applied, the log stands at ${formatPosition(reached)}, ${now} of ${formatPosition(atLeast)}`,
    );
  await rm(server.tailDir, { recursive: true, force: true });
  return { kind: 'tailTaken', atLeast, bytes };
}
