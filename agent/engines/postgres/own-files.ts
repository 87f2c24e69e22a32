/**
 * The files of a data directory that are this member's own business: configuration, certificates, log files. pg_rewind replaces
 * them with the leader's, and removes those that the leader lacks; so they lie aside, in the state directory on the same volume,
 * while it works. Moved, not copied: they come back with owner, mode and whatever else they carry.
 */
import { existsSync, readdirSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { syncFolder } from '#common/durable-files.js';
import type { Server } from '#agent/engines/postgres/server.js';

/**
 * What belongs to the data, in any version; so does a folder pg_… that an extension made. `pg_log` was for long what people
 * called the folder of log files.
 */
const DATA =
  /^(base|global|pg_(?!log$)\w+|PG_VERSION|(backup_label|tablespace_map)(\.old)?|backup_manifest|(standby|recovery)\.signal|postmaster\.(pid|opts)|current_logfiles)$/;

export const ownFiles = (dataDir: string): string[] =>
  readdirSync(dataDir).filter((name) => !DATA.test(name));

export async function moveAside(server: Server, names: readonly string[]): Promise<void> {
  const aside = asideFolder(server);
  await mkdir(aside, { recursive: true, mode: 0o700 });
  for (const name of names) await rename(join(server.dataDir, name), join(aside, name));
  for (const folder of [server.rewindDir, aside, server.dataDir]) await syncFolder(folder);
}

/** May be repeated, also after it was interrupted; `replaced` when others may lie in their place. */
export async function putBack(server: Server, names: readonly string[], replaced: boolean): Promise<void> {
  const [folder, { dataDir }] = [asideFolder(server), server];
  const aside = existsSync(folder) ? await readdir(folder) : [];
  const isBack = (name: string): boolean => names.includes(name) && !aside.includes(name);
  const strangers = replaced ? ownFiles(dataDir).filter((name) => !isBack(name)) : [];
  for (const name of strangers) await rm(join(dataDir, name), { recursive: true, force: true });
  for (const name of aside) await rename(join(folder, name), join(dataDir, name));
  await syncFolder(dataDir);
}

/** Where they lie meanwhile. */
export const asideFolder = (server: Server): string => join(server.rewindDir, 'own-files');
