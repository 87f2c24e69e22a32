/**
 * Opens for writes. S3: what proves the opening is a write that waited for nobody, the mark (S2), on a session that was there
 * before, since a promoted server may refuse every new one. The boot-closed marker, which promotion removes, is laid again
 * before that.
 */
import { rm } from 'node:fs/promises';
import type { MonotonicMs } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { ofEngine, formatPosition } from '#core/position.js';
import { type PostgresPosition, comparePostgres, formatLsn } from '#core/positions/postgres.js';
import type { ActionResult, EngineAction } from '#agent/ports/engine.js';
import { type Apply, applyUntil, readApply } from '#agent/engines/postgres/apply.js';
import { layBootClosed } from '#agent/engines/postgres/boot-closed.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { applyDurability, prepareDurability } from '#agent/engines/postgres/durability.js';
import { type Jump, prepareJump } from '#agent/engines/postgres/identifiers.js';
import { readLineage, reserveUpTo } from '#agent/engines/postgres/lineage.js';
import { writeMark } from '#agent/engines/postgres/marks.js';
import { holdWrites, letWrites } from '#agent/engines/postgres/write-hold.js';
import { readPosition } from '#agent/engines/postgres/position.js';
import { findPostmaster } from '#agent/engines/postgres/processes.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { readSettings } from '#agent/engines/postgres/settings.js';
import { readStatus } from '#agent/engines/postgres/status.js';
import { dropTail } from '#agent/engines/postgres/take-tail.js';

export type OpenAction = EngineAction & { readonly kind: 'open' };

const LOOK_EVERY_MS = 2;

/** `marked`: told once the mark is written, with the instant from which on it proves something. */
export async function open(
  server: Server,
  action: OpenAction,
  bounds: Bounds,
  marked: (provedAt: MonotonicMs) => void,
): Promise<ActionResult & { readonly kind: 'opened' }> {
  const { identifierGap: gap } = action;
  const jump = gap === undefined ? undefined : await prepareJump(server, gap, bounds);
  try {
    return await openWith(server, action, bounds, marked, jump);
  } finally {
    jump?.end();
  }
}

async function openWith(
  server: Server,
  action: OpenAction,
  bounds: Bounds,
  marked: (provedAt: MonotonicMs) => void,
  jump: Jump | undefined,
): Promise<ActionResult & { readonly kind: 'opened' }> {
  const before = await readStatus(server, false, bounds.left());
  const least = action.opening.state === 'pending' ? action.opening.atLeast : undefined;
  const atLeast = least && ofEngine(least, 'postgres');
  if (before.closed) {
    if (atLeast !== undefined) await awaitApplied(server, atLeast, bounds);
    if (jump !== undefined) await holdWrites(server, bounds);
    await promote(server, action, bounds);
  } else if (atLeast !== undefined) {
    requireReached(await readPosition(server, before, bounds.left()), atLeast);
  }
  if (!before.closed) await applyDurability(server, action.durability, bounds);
  bounds.check();
  await layBootClosed(server.dataDir, await server.owner());
  const provedAt = server.now();
  const mark = await writeMark(server.connection, action.epoch, action.mark, server.member, bounds.left());
  marked(provedAt);
  const identifiers = await jump?.run();
  await letWrites(server, bounds);
  // A second write where the first may have been a while ago: the lease is asked for by the newest (L1).
  const lookedAt = server.now();
  const now = await readStatus(server, jump !== undefined, bounds.left());
  const position = await readPosition(server, now, bounds.left());
  if (action.timeline !== undefined && before.closed && now.timeline !== action.timeline) {
    server.log('warn', 'TIMELINE_DIFFERS', { wanted: action.timeline, taken: now.timeline });
  }
  for (const memo of ['promoted', 'fenced'] as const) await server.memos.drop(memo);
  await rm(server.tailDir, { recursive: true, force: true });
  const lineage = readLineage(server.logDir, now.timeline) ?? '';
  return {
    kind: 'opened',
    provedAt: now.canary ? lookedAt : provedAt,
    opened: { epoch: action.epoch, mark, position, lineage, identifiers },
  };
}

/** All that the plan counts on must be applied here. What was received beyond that is applied by the promotion. */
async function awaitApplied(server: Server, atLeast: PostgresPosition, bounds: Bounds): Promise<void> {
  const isDone = (apply: Apply): boolean => apply.applied >= atLeast.lsn;
  if (!(await applyUntil(server, bounds.within(bounds.left() * 0.8), LOOK_EVERY_MS, isDone))) {
    const { applied } = await readApply(server, bounds.left());
    throw new TanistError(
      'ENGINE_FAILED',
      `the log is applied up to ${formatLsn(applied)}, and must be up to ${formatLsn(atLeast.lsn)}`,
    );
  }
  requireReached(
    await readPosition(server, await readStatus(server, false, bounds.left()), bounds.left()),
    atLeast,
  );
}

function requireReached(position: PostgresPosition, atLeast: PostgresPosition): void {
  const stands = comparePostgres({ ...position, marks: [] }, { ...atLeast, marks: [] });
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

async function promote(server: Server, action: OpenAction, bounds: Bounds): Promise<void> {
  const status = await readStatus(server, false, bounds.left());
  if (status.receiver !== undefined || status.upstream !== undefined) {
    throw new TanistError(
      'ENGINE_FAILED',
      `it still receives log from ${status.upstream ?? 'a leader'}: it is not sealed`,
    );
  }
  const settings = await readSettings(server, bounds.left());
  if (settings.restore_command.value !== '') await dropTail(server, bounds);
  if (action.timeline !== undefined) {
    await reserveUpTo(server.logDir, await server.owner(), status.timeline, action.timeline, action.openings);
  }
  // In force before the first client gets in.
  await prepareDurability(server, action.durability, bounds);
  const postmaster = findPostmaster(server.dataDir);
  if (postmaster === undefined) throw new TanistError('ENGINE_FAILED', 'the server is gone');
  // Before the memo, too: refused here nothing was asked for, and nothing has to be fenced for it.
  requireRight(action);
  await server.memos.note('promoted', postmaster);
  bounds.check();
  requireRight(action);
  await server.connection.query('select pg_promote(false)', { timeoutMs: bounds.left() });
  if (await applyUntil(server, bounds, LOOK_EVERY_MS, ({ closed }) => !closed)) return;
  throw new TanistError(
    'ENGINE_FAILED',
    'the promotion was asked for and has not gone through: it still may',
  );
}
