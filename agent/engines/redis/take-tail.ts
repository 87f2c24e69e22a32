/** The sealed candidate takes what the old leader's backlog holds beyond its own (DESIGN 6.4), from a stand-in, so that line and offset stay exact. */
import { readFile, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import { formatPosition, ofEngine } from '#core/position.js';
import type { LineagePosition } from '#core/positions/lineage.js';
import type { ActionResult } from '#agent/ports/engine.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { readPosition } from '#agent/engines/redis/position.js';
import { TAIL_FILE } from '#agent/engines/redis/read-tail.js';
import { seal } from '#agent/engines/redis/seal.js';
import type { Server } from '#agent/engines/redis/server.js';
import { withStandIn } from '#agent/engines/redis/stand-in.js';
import { readStatus } from '#agent/engines/redis/status.js';
import { compareLogs, fetchTail, receiveFile } from '#agent/engines/tail.js';

const LOOK_EVERY_MS = 2;
const LOOK_WITHIN_MS = 1_000;

export async function takeTail(server: Server, agentAddress: string, bounds: Bounds): Promise<ActionResult> {
  const from = await seal(server, bounds); // the position again, and proof that nothing else delivers
  const { atLeast, files, isEmpty } = await fetchTail(server, agentAddress, from, bounds);
  const upTo = ofEngine(atLeast, 'redis');
  if (isEmpty) return { kind: 'tailTaken', atLeast, bytes: 0 };
  const bytes = await receiveFile(server.tailDir, TAIL_FILE, files, bounds);
  const offer = { line: upTo.line, bytes: await readFile(join(server.tailDir, TAIL_FILE)) };
  await withStandIn(server, offer, bounds, () => untilApplied(server, upTo, bounds));
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

async function untilApplied(server: Server, { at }: LineagePosition, bounds: Bounds): Promise<void> {
  const isApplied = async (): Promise<boolean> =>
    (await readStatus(server.connection, bounds.left() + LOOK_WITHIN_MS)).offset >= at;
  if (!(await bounds.until(isApplied, LOOK_EVERY_MS)))
    throw new TanistError('TAIL_UNAVAILABLE', 'time was up before it was applied');
}
