/**
 * Rejoin by a copy (DESIGN 8), where a rewind is impossible or was torn, or an operator wishes it: the data of a proved leader, or of a replica
 * of it, is copied beside this member's own, which stays as it is until the copy is whole, then takes its place, and is kept.
 *
 * E5: the copy holds all that this member has ever said to have of the leader's history. For its server receives nothing from before the copy
 * begins; a leader has all that was ever confirmed to it; and of a replica's copy it is checked.
 */
import { execFile } from 'node:child_process';
import { accessSync, constants, lstatSync, readdirSync, realpathSync } from 'node:fs';
import { readFile, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { promisify } from 'node:util';
import { TanistError } from '#core/errors.js';
import type { PlanMember, ProvedOpening } from '#core/plan.js';
import { ofEngine, formatPosition } from '#core/position.js';
import { type PostgresPosition, formatLsn, parseLsn } from '#core/positions/postgres.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import { applyUntil, isAtEndOfLog } from '#agent/engines/postgres/apply.js';
import { takeBaseBackup } from '#agent/engines/postgres/base-backup.js';
import { layBootClosed } from '#agent/engines/postgres/boot-closed.js';
import { type Bounds, Interrupted } from '#agent/engines/bounds.js';
import { readControlFile } from '#agent/engines/postgres/control-file.js';
import { divergenceOf } from '#agent/engines/postgres/divergence.js';
import { endOrphans } from '#agent/engines/postgres/fence.js';
import { asideFolder, ownFiles } from '#agent/engines/postgres/own-files.js';
import { tornBy } from '#agent/engines/postgres/rewind-memo.js';
import { salvage } from '#agent/engines/postgres/salvage.js';
import { seal } from '#agent/engines/postgres/seal.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { start } from '#agent/engines/postgres/start.js';
import { stopInOrder } from '#agent/engines/postgres/stop.js';
import { finishSwap, swapData } from '#agent/engines/postgres/swap-data.js';

const LOOK_EVERY_MS = 20;
const START_WITHIN_MS = 120_000;
const ORPHANS_END_WITHIN_MS = 5_000;

export interface Recloning {
  readonly leader: PlanMember;
  /** Whose data is copied: the leader, or a replica of it. */
  readonly source: PlanMember;
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
  const { source, wish } = wanted;
  const done = await finishSwap(server);
  if (done !== undefined && wish !== undefined && done.wish === wish) return { copyId: done.by };
  requireClonable(server);
  const torn = tornBy(server) !== undefined;
  const own = torn ? undefined : await saved(server, wanted, bounds);
  if (own === undefined && source.name !== wanted.leader.name)
    throw new TanistError(
      'RECLONE_IMPOSSIBLE',
      `how much this member has had is not known, and ${source.name} may have less of it`,
      'copy the leader: leave out --from',
    );
  server.log('info', 'RECLONING', { from: source.name, ...(own && { own: formatPosition(own) }) });
  server.copying = { from: source.name, doneBytes: 0, totalBytes: 0 };
  try {
    const tell = (doneBytes: number, totalBytes: number): void => {
      server.copying = { from: source.name, doneBytes, totalBytes };
    };
    const copy = await takeBaseBackup(server, source, tell, bounds);
    await requireWhole(server, copy, wanted, own);
    await carryOwnFiles(server, copy, torn);
    await layBootClosed(copy, await server.owner());
    await promisify(execFile)('sync', ['--file-system', copy]);
    if (own !== undefined) await stopInOrder(server, bounds);
    else if ((await endOrphans(server.dataDir, bounds.within(ORPHANS_END_WITHIN_MS))) > 0)
      throw new TanistError('ENGINE_FAILED', 'processes of the server do not end');
    bounds.check();
    const { by, old } = await swapData(server, copy, wish);
    server.log('info', 'RECLONED', { from: source.name, oldData: old });
    return { copyId: by };
  } finally {
    server.copying = undefined;
  }
}

/** What a copy beside the data cannot do without. */
function requireClonable(server: Server): void {
  const impossible = (text: string, next: string): TanistError =>
    new TanistError('RECLONE_IMPOSSIBLE', text, next);
  const byHand = 'clone it by hand, and start its agent again';
  const { dataDir, logDir } = server;
  const program = join(server.binDir(), 'pg_basebackup');
  if (!may(program, constants.X_OK))
    throw impossible(`there is no ${program}`, 'install it with the server, or set postgres.binDir');
  const beside = dirname(realpathSync(dataDir));
  if (!may(beside, constants.W_OK))
    throw impossible(
      `the agent may not write to ${beside}, where the copy takes the place of the old data`,
      'let it write there',
    );
  if (lstatSync(logDir, { throwIfNoEntry: false })?.isSymbolicLink() === true)
    throw impossible(`${logDir} leads elsewhere, and a copy would not`, byHand);
  const spaces = join(dataDir, 'pg_tblspc');
  const linked = existing(spaces).find((name) => lstatSync(join(spaces, name)).isSymbolicLink());
  if (linked !== undefined) throw impossible(`there are tablespaces outside of ${dataDir}`, byHand);
}

/**
 * Where this member's log ends, once what only it has of it is saved; from here on it receives nothing. Undefined: its server cannot be started,
 * and the operator does without what may be there.
 */
async function saved(
  server: Server,
  { leader, openings, salvageWaived }: Recloning,
  bounds: Bounds,
): Promise<PostgresPosition | undefined> {
  const opening = openings.at(-1);
  if (opening === undefined) throw new TanistError('ENGINE_FAILED', 'no opening is known to follow');
  try {
    await start(server, bounds.within(START_WITHIN_MS));
    const own = await seal(server, bounds);
    const stands = S2_ancestry(own, openings);
    if (stands === 'behind' || stands === 'equal' || salvageWaived) return own;
    const divergence = divergenceOf(own, openings);
    if (divergence === undefined)
      throw new TanistError(
        'SALVAGE_FAILED',
        `where its log (${formatPosition(own)}) leaves that of ${leader.name} cannot be told: two lines of history share a number`,
      );
    if (!(await applyUntil(server, bounds, LOOK_EVERY_MS, isAtEndOfLog)))
      throw new TanistError('ENGINE_FAILED', 'its own log is not applied to its end yet');
    await salvage(server, leader, own, divergence, opening, bounds);
    return own;
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
  copy: string,
  { leader, source, openings }: Recloning,
  own: PostgresPosition | undefined,
): Promise<void> {
  const opening = openings.at(-1);
  const control = await readControlFile(copy, server.binDir());
  const label = await readFile(join(copy, 'backup_label'), 'utf8');
  const startsAt = parseLsn(/^START WAL LOCATION: ([0-9A-F/]+)/m.exec(label)?.[1] ?? '') ?? 0n;
  const line = Number(/^START TIMELINE: (\d+)/m.exec(label)?.[1] ?? 0);
  const { dataId } = await server.facts();
  if (control.dataId !== dataId)
    throw new TanistError('RECLONE_IMPOSSIBLE', `${source.name} holds data ${control.dataId}, not ${dataId}`);
  if (opening === undefined) return;
  const isOpen = source.name === leader.name;
  const newest = isOpen ? line : Math.max(line, control.timeline);
  const end = isOpen || startsAt > control.recoversTo ? startsAt : control.recoversTo;
  const required = requiredOf(own, openings);
  const { timeline, lsn } = ofEngine(opening.position, 'postgres');
  if (newest !== timeline || end < lsn || end < required)
    throw new TanistError(
      'ENGINE_FAILED',
      `the copy of ${source.name} reaches ${newest}:${formatLsn(end)}: less than ${leader.name} at its opening, or than this member itself`,
    );
}

/** How far its own log goes along with the leader's. */
function requiredOf(own: PostgresPosition | undefined, openings: readonly ProvedOpening[]): bigint {
  if (own === undefined) return 0n;
  const stands = S2_ancestry(own, openings);
  return stands === 'behind' || stands === 'equal' ? own.lsn : (divergenceOf(own, openings)?.end ?? 0n);
}

/** Configuration, certificates and log files of this member in place of those of the source; the old data keeps its own. */
async function carryOwnFiles(server: Server, copy: string, torn: boolean): Promise<void> {
  for (const name of ownFiles(copy)) await rm(join(copy, name), { recursive: true, force: true });
  const folder = torn ? asideFolder(server) : server.dataDir;
  const names = torn ? existing(folder) : ownFiles(folder);
  for (const name of names)
    await promisify(execFile)('cp', ['-a', '--reflink=auto', join(folder, name), join(copy, name)]);
}

function may(path: string, how: number): boolean {
  try {
    accessSync(path, how);
    return true;
  } catch {
    return false;
  }
}

function existing(folder: string): readonly string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}
