/** What members have saved of a run's writes: the values that only an old leader had. */
import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { RECORD_FILE, ROWS_FILE, type SalvagedRow } from '#core/salvage.js';

/** `folders`: state directories; `run`: as the appenders number theirs. Only salvages that are finished. */
export function salvagedValues(folders: readonly string[], run: number): ReadonlySet<number> {
  const found = folders.flatMap(salvagesIn).flatMap((salvage) => valuesIn(salvage, run));
  return new Set(found);
}

function salvagesIn(stateDir: string): readonly string[] {
  const root = join(stateDir, 'salvage');
  if (!existsSync(root)) return [];
  return readdirSync(root)
    .map((name) => join(root, name))
    .filter((folder) => existsSync(join(folder, RECORD_FILE)));
}

function valuesIn(salvage: string, run: number): readonly number[] {
  const lines = readFileSync(join(salvage, ROWS_FILE), 'utf8').split('\n');
  return lines.flatMap((line) => {
    if (!line.includes('"run"')) return [];
    const { kind, values } = JSON.parse(line) as SalvagedRow;
    const isOurs = kind === 'inserted' && values?.['run'] === String(run) && values['value'] !== undefined;
    return isOurs ? [Number(values['value'])] : [];
  });
}
