/** What lies beside the data, and has been kept for long enough: data that a copy has replaced, and salvages. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RECORD_FILE } from '#core/salvage.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { readStatus } from '#agent/engines/postgres/status.js';
import { dropOldData } from '#agent/engines/postgres/swap-data.js';
import type { Retention } from '#agent/ports/engine.js';

const ASK_WITHIN_MS = 1_000;

/** Never throws: it is tried again. Old data goes only while what took its place works. */
export async function tidy(server: Server, { oldDataMs, salvageMs }: Retention): Promise<void> {
  try {
    if (await works(server)) {
      for (const folder of await dropOldData(server, oldDataMs))
        server.log('info', 'OLD_DATA_DROPPED', { folder });
    }
    if (salvageMs > 0) await dropSalvages(server, salvageMs);
  } catch (error) {
    server.log('warn', 'TIDY_FAILED', { because: String(error) });
  }
}

/** It accepts writes, or log arrives. */
async function works(server: Server): Promise<boolean> {
  if (!server.connection.isReady()) return false;
  const status = await readStatus(server, false, ASK_WITHIN_MS).catch(() => undefined);
  return status !== undefined && (!status.closed || status.receiver?.streaming === true);
}

/** By when the record, which is written last, was. */
async function dropSalvages({ stateDir, wallNow, log }: Server, ageMs: number): Promise<void> {
  const root = join(stateDir, 'salvage');
  for (const name of await readdir(root).catch(() => [])) {
    const written = await stat(join(root, name, RECORD_FILE)).catch(() => undefined);
    if (written === undefined || wallNow() - written.mtimeMs < ageMs) continue;
    await rm(join(root, name), { recursive: true, force: true });
    log('info', 'SALVAGE_DROPPED', { folder: join(root, name) });
  }
}
