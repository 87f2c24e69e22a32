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
type PostgresFile = ConfigFile<{ readonly postgres: PostgresValues }>;

export function postgresConfig(
  read: PostgresFile,
  stateDir: string,
  surroundings: Surroundings,
): PostgresConfig {
  const { absolute, value } = read;
  const { binDir, dataDir, database, host, port, user } = value.postgres;
  return {
    kind: 'postgres',
    dataDir: absolute(dataDir),
    binDir: binDir === undefined ? undefined : absolute(binDir),
    host,
    port,
    user,
    database,
    ...credentials(read, surroundings),
    server: serverControl(read, stateDir),
  };
}

function credentials(
  read: PostgresFile,
  surroundings: Surroundings,
): Pick<PostgresConfig, 'password' | 'replication' | 'rewind'> {
  const { passwordFile, user, ...file } = read.value.postgres;
  const own = { path: ['postgres', 'passwordFile'], passwordFile, variable: SECRET_VARIABLES.postgres };
  const password = readSecret(own, read, surroundings);
  const loginAs = (purpose: 'replication' | 'rewind'): PostgresConfig['rewind'] => {
    const named = file[purpose];
    const path = ['postgres', purpose, 'passwordFile'];
    const another = { path, passwordFile: named.passwordFile, variable: SECRET_VARIABLES[purpose] };
    const sameUser = named.user === undefined || named.user === user;
    return {
      user: named.user ?? user,
      password: readSecret(another, read, surroundings) ?? (sameUser ? password : undefined),
    };
  };
  return {
    password,
    replication: { ...loginAs('replication'), options: file.replication.options ?? '' },
    rewind: loginAs('rewind'),
  };
}

function serverControl({ value, absolute }: PostgresFile, stateDir: string): ServerControl {
  const { server } = value.postgres;
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
