/**
 * PostgreSQL's own program, which copies a running server's whole data. It uses no more than the right to replicate, works beside whatever lies
 * here already, and may be ended at any moment: what it leaves is worth nothing, and is never taken for a copy.
 */
import { mkdir, mkdtemp, rm, statfs } from 'node:fs/promises';
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import { databaseAddress, type PlanMember } from '#core/plan.js';
import { type Running, runAsOwner } from '#agent/engines/as-owner.js';
import type { Bounds } from '#agent/engines/bounds.js';
import { conninfo } from '#agent/engines/postgres/conninfo.js';
import { give } from '#common/durable-files.js';
import { isPassing } from '#agent/engines/postgres/rewind-leader.js';
import type { Server } from '#agent/engines/postgres/server.js';

const LOOK_EVERY_MS = 50;
/** It tells its progress every second while it copies; at the end it syncs everything without a word. */
const STALLED_AFTER_MS = 30 * 60_000;
/** What is written there meanwhile comes on top of what it says that it will copy. */
const ROOM_FOR_LOG = 64 << 20;
const ROOM_SHARE = 1.1;

/** `done/total kB (n%)`: in a line of its own, ended by a carriage return. */
const PROGRESS = /(\d+)\/(\d+) kB/g;

/**
 * Answers the folder of the copy, whole and on disk. Throws RECLONE_IMPOSSIBLE where another try would end the same, ENGINE_FAILED where it
 * may not. `told` hears how far it is, bytes.
 */
export async function takeBaseBackup(
  server: Server,
  source: PlanMember,
  told: (doneBytes: number, totalBytes: number) => void,
  bounds: Bounds,
): Promise<string> {
  // A folder of its own for each attempt: an agent that was killed may have left a program that still writes.
  await dropCopies(server);
  await mkdir(server.copyDir, { recursive: true, mode: 0o700 });
  await give(server.copyDir, await server.owner());
  const folder = await mkdtemp(join(server.copyDir, 'copy-'));
  await give(folder, await server.owner());
  const free = await freeBytes(server.copyDir);
  let tooLarge: number | undefined;
  const watch = async ({ hasEnded, silentMs, complaints }: Running): Promise<void> => {
    await bounds.until(() => {
      const progress = progressIn(complaints());
      if (progress !== undefined) {
        told(progress.done, progress.total);
        const needed = progress.total * ROOM_SHARE + ROOM_FOR_LOG;
        if (needed > free) tooLarge = needed;
      }
      return hasEnded() || tooLarge !== undefined || silentMs() > STALLED_AFTER_MS;
    }, LOOK_EVERY_MS);
  };
  const { password } = server.config.replication;
  const environment = password === undefined ? {} : { PGPASSWORD: password };
  const { code, complaints } = await runAsOwner(
    server,
    commandOf(server, source, folder),
    environment,
    watch,
  );
  if (tooLarge !== undefined)
    throw new TanistError(
      'RECLONE_IMPOSSIBLE',
      `a copy of ${source.name} needs ${inMegabytes(tooLarge)} beside the old data, and ${server.copyDir} has ${inMegabytes(free)} free`,
      'make room there; it is tried again by itself',
    );
  if (code === 0) return folder;
  const why =
    code === undefined
      ? `${databaseAddress(source)} sent nothing for too long`
      : `pg_basebackup failed: ${brief(complaints)}`;
  throw new TanistError(
    isPassing(complaints) || code === undefined ? 'ENGINE_FAILED' : 'RECLONE_IMPOSSIBLE',
    why,
  );
}

/** What is left of attempts that ended too early. */
export const dropCopies = (server: Server): Promise<void> =>
  rm(server.copyDir, { recursive: true, force: true, maxRetries: 3 });

function commandOf(server: Server, source: PlanMember, folder: string): readonly string[] {
  const { user, options } = server.config.replication;
  const place = { host: source.databaseHost, port: String(source.databasePort), user };
  const from = conninfo({ ...place, application_name: `${server.member}-copy` }, options);
  return [
    ...[join(server.binDir(), 'pg_basebackup'), '--dbname', from, '--pgdata', folder, '--no-password'],
    ...['--wal-method=stream', '--checkpoint=fast', '--progress'],
  ];
}

export function progressIn(
  complaints: string,
): { readonly done: number; readonly total: number } | undefined {
  const last = [...complaints.slice(-400).matchAll(PROGRESS)].at(-1);
  return last && { done: Number(last[1]) * 1024, total: Number(last[2]) * 1024 };
}

async function freeBytes(folder: string): Promise<number> {
  const { bavail, bsize } = await statfs(folder);
  return bavail * bsize;
}

const inMegabytes = (bytes: number): string => `${Math.ceil(bytes / 2 ** 20)} MiB`;

const brief = (complaints: string): string =>
  complaints
    .split(/[\r\n]+/)
    .filter((line) => line.trim() !== '' && !line.includes(' kB ('))
    .map((line) => line.replace(/^pg_basebackup: (error: )?/, ''))
    .slice(-4)
    .join(' / ');
