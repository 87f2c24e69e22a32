/**
 * Passwords are never written into a configuration file, which ends up in repositories and tickets. They come from a file of their
 * own or from the environment; the file wins, because it was named on purpose.
 */
import { readFileSync, statSync } from 'node:fs';
import { type ConfigFile, codeOf } from '#cli/config/read.js';
import type { Path } from '#cli/config/problems.js';
import type { Surroundings } from '#cli/config/surroundings.js';

export interface SecretSource {
  /** The key that names the file. */
  readonly path: Path;
  readonly passwordFile: string | undefined;
  /** Name of the environment variable. */
  readonly variable: string;
}

export const SECRET_VARIABLES = {
  etcd: 'TANIST_ETCD_PASSWORD',
  postgres: 'TANIST_POSTGRES_PASSWORD',
  mariadb: 'TANIST_MARIADB_PASSWORD',
  mysql: 'TANIST_MYSQL_PASSWORD',
  redis: 'TANIST_REDIS_PASSWORD',
  replication: 'TANIST_REPLICATION_PASSWORD',
  rewind: 'TANIST_REWIND_PASSWORD',
  pgbouncer: 'TANIST_PGBOUNCER_PASSWORD',
  sentinel: 'TANIST_SENTINEL_PASSWORD',
} as const;

export function readSecret(
  { path, passwordFile, variable }: SecretSource,
  { absolute, refuse }: Pick<ConfigFile<unknown>, 'absolute' | 'refuse'>,
  { env, warn }: Surroundings,
): string | undefined {
  if (passwordFile === undefined) return env[variable] === '' ? undefined : env[variable];
  const file = absolute(passwordFile);
  const secret = read(file, (why) => refuse(path, `${file} cannot be read: ${why}`));
  if (secret === '') return refuse(path, `${file} is empty`);
  if (/[\r\n\0]/.test(secret))
    return refuse(path, `${file} has more than one line: it must hold the password alone`);
  if ((statSync(file).mode & 0o007) !== 0) {
    warn(`every user of this machine may read the password in ${file}; to end that: chmod o= ${file}`);
  }
  return secret;
}

function read(file: string, refuse: (why: string) => never): string {
  try {
    // An editor's line end is no part of the password.
    return readFileSync(file, 'utf8').replace(/\r?\n$/, '');
  } catch (error) {
    return refuse(codeOf(error) === '' ? String(error) : codeOf(error));
  }
}
