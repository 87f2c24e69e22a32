/** The agent's file. Every key is explained in docs/configuration.md, and deploy/agent.yaml is an example. */
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { z } from 'zod';
import type { AgentConfig } from '#agent/config.js';
import { formatAddress, isLoopback, isWildcard, parseAddress, PORTS } from '#cli/config/address.js';
import { execConfig, execSchema } from '#cli/config/exec.js';
import { mariadbConfig, mariadbSchema } from '#cli/config/mariadb.js';
import { mysqlConfig, mysqlSchema } from '#cli/config/mysql.js';
import { postgresConfig, postgresSchema } from '#cli/config/postgres.js';
import { type ConfigFile, readConfigFile } from '#cli/config/read.js';
import { redisConfig, redisSchema } from '#cli/config/redis.js';
import {
  address,
  host,
  list,
  listen,
  listenIfNamed,
  name,
  oneOf,
  path,
  port,
  section,
  text,
} from '#cli/config/schema.js';
import { defaultStateDir, stateDirProblem } from '#cli/config/state-dir.js';
import type { Surroundings } from '#cli/config/surroundings.js';
import { checkTimings } from '#cli/config/timings.js';

export const agentSchema = section({
  cluster: name(),
  member: name(),
  host: text().optional(),
  hostId: text().optional(),
  controllers: list(address(PORTS.controller), 'addresses of controllers'),
  listen: listen(PORTS.agent),
  health: listenIfNamed(PORTS.health),
  advertise: section({
    agent: address(PORTS.agent).optional(),
    database: section({
      host: host().optional(),
      port: port().optional(),
    }).prefault({}),
  }).prefault({}),
  stateDir: path().optional(),
  postgres: postgresSchema.optional(),
  mariadb: mariadbSchema.optional(),
  mysql: mysqlSchema.optional(),
  redis: redisSchema.optional(),
  exec: execSchema.optional(),
  logLevel: oneOf(['trace', 'debug', 'info', 'warn', 'error', 'silent']).prefault('info'),
});

type AgentFile = ConfigFile<z.output<typeof agentSchema>>;

/** Throws CONFIG_UNREADABLE, CONFIG_INVALID or TIMINGS_UNSAFE. */
export function readAgentConfig(file: string, surroundings: Surroundings): AgentConfig {
  const read = readConfigFile(file, agentSchema);
  checkTimings();
  const { value } = read;
  const { dataDir, port } = databaseIn(read);
  const stateDir = stateDirectory(read, dataDir);
  return {
    cluster: value.cluster,
    member: value.member,
    host: value.host ?? surroundings.hostname,
    hostId: value.hostId ?? surroundings.machineId,
    controllers: [...new Set(value.controllers)],
    listen: value.listen,
    health: value.health,
    advertise: advertised(read, port, surroundings),
    stateDir,
    engine: engineIn(read, stateDir, surroundings),
    logLevel: value.logLevel,
  };
}

const SECTIONS = ['postgres', 'mariadb', 'mysql', 'redis', 'exec'] as const;

/** The one database that is named. */
function databaseIn(read: AgentFile): { readonly dataDir: string; readonly port: number } {
  const [first, second] = SECTIONS.filter((engine) => read.value[engine] !== undefined);
  if (first !== undefined && second !== undefined)
    read.refuse([second], `there is ${first} already: an agent runs beside one database`);
  const { dataDir, port } = (first && read.value[first]) ?? missing(read);
  return { dataDir: read.absolute(dataDir), port };
}

function engineIn(read: AgentFile, stateDir: string, surroundings: Surroundings): AgentConfig['engine'] {
  const { postgres, mariadb, mysql, redis, exec } = read.value;
  if (postgres !== undefined) return postgresConfig(postgres, read, stateDir, surroundings);
  if (mariadb !== undefined) return mariadbConfig(mariadb, read, surroundings);
  if (mysql !== undefined) return mysqlConfig(mysql, read, surroundings);
  if (redis !== undefined) return redisConfig(redis, read, surroundings);
  return execConfig(exec ?? missing(read), read);
}

const missing = ({ refuse }: AgentFile): never =>
  refuse([], `no database is named: there is none of ${SECTIONS.join(', ')}`);

/** By which a data directory is known. Redis makes its files when it has something to save; ours lies there from the first start on. */
const LANDMARKS = ['PG_VERSION', 'ibdata1', 'tanist-identity'];

function stateDirectory({ value, absolute, refuse }: AgentFile, dataDir: string): string {
  const stateDir = value.stateDir === undefined ? defaultStateDir(dataDir) : absolute(value.stateDir);
  // What is no data directory at all is refused as such, when the agent looks at it; where its state lies is no matter then.
  const problem = LANDMARKS.some((name) => existsSync(join(dataDir, name)))
    ? stateDirProblem(stateDir, dataDir)
    : undefined;
  return problem === undefined ? stateDir : refuse(['stateDir'], problem);
}

function advertised(
  { value, refuse }: AgentFile,
  databasePort: number,
  { warn }: Surroundings,
): AgentConfig['advertise'] {
  const { listen, advertise } = value;
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
    port: advertise.database.port ?? databasePort,
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
