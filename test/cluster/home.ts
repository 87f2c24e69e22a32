/** Where the databases' owner may read what this run built: in place, or in a copy inside the run folder. */
import { accessSync, constants, cpSync, existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import type { ServerUser } from '#test/cluster/users.js';

export function readableHome(folder: string, user: ServerUser | undefined): string {
  const root = packageRoot();
  if (user === undefined || isOpenToOthers(join(root, 'dist'))) return root;
  const home = join(folder, 'home');
  mkdirSync(home);
  for (const part of ['dist', 'proto', 'package.json', 'node_modules']) {
    cpSync(join(root, part), join(home, part), { recursive: true, verbatimSymlinks: true });
  }
  return home;
}

/** Of the sources, wherever what runs was built to. */
export function packageRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  return dir;
}

function isOpenToOthers(path: string): boolean {
  for (let dir = path; dir !== '/'; dir = dirname(dir)) {
    if ((statSync(dir).mode & 0o005) !== 0o005) return false;
  }
  accessSync(process.execPath, constants.X_OK);
  return true;
}
