/**
 * Files that must still be there, whole, after the machine lost power: written beside, fsynced, renamed, and the folder
 * fsynced. What lies in the data directory belongs to its owner, also when the agent runs as root.
 */
import { readFileSync } from 'node:fs';
import { type FileHandle, chown, open, rename, rm } from 'node:fs/promises';
import { basename, dirname, join } from 'node:path';

export interface Owner {
  readonly uid: number;
  readonly gid: number;
}

export const ourselves = (): Owner => ({ uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 });

const MODE = 0o600;

export async function writeDurably(
  path: string,
  content: string,
  owner: Owner,
  mode: number = MODE,
): Promise<void> {
  const beside = join(dirname(path), `.${basename(path)}.tanist`);
  const file = await open(beside, 'w', mode);
  try {
    await file.writeFile(content);
    await give(file, owner);
    // Whatever the umask took.
    await file.chmod(mode);
    await file.sync();
  } finally {
    await file.close();
  }
  await rename(beside, path);
  await syncFolder(dirname(path));
}

export async function removeDurably(path: string): Promise<void> {
  await rm(path, { force: true });
  await syncFolder(dirname(path));
}

export async function syncFolder(path: string): Promise<void> {
  const folder = await open(path, 'r');
  try {
    await folder.sync();
  } finally {
    await folder.close();
  }
}

/** Only root can give a file away; anybody else who gets this far is the owner already. */
export async function give(file: FileHandle | string, owner: Owner): Promise<void> {
  if (process.getuid?.() !== 0) return;
  if (typeof file === 'string') await chown(file, owner.uid, owner.gid);
  else await file.chown(owner.uid, owner.gid);
}

/** What was written there as JSON; undefined: nothing is. */
export function readNote(path: string): unknown {
  try {
    return JSON.parse(readFileSync(path, 'utf8'));
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return undefined;
    throw error;
  }
}
