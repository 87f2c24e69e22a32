/** A copy is made beside the data, and then takes its place. */
import { accessSync, constants, realpathSync, statSync } from 'node:fs';
import { statfs } from 'node:fs/promises';
import { dirname } from 'node:path';
import { TanistError } from '#core/errors.js';
import type { PlanMember } from '#core/plan.js';

/** What is written there meanwhile comes on top of what it says that it will copy. */
const ROOM_FOR_LOG = 256 << 20;
const ROOM_SHARE = 1.1;

/** Throws RECLONE_IMPOSSIBLE where it could not take the place of the data at once. */
export function requirePlace({
  dataDir,
  stateDir,
}: {
  readonly dataDir: string;
  readonly stateDir: string;
}): void {
  const place = realpathSync(dataDir);
  const beside = dirname(place);
  if (!mayWrite(beside))
    throw new TanistError(
      'RECLONE_IMPOSSIBLE',
      `the agent may not write to ${beside}, where the copy takes the place of the old data`,
      'let it write there',
    );
  if (statSync(place).dev !== statSync(beside).dev || statSync(place).dev !== statSync(stateDir).dev)
    throw new TanistError(
      'RECLONE_IMPOSSIBLE',
      `${place}, ${beside} and ${stateDir} are not on one volume: a copy could not take the place of the old data at once`,
      'let the data directory and stateDir be folders of one volume',
    );
}

/** For a copy of so many bytes. */
export async function requireRoom(copyDir: string, source: PlanMember, bytes: number): Promise<void> {
  const { bavail, bsize } = await statfs(copyDir);
  const [needed, free] = [bytes * ROOM_SHARE + ROOM_FOR_LOG, bavail * bsize];
  if (needed <= free) return;
  const inMegabytes = (size: number): string => `${Math.ceil(size / 2 ** 20)} MiB`;
  throw new TanistError(
    'RECLONE_IMPOSSIBLE',
    `a copy of ${source.name} needs ${inMegabytes(needed)} beside the old data, and ${copyDir} has ${inMegabytes(free)} free`,
    'make room there; it is tried again by itself',
  );
}

function mayWrite(path: string): boolean {
  try {
    accessSync(path, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}
