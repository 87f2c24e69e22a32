/** The agent's file. Every key is explained in docs/configuration.md, and deploy/agent.yaml is an example. */
import { existsSync } from 'node:fs';
import { dirname, join, resolve } from 'node:path';
import { z } from 'zod';
import type { AgentConfig, PostgresConfig, ServerControl } from '#agent/config.js';
import { assertNever } from '#core/assert.js';
import { formatAddress, isLoopback, isWildcard, parseAddress, PORTS } from '#cli/config/address.js';
import { type ConfigFile, readConfigFile } from '#cli/config/read.js';
import { address, host, list, listen, name, oneOf, path, port, section, text } from '#cli/config/schema.js';
import { readSecret, SECRET_VARIABLES } from '#cli/config/secret.js';
import { defaultStateDir, stateDirProblem } from '#cli/config/state-dir.js';
import type { Surroundings } from '#cli/config/surroundings.js';
import { checkTimings } from '#cli/config/timings.js';

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

export const agentSchema = section({
  cluster: name(),
  member: name(),
  host: text().optional(),
  controllers: list(address(PORTS.controller), 'addresses of controllers'),
  listen: listen(PORTS.agent),
  advertise: section({
    agent: address(PORTS.agent).optional(),
    database: section({
      host: host().optional(),
      port: port().optional(),
    }).prefault({}),
  }).prefault({}),
  stateDir: path().optional(),
  postgres: section({
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
    server: serverSchema,
  }),
  logLevel: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent']).prefault('info'),
});

type AgentValues = z.output<typeof agentSchema>;
type AgentFile = ConfigFile<AgentValues>;

/** Throws CONFIG_UNREADABLE, CONFIG_INVALID or TIMINGS_UNSAFE. */
export function readAgentConfig(file: string, surroundings: Surroundings): AgentConfig {
  const read = readConfigFile(file, agentSchema);
  checkTimings();
  const { value } = read;
  const stateDir = stateDirectory(read);
  return {
    cluster: value.cluster,
    member: value.member,
    host: value.host ?? surroundings.hostname,
    controllers: [...new Set(value.controllers)],
    listen: value.listen,
    advertise: advertised(read, surroundings),
    stateDir,
    engine: postgres(read, stateDir, surroundings),
    logLevel: value.logLevel,
  };
}

/** Relative paths are taken from the folder of the file. */
const fromFile = (read: AgentFile, name: string): string => resolve(dirname(read.file), name);

function stateDirectory(read: AgentFile): string {
  const dataDir = fromFile(read, read.value.postgres.dataDir);
  const { stateDir } = read.value;
  const chosen = stateDir === undefined ? defaultStateDir(dataDir) : fromFile(read, stateDir);
  // What is no data directory at all is refused as such, when the agent looks at it; where its state lies is no matter then.
  const problem = existsSync(join(dataDir, 'PG_VERSION')) ? stateDirProblem(chosen, dataDir) : undefined;
  return problem === undefined ? chosen : read.refuse(['stateDir'], problem);
}

function advertised({ value, refuse }: AgentFile, { warn }: Surroundings): AgentConfig['advertise'] {
  const { listen, postgres, advertise } = value;
  if (advertise.agent === undefined && isWildcard(listen)) {
    refuse(
      ['advertise', 'agent'],
      `missing; nobody can reach ${formatAddress(listen)}: name the address of this machine`,
    );
  }
  const agent = advertise.agent ?? formatAddress(listen);
  const agentHost = parseAddress(agent, PORTS.agent)?.host ?? agent;
  const database = {
    host: advertise.database.host ?? agentHost,
    port: advertise.database.port ?? postgres.port,
  };
  if (isWildcard({ host: agentHost })) refuse(['advertise', 'agent'], `nobody can reach ${agent}`);
  if (isWildcard(database)) refuse(['advertise', 'database', 'host'], `nobody can reach ${database.host}`);
  if (isLoopback({ host: agentHost }) && !value.controllers.every(isOnThisMachine)) {
    warn(
      `the controllers are on other machines, but other members are told to reach this one at ${agent}; ` +
        `set listen.host or advertise.agent to an address of this machine`,
    );
  }
  return { agent, database };
}

const isOnThisMachine = (controller: string): boolean => {
  const address = parseAddress(controller, PORTS.controller);
  return address !== undefined && isLoopback(address);
};

function postgres(read: AgentFile, stateDir: string, surroundings: Surroundings): PostgresConfig {
  const { binDir, dataDir, database, host, passwordFile, port, replication, server, user } =
    read.value.postgres;
  const secret = (path: readonly string[], file: string | undefined, variable: string): string | undefined =>
    readSecret(
      { path: ['postgres', ...path], file: file === undefined ? undefined : fromFile(read, file), variable },
      read,
      surroundings,
    );
  const password = secret(['passwordFile'], passwordFile, SECRET_VARIABLES.postgres);
  const ownPassword = secret(
    ['replication', 'passwordFile'],
    replication.passwordFile,
    SECRET_VARIABLES.replication,
  );
  const sameUser = replication.user === undefined || replication.user === user;
  return {
    kind: 'postgres',
    dataDir: fromFile(read, dataDir),
    binDir: binDir === undefined ? undefined : fromFile(read, binDir),
    host,
    port,
    user,
    password,
    database,
    replication: {
      user: replication.user ?? user,
      password: ownPassword ?? (sameUser ? password : undefined),
      options: replication.options ?? '',
    },
    server: serverControl(read, server, stateDir),
  };
}

function serverControl(
  read: AgentFile,
  server: AgentValues['postgres']['server'],
  stateDir: string,
): ServerControl {
  switch (server.kind) {
    case 'systemd':
      return { kind: 'systemd', unit: server.unit };
    case 'pg_ctl': {
      const logFile =
        server.logFile === undefined ? join(stateDir, 'postgresql.log') : fromFile(read, server.logFile);
      return { kind: 'pg_ctl', options: server.options ?? '', logFile };
    }
    case 'commands':
      return { kind: 'commands', start: server.start };
    default:
      return assertNever(server);
  }
}
