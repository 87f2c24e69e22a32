/**
 * Boot closed (DESIGN 7.3): with standby.signal beside it, whatever restarts the server brings it up in recovery, refusing
 * writes. Promotion removes the file, so it is laid again each time.
 */
import { statSync } from 'node:fs';
import { open } from 'node:fs/promises';
import { join } from 'node:path';
import { type Owner, give, removeDurably, syncFolder } from '#common/durable-files.js';

const MARKER = 'standby.signal';

export function isBootClosed(dataDir: string): boolean {
  return statSync(join(dataDir, MARKER), { throwIfNoEntry: false }) !== undefined;
}

/** Resolves once the marker and its folder are on disk. */
export async function layBootClosed(dataDir: string, owner: Owner): Promise<void> {
  const file = await open(join(dataDir, MARKER), 'a', 0o600);
  try {
    await give(file, owner);
    await file.sync();
  } finally {
    await file.close();
  }
  await syncFolder(dataDir);
}

/** A server that is released comes up as its administrator left it. Resolves once that is on disk. */
export async function dropBootClosed(dataDir: string): Promise<void> {
  await removeDurably(join(dataDir, MARKER));
}
