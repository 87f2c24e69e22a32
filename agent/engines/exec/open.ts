/**
 * Opens for writes, in two calls. `promote` writes the mark (S2), which proves the opening (S3), while clients are still kept out; then the right
 * is asked for once more (L4), and `open` lets clients in. From the moment before the first call the server counts as open, to this agent and
 * to the guard, until its processes end.
 */
import { rm } from 'node:fs/promises';
import type { MonotonicMs } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { comparePositions, formatPosition, type Position } from '#core/position.js';
import type { ActionResult, EngineAction } from '#agent/ports/engine.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { positionOf, type RunningStatus } from '#agent/engines/exec/protocol.js';
import type { Server } from '#agent/engines/exec/server.js';

export type OpenAction = EngineAction & { readonly kind: 'open' };

export const NO_DURABILITY = 'a script cannot make writes wait for replicas yet';

/** `marked`: told once the mark is written, with the instant from which on it proves something. */
export async function open(
  server: Server,
  action: OpenAction,
  bounds: Bounds,
  marked: (provedAt: MonotonicMs) => void,
): Promise<ActionResult & { readonly kind: 'opened' }> {
  if (action.durability.acknowledgements > 0) throw new TanistError('ENGINE_FAILED', NO_DURABILITY);
  requireReady(await server.running(bounds), action);
  const process = server.findMain();
  if (process === undefined) throw new TanistError('ENGINE_FAILED', 'the server is gone');
  // The guard knows the server by this file: without it nothing is opened (INV-6).
  await server.processes.name([]);
  // Before the memo, too: refused here nothing was asked for, and nothing has to be fenced for it.
  requireRight(action);
  await server.memos.note('promoted', process);
  bounds.check();
  const provedAt = server.now();
  const { epoch } = action;
  const written = await server.script.ask(
    'promote',
    { epoch: Number(epoch), mark: action.mark, leader: server.member },
    bounds,
  );
  marked(provedAt);
  bounds.check();
  requireRight(action);
  await server.script.ask('open', { epoch: Number(epoch) }, bounds);
  const status = await server.running(bounds);
  const position = positionOf(status.position);
  const { mark } = written;
  if (status.closed)
    throw new TanistError('ENGINE_FAILED', 'opened, it does not accept writes: status answered so');
  if (!position.marks.some((one) => one.epoch === epoch && one.mark === mark))
    throw new TanistError('SCRIPT_BROKEN', `open: the mark of epoch ${epoch} is not in the position`);
  await server.memos.drop('fenced');
  await rm(server.tailDir, { recursive: true, force: true });
  return { kind: 'opened', provedAt, opened: { epoch, mark, position, lineage: '', identifiers: undefined } };
}

function requireReady(
  { receives, bootClosed, processes, position }: RunningStatus,
  action: OpenAction,
): void {
  const refuse = (text: string): never => {
    throw new TanistError('ENGINE_FAILED', text);
  };
  if (receives !== null) refuse(`it still receives log from ${receives.from}: it is not sealed`);
  if (!bootClosed) refuse('started by itself it would not come up closed');
  if (processes.length === 0) refuse('status names no process: nothing could close it without the script');
  requireReached(positionOf(position), action);
}

function requireReached(position: Position, { opening }: OpenAction): void {
  const atLeast = opening.state === 'pending' ? opening.atLeast : undefined;
  if (atLeast === undefined) return;
  const stands = comparePositions({ ...position, marks: [] }, { ...atLeast, marks: [] });
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
