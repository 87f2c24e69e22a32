/**
 * Another member's data, as its agent gives it, is unpacked beside whatever lies here already and made ready to be started on. It may be ended
 * at any moment: what it leaves is worth nothing, and is never taken for a copy.
 */
import { mkdir, mkdtemp, readdir, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { since } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';
import { ofEngine } from '#core/position.js';
import type { MariadbPosition } from '#core/positions/mariadb.js';
import { type Running, runAsOwner } from '#agent/engines/as-owner.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { give } from '#common/durable-files.js';
import { requireRoom } from '#agent/engines/mysql-family/copy-place.js';
import type { Copy, Told } from '#agent/engines/mysql-family/reclone.js';
import type { Server } from '#agent/engines/mariadb/server.js';
import type { CopyPiece } from '#agent/ports/engine.js';

const LOOK_EVERY_MS = 50;
/** Nothing comes, or nothing is said, for so long. A large transaction that is rolled back makes no sound. */
const STALLED_AFTER_MS = 30 * 60_000;
/** Of the program that made it. */
const LEFT_OVER = /^((xtrabackup|mariadb_backup)_\w+|backup-my\.cnf)$/;

/** Throws RECLONE_IMPOSSIBLE where another try would end the same, and others where it may not. */
export async function takeCopy(
  server: Server,
  source: PlanMember,
  told: Told,
  bounds: Bounds,
): Promise<Copy<MariadbPosition>> {
  // A folder of its own for each attempt: an agent that was killed may have left a program that still writes.
  await rm(server.copyDir, { recursive: true, force: true, maxRetries: 3 });
  await mkdir(server.copyDir, { recursive: true, mode: 0o700 });
  await give(server.copyDir, await server.owner());
  const folder = await mkdtemp(join(server.copyDir, 'copy-'));
  await give(folder, await server.owner());
  const at = await receive(server, source, folder, told, bounds);
  await prepare(server, folder, bounds);
  for (const name of await readdir(folder))
    if (LEFT_OVER.test(name)) await rm(join(folder, name), { force: true });
  return { folder, at };
}

async function receive(
  server: Server,
  source: PlanMember,
  folder: string,
  told: Told,
  bounds: Bounds,
): Promise<MariadbPosition> {
  const over = new AbortController();
  let heardAt = server.now();
  // Whoever waits for the next piece hears of nothing else.
  const watch = setInterval(() => {
    const isStalled = since(heardAt, server.now()) > STALLED_AFTER_MS;
    if (isStalled || isEnded(bounds)) over.abort();
  }, LOOK_EVERY_MS);
  let at: MariadbPosition | undefined;
  const unpack = async ({ give: write, hasEnded }: Running): Promise<void> => {
    const answer = await server.copySource.fetch(source.agentAddress, over.signal);
    if (answer.kind === 'refused')
      throw new TanistError('COPY_UNAVAILABLE', `agent of ${source.name}: ${answer.text}`);
    await requireRoom(server.copyDir, source, answer.bytes);
    at = await writeAll(answer.pieces, {
      total: answer.bytes,
      write: async (data) => {
        bounds.check();
        heardAt = server.now();
        await write(data);
        if (hasEnded()) throw new TanistError('ENGINE_FAILED', 'mbstream has ended before its time');
      },
      told,
    });
    await write(undefined);
    await bounds.until(hasEnded, LOOK_EVERY_MS);
  };
  try {
    const command = [server.tool('mbstream'), '-x', '-C', folder];
    const { code, complaints } = await runAsOwner(server, command, {}, unpack, true);
    if (code !== 0 || at === undefined)
      throw new TanistError('ENGINE_FAILED', `mbstream failed: ${brief(complaints)}`);
    return at;
  } catch (error) {
    bounds.check(); // a fence has ended it
    throw error;
  } finally {
    clearInterval(watch);
    over.abort();
  }
}

async function writeAll(
  pieces: AsyncIterable<CopyPiece>,
  to: {
    readonly total: number;
    readonly write: (data: Buffer) => Promise<void>;
    readonly told: Told;
  },
): Promise<MariadbPosition> {
  let done = 0;
  for await (const piece of pieces) {
    if (piece.kind === 'end') return ofEngine(piece.at, 'mariadb');
    await to.write(piece.data);
    done += piece.data.length;
    to.told(done, Math.max(done, to.total));
  }
  throw new TanistError('COPY_UNAVAILABLE', 'it ended before the copy was whole');
}

/** Applies what was written while the files were copied, and takes back what was not committed. */
async function prepare(server: Server, folder: string, bounds: Bounds): Promise<void> {
  const command = [server.tool('mariadb-backup'), '--no-defaults', '--prepare', `--target-dir=${folder}`];
  const wait = async ({ hasEnded, silentMs }: Running): Promise<void> => {
    await bounds.until(() => hasEnded() || silentMs() > STALLED_AFTER_MS, LOOK_EVERY_MS);
  };
  const { code, complaints } = await runAsOwner(server, command, {}, wait);
  if (code !== 0)
    throw new TanistError('ENGINE_FAILED', `mariadb-backup could not prepare the copy: ${brief(complaints)}`);
}

function isEnded(bounds: Bounds): boolean {
  try {
    bounds.check();
    return bounds.left() === 0;
  } catch {
    return true;
  }
}

const brief = (complaints: string): string => complaints.trim().split('\n').slice(-3).join(' / ');
