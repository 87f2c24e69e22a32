/**
 * Opens for writes. S3: what proves the opening is the mark (S2), written while `read_only` still keeps clients out, all but those with CONNECTION_ADMIN,
 * as ours is; under `super_read_only` nobody could write it. Only then `read_only` is taken away. From the moment before, the process counts
 * as open, to this agent and to the guard, until it ends.
 */
import { rm } from 'node:fs/promises';
import { TanistError } from '#core/errors.js';
import { comparePositions, formatPosition, ofEngine, type Position } from '#core/position.js';
import type { MonotonicMs } from '#core/brand.js';
import type { ActionResult, EngineAction } from '#agent/ports/engine.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { writeIdentity, writeMark } from '#agent/engines/mysql/marks.js';
import { readPosition } from '#agent/engines/mysql/position.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { readStatus } from '#agent/engines/mysql/status.js';

export type OpenAction = EngineAction & { readonly kind: 'open' };

/** `marked`: told once the mark is written, with the instant from which on it proves something. */
export async function open(
  server: Server,
  action: OpenAction,
  bounds: Bounds,
  marked: (provedAt: MonotonicMs) => void,
): Promise<ActionResult & { readonly kind: 'opened' }> {
  const { connection } = server;
  refuseConfirmations(action.durability.acknowledgements);
  const { source } = await readStatus(server, bounds.left());
  if (source !== undefined)
    throw new TanistError(
      'ENGINE_FAILED',
      `it still receives log from ${source.host}:${source.port}: it is not sealed`,
    );
  requireReached(await readPosition(server, bounds.left()), action);
  const process = server.findMain();
  if (process === undefined) throw new TanistError('ENGINE_FAILED', 'the server is gone');
  if ((await server.bootsClosed(process)) !== true)
    throw new TanistError(
      'ENGINE_FAILED',
      'super_read_only and skip_replica_start are not both in its configuration: it would not come up closed',
    );
  // Before the memo, too: refused here nothing was asked for, and nothing has to be fenced for it.
  requireRight(action);
  await server.memos.note('promoted', process);
  bounds.check();
  await connection.query('set global super_read_only = 0', { timeoutMs: bounds.left() });
  const provedAt = server.now();
  await writeIdentity(connection, bounds.left());
  const { epoch } = action;
  // Right before the mark. Sessions of a leader that is open already may write in between: then a replica that stands there counts as diverged.
  const { gtids } = await readStatus(server, bounds.left());
  const mark = await writeMark(
    connection,
    { epoch, mark: action.mark, leader: server.member, from: gtids },
    bounds.left(),
  );
  marked(provedAt);
  bounds.check();
  requireRight(action);
  await connection.query('set global read_only = 0', { timeoutMs: bounds.left() });
  const position = await readPosition(server, bounds.left());
  await server.memos.drop('fenced');
  await rm(server.tailDir, { recursive: true, force: true });
  return { kind: 'opened', provedAt, opened: { epoch, mark, position, lineage: '', identifiers: undefined } };
}

function requireReached(position: Position, { opening }: OpenAction): void {
  const atLeast = opening.state === 'pending' ? opening.atLeast : undefined;
  if (atLeast === undefined) return;
  const stands = comparePositions({ ...position, marks: [] }, { ...ofEngine(atLeast, 'mysql'), marks: [] });
  if (stands === 'ahead' || stands === 'equal') return;
  throw new TanistError(
    'ENGINE_FAILED',
    `its log (${formatPosition(position)}) is ${stands}, held against ${formatPosition(atLeast)}`,
  );
}

/** L4: time has passed since this was decided, and more if the process stood still meanwhile. */
function requireRight({ mayOpen }: OpenAction): void {
  if (!mayOpen()) throw new TanistError('ENGINE_FAILED', 'the right to open has run out meanwhile');
}

export function refuseConfirmations(acknowledgements: number): void {
  if (acknowledgements > 0)
    throw new TanistError('ENGINE_FAILED', 'this engine cannot make writes wait for replicas yet');
}
