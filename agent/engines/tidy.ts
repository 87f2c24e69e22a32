/** What lies beside the data, and has been kept for long enough: data that a copy has replaced, and salvages. */
import { readdir, rm, stat } from 'node:fs/promises';
import { join } from 'node:path';
import { RECORD_FILE } from '#core/salvage.js';
import type { ServerDeps } from '#agent/engines/server-deps.js';
import { dropOldData, type Swapping } from '#agent/engines/swap-data.js';
import type { Retention } from '#agent/ports/engine.js';
import type { Log } from '#core/log.js';

export interface Tidying extends Omit<Swapping, 'copyIdOf'> {
  readonly log: Log;
}

/** Never throws: it is tried again. Old data goes only while what took its place works: it accepts writes, or log arrives. */
export async function tidy(
  server: Tidying,
  works: () => Promise<boolean>,
  { oldDataMs, salvageMs }: Retention,
): Promise<void> {
  try {
    if (await works()) {
      for (const folder of await dropOldData(server, oldDataMs))
        server.log('info', 'OLD_DATA_DROPPED', { folder });
    }
    await dropSalvages(server, salvageMs);
  } catch (error) {
    server.log('warn', 'TIDY_FAILED', { because: String(error) });
  }
}

/** By when the record, which is written last, was. `ageMs` 0: for good. */
export async function dropSalvages(
  { stateDir, wallNow, log }: Pick<ServerDeps, 'stateDir' | 'wallNow' | 'log'>,
  ageMs: number,
): Promise<void> {
  if (ageMs === 0) return;
  const root = join(stateDir, 'salvage');
  for (const name of await readdir(root).catch(() => [])) {
    const written = await stat(join(root, name, RECORD_FILE)).catch(() => undefined);
    if (written === undefined || wallNow() - written.mtimeMs < ageMs) continue;
    await rm(join(root, name), { recursive: true, force: true });
    log('info', 'SALVAGE_DROPPED', { folder: join(root, name) });
  }
}
