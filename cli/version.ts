/** The version of this package, from the one place where it stands. */
import { existsSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

export const VERSION = versionOf(join(packageRoot(import.meta.dirname), 'package.json'));

/** One folder up from the sources, two from dist/. */
function packageRoot(from: string): string {
  if (existsSync(join(from, 'package.json')) || dirname(from) === from) return from;
  return packageRoot(dirname(from));
}

function versionOf(file: string): string {
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { readonly version: string };
  return version;
}
