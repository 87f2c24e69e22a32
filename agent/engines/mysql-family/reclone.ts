/**
 * Rejoin by a copy (DESIGN 8), since neither server can take back what is in its log: the data of a proved leader, or of a replica of it, is copied
 * beside this member's own, which stays as it is until the copy is whole, then takes its place, and is kept.
 *
 * E5: the copy holds all that this member has ever said to have of the leader's history. For its server receives nothing from before the copy
 * begins; a leader has all that was ever confirmed to it; and of every copy it is checked.
 */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { TanistError } from '#core/errors.js';
import type { PlanMember, ProvedOpening } from '#core/plan.js';
import { formatPosition, isOnSameLine, ofEngine } from '#core/position.js';
import type { MariadbPosition } from '#core/positions/mariadb.js';
import type { MysqlPosition } from '#core/positions/mysql.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import { type Bounds, Interrupted } from '#agent/engines/bounds.js';
import { identityOf, keepIdentity } from '#agent/engines/mysql-family/identity.js';
import { knownLogPlaces } from '#agent/engines/mysql-family/log-places.js';
import { ownFiles } from '#agent/engines/mysql-family/own-files.js';
import type { Server } from '#agent/engines/mysql-family/server.js';
import { start } from '#agent/engines/mysql-family/start.js';
import { stopInOrder } from '#agent/engines/mysql-family/stop.js';
import { finishSwap, swapData } from '#agent/engines/mysql-family/swap.js';
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

/** Hears how far it is, bytes. */
export type Told = (doneBytes: number, totalBytes: number) => void;

export interface Copy<Of> {
  readonly folder: string;
  /** Where its log stands. */
  readonly at: Of;
}

/** In what copies of the two differ. */
export interface Cloning<Of extends MariadbPosition | MysqlPosition> {
  readonly engine: Of['engine'];
  /** Throws RECLONE_IMPOSSIBLE where there is something that it cannot do without. */
  requireClonable(): void | Promise<void>;
  seal(bounds: Bounds): Promise<Of>;
  /** Saves what only this member has; answers which transactions of the leader's history it has. */
  salvage(leader: PlanMember, own: Of, opening: ProvedOpening, bounds: Bounds): Promise<Of['gtids']>;
  takeCopy(source: PlanMember, told: Told, bounds: Bounds): Promise<Copy<Of>>;
  holds(gtids: Of['gtids'], needed: Of['gtids']): boolean;
  format(gtids: Of['gtids']): string;
  /** Of the files of a data directory, those that belong to the data, or to one run of a server on it. */
  readonly dataFiles: RegExp;
}

/** Answers which copy of its data this member has now. */
export async function reclone<Of extends MariadbPosition | MysqlPosition>(
  server: Server,
  kind: Cloning<Of>,
  wanted: Recloning,
  bounds: Bounds,
): Promise<{ readonly copyId: string | undefined }> {
  const { leader, source, instead, wish } = wanted;
  const done = await finishSwap(server);
  if (done !== undefined && wish !== undefined && done.wish === wish) return { copyId: done.by };
  await kind.requireClonable();
  const shared = await saved(server, kind, wanted, bounds);
  if (shared === undefined && source.name !== leader.name)
    throw new TanistError(
      'RECLONE_IMPOSSIBLE',
      `how much this member has had is not known, and ${source.name} may have less of it`,
      'copy the leader: leave out --from',
    );
  const sources = shared === undefined ? [source] : [...instead, source];
  try {
    const { copy, from } = await copyFirst(server, kind, sources, wanted, shared, bounds);
    await carryOwnFiles(server, kind, copy.folder);
    await promisify(execFile)('sync', ['--file-system', copy.folder]);
    await stopInOrder(server, bounds);
    bounds.check();
    const { by, old } = await swapData(server, copy.folder, wish, kind.format(copy.at.gtids));
    server.log('info', 'RECLONED', { from, oldData: old });
    return { copyId: by };
  } finally {
    server.copying = undefined;
  }
}

/** Of the first from whom one is to be had. */
async function copyFirst<Of extends MariadbPosition | MysqlPosition>(
  server: Server,
  kind: Cloning<Of>,
  [source, ...others]: readonly PlanMember[],
  wanted: Recloning,
  shared: Of['gtids'] | undefined,
  bounds: Bounds,
): Promise<{ readonly copy: Copy<Of>; readonly from: string }> {
  if (source === undefined) throw new TanistError('ENGINE_FAILED', 'there is nobody to copy');
  const from = source.name;
  server.log('info', 'RECLONING', { from, ...(shared && { shared: kind.format(shared) }) });
  const tell: Told = (doneBytes, totalBytes) => {
    server.copying = { from, doneBytes, totalBytes };
  };
  tell(0, 0);
  try {
    const copy = await kind.takeCopy(source, tell, bounds);
    await requireWhole(server, kind, copy, source, wanted, shared);
    return { copy, from };
  } catch (error) {
    if (error instanceof Interrupted || others.length === 0) throw error;
    server.log('warn', 'COPY_FAILED', { from, because: String(error) });
    return copyFirst(server, kind, others, wanted, shared, bounds);
  }
}

/**
 * Which transactions of the leader's history it has, once what only it has is saved; from here on it receives nothing. Undefined: nothing tells,
 * and the operator does without what may be there.
 */
async function saved<Of extends MariadbPosition | MysqlPosition>(
  server: Server,
  kind: Cloning<Of>,
  { leader, openings, salvageWaived }: Recloning,
  bounds: Bounds,
): Promise<Of['gtids'] | undefined> {
  const opening = openings.at(-1);
  if (opening === undefined) throw new TanistError('ENGINE_FAILED', 'no opening is known to follow');
  try {
    await start(server, bounds.within(START_WITHIN_MS));
    await requireSession(server.connection);
    const own = await kind.seal(bounds);
    const stands = S2_ancestry(own, openings);
    if (stands === 'behind' || stands === 'equal') return own.gtids;
    if (salvageWaived) return undefined;
    return await kind.salvage(leader, own, opening, bounds);
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
async function requireWhole<Of extends MariadbPosition | MysqlPosition>(
  server: Server,
  kind: Cloning<Of>,
  { at }: Copy<Of>,
  source: PlanMember,
  { leader, openings }: Recloning,
  shared: Of['gtids'] | undefined,
): Promise<void> {
  const dataId = await identityOf(server, ASK_WITHIN_MS);
  if (at.dataId !== dataId)
    throw new TanistError('RECLONE_IMPOSSIBLE', `${source.name} holds data ${at.dataId}, not ${dataId}`);
  const opening = openings.at(-1);
  if (opening === undefined) return;
  const stands = S2_ancestry(at, openings);
  const isOfLeader = (stands === 'behind' || stands === 'equal') && isOnSameLine(at, opening.position);
  const opened = ofEngine(opening.position, kind.engine) as Of;
  if (isOfLeader && [opened.gtids, shared ?? []].every((needed) => kind.holds(at.gtids, needed))) return;
  throw new TanistError(
    'ENGINE_FAILED',
    `the copy of ${source.name} reaches ${formatPosition(at)}: less than ${leader.name} at its opening, or than this member itself`,
  );
}

/** Configuration, certificates and log files of this member; the old data keeps its own. */
async function carryOwnFiles(
  server: Server,
  { dataFiles }: { readonly dataFiles: RegExp },
  copy: string,
): Promise<void> {
  for (const name of ownFiles(server.dataDir, dataFiles, knownLogPlaces(server)))
    await promisify(execFile)('cp', ['-a', '--reflink=auto', join(server.dataDir, name), join(copy, name)]);
  await keepIdentity(server, copy);
}
