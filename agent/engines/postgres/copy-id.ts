/**
 * Which copy of its data a data directory is. A clone, or a backup put in its place, has the same system identifier, and may lack what
 * this member said that it had. So the birth of the folder `global` tells: initdb, pg_basebackup, cp, rsync and tar each make it anew,
 * while the server and pg_rewind never do, nor is it lost when a disk is moved. A file inside would not do: every copy would carry it.
 */
import { stat } from 'node:fs/promises';
import { join } from 'node:path';

/** Undefined where the file system keeps no such time. */
export async function copyIdOf(dataDir: string): Promise<string | undefined> {
  const { birthtimeNs } = await stat(join(dataDir, 'global'), { bigint: true });
  // Not its inode as well: stacked file systems number anew with every mount.
  return birthtimeNs > 0n ? `born-${birthtimeNs}` : undefined;
}
