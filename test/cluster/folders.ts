/** Folders and files of servers that run as another user. */
import { chownSync, mkdirSync } from 'node:fs';

export interface Owner {
  readonly uid: number | undefined;
  readonly gid: number | undefined;
}

export function makeFolder(path: string, owner: Owner): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  give(path, owner);
}

export function give(path: string, { uid, gid }: Owner): void {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}
