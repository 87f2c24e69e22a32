/** The sealed candidate takes what the old leader's log holds beyond its own (DESIGN 6.4), as log that it has received. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import { formatPosition, ofEngine } from '#core/position.js';
import type { ActionResult } from '#agent/ports/engine.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { readPosition } from '#agent/engines/mysql/position.js';
import { TAIL_FILE } from '#agent/engines/mysql/read-tail.js';
import { seal } from '#agent/engines/mysql/seal.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { applyLog } from '#agent/engines/mysql/tail-channel.js';
import { compareLogs, fetchTail, receiveFile } from '#agent/engines/tail.js';

export async function takeTail(server: Server, agentAddress: string, bounds: Bounds): Promise<ActionResult> {
  const from = await seal(server, bounds); // the position again, and proof that nothing else delivers
  const { atLeast, files, isEmpty } = await fetchTail(server, agentAddress, from, bounds);
  if (isEmpty) return { kind: 'tailTaken', atLeast, bytes: 0 };
  const bytes = await receiveFile(server.tailDir, TAIL_FILE, files, bounds);
  await applyLog(server, join(server.tailDir, TAIL_FILE), ofEngine(atLeast, 'mysql').gtids, bounds);
  const reached = await readPosition(server, bounds.left());
  const now = compareLogs(reached, atLeast);
  if (now !== 'equal')
    throw new TanistError(
      'TAIL_UNAVAILABLE',
      `applied, the log stands at ${formatPosition(reached)}, ${now} of ${formatPosition(atLeast)}`,
    );
  await rm(server.tailDir, { recursive: true, force: true });
  return { kind: 'tailTaken', atLeast, bytes };
}
