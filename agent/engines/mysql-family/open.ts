/**
 * Opens for writes. S3: what proves the opening is the mark (S2), written while `read_only` still keeps every client out and no commit waits for a
 * replica (on MySQL `super_read_only` goes before it, under which nobody could write it); then who confirms writes is put in force, and only then it is taken away. From the moment before, the process counts as open, to this
 * agent and to the guard, until it ends.
 */
import { rm } from 'node:fs/promises';
import { TanistError } from '#core/errors.js';
import type { IdentifierGap, IdentifierReport } from '#core/identifiers.js';
import { comparePositions, formatPosition, ofEngine, type Position } from '#core/position.js';
import type { MonotonicMs } from '#core/brand.js';
import type { ActionResult, EngineAction } from '#agent/ports/engine.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { applyDurability, requireEnforceable } from '#agent/engines/mysql-family/durability.js';
import { identityOf } from '#agent/engines/mysql-family/identity.js';
import { writeIdentity } from '#agent/engines/mysql-family/marks.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import { beSoleSession } from '#agent/engines/mysql-family/sole-session.js';
import { writeMark } from '#agent/engines/mysql-family/write-mark.js';

export type OpenAction = EngineAction & { readonly kind: 'open' };

/** What each of the two does its own way. */
export interface Opening {
  /** All that is there, as a mark holds it. */
  readLog(server: Server, timeoutMs: number): Promise<string>;
  /** Before an opening that may lack writes lets clients in, no number may be given out again. */
  prepareJump(server: Server, gap: IdentifierGap, bounds: Bounds): Promise<Jump | undefined>;
  /** Lets us write, and no client. */
  letMarkIn(server: Server, bounds: Bounds): Promise<void>;
}

export interface Jump {
  /** While clients are still kept out. What cannot be done in its time is told, and keeps nobody from writing. */
  run(): Promise<IdentifierReport>;
  /** Whether it was run or not. */
  end(): void;
}

/** `marked`: told once the mark is written, with the instant from which on it proves something. */
export async function open(
  how: Opening,
  server: Server,
  action: OpenAction,
  bounds: Bounds,
  marked: (provedAt: MonotonicMs) => void,
): Promise<ActionResult & { readonly kind: 'opened' }> {
  const jump = action.identifierGap && (await how.prepareJump(server, action.identifierGap, bounds));
  try {
    return await openWith(how, server, action, jump, bounds, marked);
  } finally {
    jump?.end();
  }
}

async function openWith(
  how: Opening,
  server: Server,
  action: OpenAction,
  jump: Jump | undefined,
  bounds: Bounds,
  marked: (provedAt: MonotonicMs) => void,
): Promise<ActionResult & { readonly kind: 'opened' }> {
  const { connection, kind } = server;
  requireEnforceable(server, action.durability);
  await beSoleSession(server, bounds);
  const { source } = await kind.readStatus(server, bounds.left());
  if (source !== undefined)
    throw new TanistError(
      'ENGINE_FAILED',
      `it still receives log from ${source.host}:${source.port}: it is not sealed`,
    );
  requireReached(await kind.readPosition(server, bounds.left()), action);
  const process = server.findMain();
  if (process === undefined) throw new TanistError('ENGINE_FAILED', 'the server is gone');
  if ((await server.bootsClosed(process)) !== true)
    throw new TanistError(
      'ENGINE_FAILED',
      `its configuration must have ${kind.bootClosedBy}: it would not come up closed`,
    );
  // Before the memo, too: refused here nothing was asked for, and nothing has to be fenced for it.
  requireRight(action);
  await server.memos.note('promoted', process);
  bounds.check();
  await how.letMarkIn(server, bounds);
  const provedAt = server.now();
  await writeIdentity(server, bounds.left(), await identityOf(server, bounds.left()));
  const { epoch } = action;
  // Right before the mark. Sessions of a leader that is open already may write in between: then a replica that stands there counts as diverged.
  const from = await how.readLog(server, bounds.left());
  const opening = { epoch, mark: action.mark, leader: server.member, from };
  const mark = await writeMark(server, opening, bounds);
  marked(provedAt);
  const identifiers = await jump?.run();
  // In force before the first client gets in.
  await applyDurability(server, action.durability, bounds);
  bounds.check();
  requireRight(action);
  await connection.query('set global read_only = 0', { timeoutMs: bounds.left() });
  const position = await kind.readPosition(server, bounds.left());
  await server.memos.drop('fenced');
  await rm(server.tailDir, { recursive: true, force: true });
  return { kind: 'opened', provedAt, opened: { epoch, mark, position, lineage: '', identifiers } };
}

function requireReached(position: Position, { opening }: OpenAction): void {
  const atLeast = opening.state === 'pending' ? opening.atLeast : undefined;
  if (atLeast === undefined) return;
  const stands = comparePositions(
    { ...position, marks: [] },
    { ...ofEngine(atLeast, position.engine), marks: [] },
  );
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
