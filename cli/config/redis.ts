/** The section `redis` of the agent's file: the server beside which the agent runs, Redis or Valkey. */
import { z } from 'zod';
import type { RedisConfig } from '#agent/config.js';
import { PORTS } from '#cli/config/address.js';
import type { ConfigFile } from '#cli/config/read.js';
import { path, port, section, text } from '#cli/config/schema.js';
import { readSecret, SECRET_VARIABLES } from '#cli/config/secret.js';
import type { Surroundings } from '#cli/config/surroundings.js';
import { certificates } from '#cli/config/tls.js';

const SERVER_KINDS = ['systemd', 'commands'] as const;

const serverSchema = z.discriminatedUnion(
  'kind',
  [
    section({ kind: z.literal('systemd'), unit: text() }),
    section({ kind: z.literal('commands'), start: text() }),
  ],
  { error: `expected one of ${SERVER_KINDS.join(', ')}` },
);

export const redisSchema = section({
  dataDir: path(),
  host: text().prefault('127.0.0.1'),
  port: port().prefault(PORTS.redis),
  tls: section({
    ca: path(),
    cert: path().optional(),
    key: path().optional(),
    serverName: text().optional(),
  }).optional(),
  user: text().optional(),
  passwordFile: path().optional(),
  replication: section({
    user: text().optional(),
    passwordFile: path().optional(),
  }).prefault({}),
  server: serverSchema,
});

type RedisFile = Pick<ConfigFile<unknown>, 'absolute' | 'refuse'>;

export function redisConfig(
  value: z.output<typeof redisSchema>,
  file: RedisFile,
  surroundings: Surroundings,
): RedisConfig {
  const { dataDir, host, port, replication, server, tls, user } = value;
  const own = { path: ['redis', 'passwordFile'], passwordFile: value.passwordFile };
  const password = readSecret({ ...own, variable: SECRET_VARIABLES.redis }, file, surroundings);
  const another = {
    path: ['redis', 'replication', 'passwordFile'],
    passwordFile: replication.passwordFile,
  };
  const sameUser = replication.user === undefined || replication.user === user;
  const secret = readSecret({ ...another, variable: SECRET_VARIABLES.replication }, file, surroundings);
  return {
    ...{ kind: 'redis', dataDir: file.absolute(dataDir), host, port, user, password, server },
    tls: tls && { ...certificates(tls, ['redis', 'tls'], file), serverName: tls.serverName },
    replication: {
      user: replication.user ?? user,
      password: secret ?? (sameUser ? password : undefined),
    },
  };
}
