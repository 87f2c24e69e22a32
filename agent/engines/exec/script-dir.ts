/** A folder for what a script wants to keep between calls. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';

export function scriptDirOf(stateDir: string): string {
  const path = join(stateDir, 'exec');
  mkdirSync(path, { recursive: true, mode: 0o700 });
  return path;
}
