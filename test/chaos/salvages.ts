/** What members have saved of a run's writes: the values that only an old leader had. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RECORD_FILE, ROWS_FILE, type SalvagedRow } from '#core/salvage.js';
import type { EngineKit } from '#test/cluster/engines.js';
import type { AnyCluster } from '#test/cluster/tanist.js';

/** `run`: as the appenders number theirs. Only salvages that are finished. Undefined where the engine makes none. */
export function salvagedValues(
  { engine, members }: Pick<AnyCluster, 'engine' | 'members'>,
  run: number,
): ReadonlySet<number> | undefined {
  if (engine.lacks.salvages !== undefined) return undefined;
  const found = members
    .flatMap(({ server }) => salvagesIn(`${server.dir}.tanist`))
    .flatMap((salvage) => valuesIn(salvage, run, engine));
  return new Set(found);
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
