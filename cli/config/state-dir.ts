/**
 * Where an agent keeps its memory (rule E5): on the same volume as the data, so that a restore from a snapshot takes both back or
 * neither, and outside the data directory, where a base backup or a rewind would copy one member's memory to another.
 */
import { realpathSync, statSync } from 'node:fs';
import { basename, dirname, join, relative, sep } from 'node:path';

/** Beside the data, wherever links lead: `/data/main` → `/data/main.tanist`. Both paths are absolute. */
export const defaultStateDir = (dataDir: string): string => `${real(dataDir)}.tanist`;

/** Why this folder will not do; undefined when it will. */
export function stateDirProblem(stateDir: string, dataDir: string): string | undefined {
  if (isInside(real(stateDir), real(dataDir))) {
    return `${stateDir} lies in the data directory ${dataDir}: a base backup would copy it to another member`;
  }
  const [state, data] = [volumeOf(stateDir), volumeOf(dataDir)];
  if (state !== undefined && data !== undefined && state !== data) {
    return (
      `${stateDir} lies on another volume than the data directory ${dataDir}: a restore of one would not take ` +
      `the other back with it. If the data directory is itself the root of a volume, move the data into a folder below it`
    );
  }
  return undefined;
}

const isInside = (path: string, folder: string): boolean => {
  const way = relative(folder, path);
  return way === '' || (way !== '..' && !way.startsWith(`..${sep}`) && !way.startsWith(sep));
};

/** With all links followed, as far as the path exists. */
function real(path: string): string {
  try {
    return realpathSync(path);
  } catch {
    return dirname(path) === path ? path : join(real(dirname(path)), basename(path));
  }
}

/** Of the path, or of the nearest folder above it that exists and may be looked at. */
function volumeOf(path: string): number | undefined {
  try {
    return statSync(path).dev;
  } catch {
    return dirname(path) === path ? undefined : volumeOf(dirname(path));
  }
}
