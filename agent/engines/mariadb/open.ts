/**
 * Opens for writes. S3: what proves the opening is the mark (S2), written while `read_only` still keeps every client out and no commit waits for a
 * replica; then who confirms writes is put in force, and only then it is taken away. From the moment before, the process counts as open, to this
 * agent and to the guard, until it ends.
 */
import { rm } from 'node:fs/promises';
import { TanistError } from '#core/errors.js';
import { comparePositions, formatPosition, ofEngine, type Position } from '#core/position.js';
import type { MonotonicMs } from '#core/brand.js';
import type { ActionResult, EngineAction } from '#agent/ports/engine.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { applyDurability, requireEnforceable } from '#agent/engines/mariadb/durability.js';
import { type Jump, prepareJump } from '#agent/engines/mariadb/identifiers.js';
import { identityOf } from '#agent/engines/mariadb/identity.js';
import { writeIdentity } from '#agent/engines/mariadb/marks.js';
import { readPosition } from '#agent/engines/mariadb/position.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { beSoleSession } from '#agent/engines/mariadb/sole-session.js';
import { readStatus } from '#agent/engines/mariadb/status.js';
import { writeMark } from '#agent/engines/mariadb/write-mark.js';

export type OpenAction = EngineAction & { readonly kind: 'open' };

/** `marked`: told once the mark is written, with the instant from which on it proves something. */
export async function open(
  server: Server,
  action: OpenAction,
  bounds: Bounds,
  marked: (provedAt: MonotonicMs) => void,
): Promise<ActionResult & { readonly kind: 'opened' }> {
  const jump = action.identifierGap && (await prepareJump(server, action.identifierGap, bounds));
  try {
    return await openWith(server, action, jump, bounds, marked);
  } finally {
    jump?.end();
  }
}

async function openWith(
  server: Server,
  action: OpenAction,
  jump: Jump | undefined,
  bounds: Bounds,
  marked: (provedAt: MonotonicMs) => void,
): Promise<ActionResult & { readonly kind: 'opened' }> {
  const { connection } = server;
  requireEnforceable(action.durability);
  await beSoleSession(server, bounds);
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
      'its configuration must have read_only and skip_slave_start, and no rpl_semi_sync_…_enabled: it would not come up closed',
    );
  // Before the memo, too: refused here nothing was asked for, and nothing has to be fenced for it.
  requireRight(action);
  await server.memos.note('promoted', process);
  bounds.check();
  const provedAt = server.now();
  await writeIdentity(connection, bounds.left(), await identityOf(server, bounds.left()));
  const { epoch } = action;
  // Right before the mark. Sessions of a leader that is open already may write in between: then a replica that stands there counts as diverged.
  const { gtids } = await readStatus(server, bounds.left());
  const opening = { epoch, mark: action.mark, leader: server.member, from: gtids };
  const mark = await writeMark(server, opening, bounds);
  marked(provedAt);
  const identifiers = await jump?.run();
  // In force before the first client gets in.
  await applyDurability(server, action.durability, bounds);
  bounds.check();
  requireRight(action);
  await connection.query('set global read_only = 0', { timeoutMs: bounds.left() });
  const position = await readPosition(server, bounds.left());
  await server.memos.drop('fenced');
  await rm(server.tailDir, { recursive: true, force: true });
  return { kind: 'opened', provedAt, opened: { epoch, mark, position, lineage: '', identifiers } };
}

function requireReached(position: Position, { opening }: OpenAction): void {
  const atLeast = opening.state === 'pending' ? opening.atLeast : undefined;
  if (atLeast === undefined) return;
  const stands = comparePositions({ ...position, marks: [] }, { ...ofEngine(atLeast, 'mariadb'), marks: [] });
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
