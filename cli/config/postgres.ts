/** The section `postgres` of the agent's file: the server beside which the agent runs. */
import { join } from 'node:path';
import { z } from 'zod';
import type { PostgresConfig, ServerControl } from '#agent/config.js';
import { assertNever } from '#core/assert.js';
import { PORTS } from '#cli/config/address.js';
import type { ConfigFile } from '#cli/config/read.js';
import { path, port, section, text } from '#cli/config/schema.js';
import { readSecret, SECRET_VARIABLES } from '#cli/config/secret.js';
import type { Surroundings } from '#cli/config/surroundings.js';

const SERVER_KINDS = ['systemd', 'pg_ctl', 'commands'] as const;

const serverSchema = z.discriminatedUnion(
  'kind',
  [
    section({ kind: z.literal('systemd'), unit: text() }),
    section({ kind: z.literal('pg_ctl'), options: text().optional(), logFile: path().optional() }),
    section({ kind: z.literal('commands'), start: text() }),
  ],
  { error: `expected one of ${SERVER_KINDS.join(', ')}` },
);

export const postgresSchema = section({
  dataDir: path(),
  binDir: path().optional(),
  host: text().prefault('/var/run/postgresql'),
  port: port().prefault(PORTS.postgres),
  user: text().prefault('postgres'),
  passwordFile: path().optional(),
  database: text().prefault('postgres'),
  replication: section({
    user: text().optional(),
    passwordFile: path().optional(),
    options: text().optional(),
  }).prefault({}),
  rewind: section({
    user: text().optional(),
    passwordFile: path().optional(),
  }).prefault({}),
  server: serverSchema,
});

type PostgresValues = z.output<typeof postgresSchema>;
type PostgresFile = Pick<ConfigFile<unknown>, 'absolute' | 'refuse'>;

export function postgresConfig(
  value: PostgresValues,
  file: PostgresFile,
  stateDir: string,
  surroundings: Surroundings,
): PostgresConfig {
  const { absolute } = file;
  const { binDir, dataDir, database, host, port, user } = value;
  return {
    kind: 'postgres',
    dataDir: absolute(dataDir),
    binDir: binDir === undefined ? undefined : absolute(binDir),
    host,
    port,
    user,
    database,
    ...credentials(value, file, surroundings),
    server: serverControl(value, file, stateDir),
  };
}

function credentials(
  { passwordFile, user, ...named }: PostgresValues,
  file: PostgresFile,
  surroundings: Surroundings,
): Pick<PostgresConfig, 'password' | 'replication' | 'rewind'> {
  const own = { path: ['postgres', 'passwordFile'], passwordFile, variable: SECRET_VARIABLES.postgres };
  const password = readSecret(own, file, surroundings);
  const loginAs = (purpose: 'replication' | 'rewind'): PostgresConfig['rewind'] => {
    const another = named[purpose];
    const path = ['postgres', purpose, 'passwordFile'];
    const source = { path, passwordFile: another.passwordFile, variable: SECRET_VARIABLES[purpose] };
    const sameUser = another.user === undefined || another.user === user;
    return {
      user: another.user ?? user,
      password: readSecret(source, file, surroundings) ?? (sameUser ? password : undefined),
    };
  };
  return {
    password,
    replication: { ...loginAs('replication'), options: named.replication.options ?? '' },
    rewind: loginAs('rewind'),
  };
}

function serverControl(
  { server }: PostgresValues,
  { absolute }: PostgresFile,
  stateDir: string,
): ServerControl {
  switch (server.kind) {
    case 'systemd':
      return { kind: 'systemd', unit: server.unit };
    case 'pg_ctl': {
      const logFile =
        server.logFile === undefined ? join(stateDir, 'postgresql.log') : absolute(server.logFile);
      return { kind: 'pg_ctl', options: server.options ?? '', logFile };
    }
    case 'commands':
      return { kind: 'commands', start: server.start };
    default:
      return assertNever(server);
  }
}
