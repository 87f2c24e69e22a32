/**
 * Rejoin by a copy (DESIGN 8), since MariaDB cannot take back what is in its log: the data of a proved leader, or of a replica of it, is copied
 * beside this member's own, which stays as it is until the copy is whole, then takes its place, and is kept.
 *
 * E5: the copy holds all that this member has ever said to have of the leader's history. For its server receives nothing from before the copy
 * begins; a leader has all that was ever confirmed to it; and of every copy it is checked.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { join, dirname } from 'node:path';
import { promisify } from 'node:util';
import { TanistError } from '#core/errors.js';
import type { PlanMember, ProvedOpening } from '#core/plan.js';
import { formatPosition, isOnSameLine, ofEngine } from '#core/position.js';
import { compareGtids, formatGtids, type Gtid } from '#core/positions/mariadb.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import { type Bounds, Interrupted } from '#agent/engines/bounds.js';
import { identityOf, keepIdentity } from '#agent/engines/mysql-family/identity.js';
import { knownLogPlaces } from '#agent/engines/mysql-family/log-places.js';
import { ownFiles } from '#agent/engines/mariadb/own-files.js';
import { salvage } from '#agent/engines/mariadb/salvage.js';
import { seal } from '#agent/engines/mariadb/seal.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import { start } from '#agent/engines/mysql-family/start.js';
import { stopInOrder } from '#agent/engines/mariadb/stop.js';
import { finishSwap, swapData } from '#agent/engines/mysql-family/swap.js';
import { type Copy, takeCopy } from '#agent/engines/mariadb/take-copy.js';
import { requireSession } from '#agent/engines/session.js';

const START_WITHIN_MS = 120_000;
const ASK_WITHIN_MS = 5_000;

export interface Recloning {
  readonly leader: PlanMember;
  /** Whose data is copied: the leader, or a replica of it. */
  readonly source: PlanMember;
  /** Whose data does as well, and is copied rather: a copy keeps a leader busy. */
  readonly instead: readonly PlanMember[];
  readonly openings: readonly ProvedOpening[];
  readonly wish: string | undefined;
  /** The operator does without the writes that only this member has. */
  readonly salvageWaived: boolean;
}

/** Answers which copy of its data this member has now. */
export async function reclone(
  server: Server,
  wanted: Recloning,
  bounds: Bounds,
): Promise<{ readonly copyId: string | undefined }> {
  const { leader, source, instead, wish } = wanted;
  const done = await finishSwap(server);
  if (done !== undefined && wish !== undefined && done.wish === wish) return { copyId: done.by };
  requireClonable(server);
  const shared = await saved(server, wanted, bounds);
  if (shared === undefined && source.name !== leader.name)
    throw new TanistError(
      'RECLONE_IMPOSSIBLE',
      `how much this member has had is not known, and ${source.name} may have less of it`,
      'copy the leader: leave out --from',
    );
  const sources = shared === undefined ? [source] : [...instead, source];
  try {
    const { copy, from } = await copyFirst(server, sources, wanted, shared, bounds);
    await carryOwnFiles(server, copy.folder);
    await promisify(execFile)('sync', ['--file-system', copy.folder]);
    await stopInOrder(server, bounds);
    bounds.check();
    const { by, old } = await swapData(server, copy.folder, wish, formatGtids(copy.at.gtids));
    server.log('info', 'RECLONED', { from, oldData: old });
    return { copyId: by };
  } finally {
    server.copying = undefined;
  }
}

/** Of the first from whom one is to be had. */
async function copyFirst(
  server: Server,
  [source, ...others]: readonly PlanMember[],
  wanted: Recloning,
  shared: readonly Gtid[] | undefined,
  bounds: Bounds,
): Promise<{ readonly copy: Copy; readonly from: string }> {
  if (source === undefined) throw new TanistError('ENGINE_FAILED', 'there is nobody to copy');
  const from = source.name;
  server.log('info', 'RECLONING', { from, ...(shared && { shared: formatGtids(shared) }) });
  const tell = (doneBytes: number, totalBytes: number): void => {
    server.copying = { from, doneBytes, totalBytes };
  };
  tell(0, 0);
  try {
    const copy = await takeCopy(server, source, tell, bounds);
    await requireWhole(server, copy, source, wanted, shared);
    return { copy, from };
  } catch (error) {
    if (error instanceof Interrupted || others.length === 0) throw error;
    server.log('warn', 'COPY_FAILED', { from, because: String(error) });
    return copyFirst(server, others, wanted, shared, bounds);
  }
}

/** What a copy beside the data cannot do without. */
export function requireClonable(server: Server): void {
  const impossible = (text: string, next: string): TanistError =>
    new TanistError('RECLONE_IMPOSSIBLE', text, next);
  for (const name of ['mariadb-backup', 'mbstream'])
    if (server.findTool(name) === undefined)
      throw impossible(`there is no program ${name}`, 'install mariadb-backup, or set engine.binDir');
  const place = realpathSync(server.dataDir);
  const beside = dirname(place);
  if (!mayWrite(beside))
    throw impossible(
      `the agent may not write to ${beside}, where the copy takes the place of the old data`,
      'let it write there',
    );
  if (statSync(place).dev !== statSync(beside).dev || statSync(place).dev !== statSync(server.stateDir).dev)
    throw impossible(
      `${place}, ${beside} and ${server.stateDir} are not on one volume: a copy could not take the place of the old data at once`,
      'let the data directory and stateDir be folders of one volume',
    );
}

/**
 * Which transactions of the leader's history it has, once what only it has is saved; from here on it receives nothing. Undefined: nothing tells,
 * and the operator does without what may be there.
 */
async function saved(
  server: Server,
  { leader, openings, salvageWaived }: Recloning,
  bounds: Bounds,
): Promise<readonly Gtid[] | undefined> {
  const opening = openings.at(-1);
  if (opening === undefined) throw new TanistError('ENGINE_FAILED', 'no opening is known to follow');
  try {
    await start(server, bounds.within(START_WITHIN_MS));
    await requireSession(server.connection);
    const own = await seal(server, bounds);
    const stands = S2_ancestry(own, openings);
    if (stands === 'behind' || stands === 'equal') return own.gtids;
    if (salvageWaived) return undefined;
    return await salvage(server, leader, own, opening, bounds);
  } catch (error) {
    if (error instanceof Interrupted) throw error;
    if (salvageWaived) {
      server.log('warn', 'SALVAGE_WAIVED', { because: String(error) });
      return undefined;
    }
    const { code, detail } =
      error instanceof TanistError ? error : { code: 'ENGINE_FAILED', detail: String(error) };
    throw new TanistError(
      'SALVAGE_FAILED',
      `what only this member has could not be saved, so it is not replaced: ${code}: ${detail}`,
      `put that right, or do without: tanist reinit ${server.member} --waive-salvage`,
    );
  }
}

/** The right data, of the right line of history, and no less of it than this member has had (E5). */
async function requireWhole(
  server: Server,
  { at }: Copy,
  source: PlanMember,
  { leader, openings }: Recloning,
  shared: readonly Gtid[] | undefined,
): Promise<void> {
  const dataId = await identityOf(server, ASK_WITHIN_MS);
  if (at.dataId !== dataId)
    throw new TanistError('RECLONE_IMPOSSIBLE', `${source.name} holds data ${at.dataId}, not ${dataId}`);
  const opening = openings.at(-1);
  if (opening === undefined) return;
  const stands = S2_ancestry(at, openings);
  const isOfLeader = (stands === 'behind' || stands === 'equal') && isOnSameLine(at, opening.position);
  const isEnough = [ofEngine(opening.position, 'mariadb').gtids, shared ?? []].every((needed) =>
    ['ahead', 'equal'].includes(compareGtids(at.gtids, needed)),
  );
  if (isOfLeader && isEnough) return;
  throw new TanistError(
    'ENGINE_FAILED',
    `the copy of ${source.name} reaches ${formatPosition(at)}: less than ${leader.name} at its opening, or than this member itself`,
  );
}

/** Configuration, certificates and log files of this member; the old data keeps its own. */
async function carryOwnFiles(server: Server, copy: string): Promise<void> {
  for (const name of ownFiles(server.dataDir, knownLogPlaces(server)))
    await promisify(execFile)('cp', ['-a', '--reflink=auto', join(server.dataDir, name), join(copy, name)]);
  await keepIdentity(server, copy);
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
