/** The sealed candidate takes what the old leader's log holds beyond its own (DESIGN 6.4): its script applies the file that the other's wrote. */
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import { formatPosition, ofEngine } from '#core/position.js';
import type { ActionResult } from '#agent/ports/engine.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { declare } from '#agent/engines/exec/protocol.js';
import { TAIL_FILE } from '#agent/engines/exec/read-tail.js';
import { seal } from '#agent/engines/exec/seal.js';
import type { Server } from '#agent/engines/exec/server.js';
import { compareLogs, fetchTail, receiveFile } from '#agent/engines/tail.js';

export async function takeTail(server: Server, agentAddress: string, bounds: Bounds): Promise<ActionResult> {
  const from = await seal(server, bounds); // the position again, and proof that nothing else delivers
  const { atLeast, files, isEmpty } = await fetchTail(server, agentAddress, from, bounds);
  if (isEmpty) return { kind: 'tailTaken', atLeast, bytes: 0 };
  const bytes = await receiveFile(server.tailDir, TAIL_FILE, files, bounds);
  const file = join(server.tailDir, TAIL_FILE);
  const given = { from: declare(from), atLeast: declare(ofEngine(atLeast, 'exec')), file };
  await server.script.ask('apply', given, bounds);
  // Sealed again, too: a script that follows the file by the store's own means must not go on following.
  const reached = await seal(server, bounds);
  const now = compareLogs(reached, atLeast);
  if (now !== 'equal')
    throw new TanistError(
      'TAIL_UNAVAILABLE',
      `applied, the log stands at ${formatPosition(reached)}, ${now} of ${formatPosition(atLeast)}`,
    );
  await rm(server.tailDir, { recursive: true, force: true });
  return { kind: 'tailTaken', atLeast, bytes };
}
