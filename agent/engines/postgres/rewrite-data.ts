/**
 * The part of a rewind from which there is no way back. A fence does not end it: nothing runs that could commit, and to stop in the
 * middle would destroy the data for nothing.
 */
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import { layBootClosed } from '#agent/engines/postgres/boot-closed.js';
import { type NeededLog, completeLog } from '#agent/engines/postgres/needed-log.js';
import { moveAside, ownFiles } from '#agent/engines/postgres/own-files.js';
import { runRewind } from '#agent/engines/postgres/pg-rewind.js';
import { broken, finishRewind, noteRewind } from '#agent/engines/postgres/rewind-memo.js';
import type { Server } from '#agent/engines/postgres/server.js';

export async function rewriteData(server: Server, leader: PlanMember, needed: NeededLog): Promise<void> {
  const memo = { leader: leader.name, ownFiles: ownFiles(server.dataDir) };
  await noteRewind(server, { ...memo, phase: 'preparing' });
  await moveAside(server, memo.ownFiles).catch(async (error: unknown) => {
    await finishRewind(server);
    throw new TanistError(
      'REWIND_IMPOSSIBLE',
      `a file of this member's own cannot be moved out of the way: ${String(error)}`,
      'let the data directory hold no mount points, and nothing that belongs to somebody else',
    );
  });
  await noteRewind(server, { ...memo, phase: 'rewriting' });
  const result = await runRewind(server, leader);
  if (result.kind === 'untouched') {
    await noteRewind(server, { ...memo, phase: 'preparing' });
    await finishRewind(server);
    throw result.error;
  }
  if (result.kind === 'torn') throw broken(server, leader.name, result.error.detail);
  await completeLog(server, leader, needed).catch((error: unknown) => {
    throw broken(server, leader.name, `the log that goes with the copy cannot be had: ${String(error)}`);
  });
  await noteRewind(server, { ...memo, phase: 'rewritten' });
  await layBootClosed(server.dataDir, await server.owner());
  await finishRewind(server);
}
