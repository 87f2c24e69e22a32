/** The section `mariadb` of the agent's file: the server beside which the agent runs. */
import { z } from 'zod';
import type { MariadbConfig } from '#agent/config.js';
import { PORTS } from '#cli/config/address.js';
import type { ConfigFile } from '#cli/config/read.js';
import { path, port, section, text } from '#cli/config/schema.js';
import { readSecret, SECRET_VARIABLES } from '#cli/config/secret.js';
import type { Surroundings } from '#cli/config/surroundings.js';

const SERVER_KINDS = ['systemd', 'commands'] as const;

const serverSchema = z.discriminatedUnion(
  'kind',
  [
    section({ kind: z.literal('systemd'), unit: text() }),
    section({ kind: z.literal('commands'), start: text() }),
  ],
  { error: `expected one of ${SERVER_KINDS.join(', ')}` },
);

export const mariadbSchema = section({
  dataDir: path(),
  binDir: path().optional(),
  socket: path().optional(),
  host: text().prefault('127.0.0.1'),
  port: port().prefault(PORTS.mariadb),
  user: text().prefault('root'),
  passwordFile: path().optional(),
  replication: section({
    user: text().optional(),
    passwordFile: path().optional(),
    options: text().optional(),
  }).prefault({}),
  server: serverSchema,
});

type MariadbFile = Pick<ConfigFile<unknown>, 'absolute' | 'refuse'>;

export const mariadbConfig = (
  value: z.output<typeof mariadbSchema>,
  file: MariadbFile,
  surroundings: Surroundings,
): MariadbConfig => ({ kind: 'mariadb', ...serverConfig('mariadb', value, file, surroundings) });

/** Of the section of that name. */
export function serverConfig(
  name: 'mariadb' | 'mysql',
  value: z.output<typeof mariadbSchema>,
  file: MariadbFile,
  surroundings: Surroundings,
): Omit<MariadbConfig, 'kind'> {
  const { binDir, dataDir, host, port, replication, server, socket, user } = value;
  const own = { path: [name, 'passwordFile'], passwordFile: value.passwordFile };
  const password = readSecret({ ...own, variable: SECRET_VARIABLES[name] }, file, surroundings);
  const another = {
    path: [name, 'replication', 'passwordFile'],
    passwordFile: replication.passwordFile,
  };
  const sameUser = replication.user === undefined || replication.user === user;
  const secret = readSecret({ ...another, variable: SECRET_VARIABLES.replication }, file, surroundings);
  return {
    ...{ dataDir: file.absolute(dataDir), host, port, user, password, server },
    binDir: binDir === undefined ? undefined : file.absolute(binDir),
    socket: socket === undefined ? undefined : file.absolute(socket),
    replication: {
      user: replication.user ?? user,
      password: secret ?? (sameUser ? password : undefined),
      options: replication.options ?? '',
    },
  };
}
