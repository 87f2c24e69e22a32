/** What members have saved of a run's writes: the values that only an old leader had. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RECORD_FILE, ROWS_FILE, type SalvagedRow } from '#core/salvage.js';
import type { EngineKit } from '#test/cluster/engines.js';
import type { AnyCluster } from '#test/cluster/tanist.js';

/** `run`: as the appenders number theirs. Only salvages that are finished. Undefined where the engine makes none. */
export async function salvagedValues(
  { engine, members, folder }: Pick<AnyCluster, 'engine' | 'members' | 'folder'>,
  run: number,
): Promise<ReadonlySet<number> | undefined> {
  if (engine.lacks.salvages !== undefined) return undefined;
  const found = new Set<number>();
  for (const salvage of members.flatMap(({ server }) => salvagesIn(`${server.dir}.tanist`))) {
    const values = [...valuesIn(salvage, run, engine), ...(await snapshotIn(salvage, run, engine, folder))];
    for (const value of values) found.add(value);
  }
  return found;
}

/** All of the member's data, of which the leader may have most. */
async function snapshotIn(
  salvage: string,
  run: number,
  { openSnapshot }: Pick<EngineKit, 'openSnapshot'>,
  folder: string,
): Promise<readonly number[]> {
  const server = await openSnapshot?.(salvage, folder);
  if (server === undefined) return [];
  try {
    return [...(await server.clients.listsOf(run)).values()].flat();
  } finally {
    await server.stop('immediate');
  }
}

function salvagesIn(stateDir: string): readonly string[] {
  const root = join(stateDir, 'salvage');
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .map((name) => join(root, name))
    .filter((folder) => existsSync(join(folder, RECORD_FILE)));
}

function valuesIn(
  salvage: string,
  run: number,
  { appended }: Pick<EngineKit, 'appended'>,
): readonly number[] {
  const lines = readFileSync(join(salvage, ROWS_FILE), 'utf8').split('\n');
  return lines.flatMap((line) => {
    const found = line === '' ? undefined : appended(JSON.parse(line) as SalvagedRow);
    return found?.run === run ? [found.value] : [];
  });
}
