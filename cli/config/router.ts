/** The router's file. Every key is explained in docs/configuration.md, and deploy/router.yaml is an example. */
import { z } from 'zod';
import {
  HOOK_EVENTS,
  LOG_LEVELS,
  type ClusterRoutes,
  type HookConfig,
  type PgbouncerConfig,
  type RouterConfig,
} from '#router/config.js';
import { formatAddress, parseAddress, PORTS } from '#cli/config/address.js';
import { type ConfigFile, readConfigFile } from '#cli/config/read.js';
import {
  address,
  duration,
  list,
  name,
  oneOf,
  path,
  port,
  section,
  text,
  texts,
} from '#cli/config/schema.js';
import { readSecret, SECRET_VARIABLES } from '#cli/config/secret.js';
import type { Surroundings } from '#cli/config/surroundings.js';

const named = <Value extends z.ZodType>(value: Value, what: string) =>
  z.record(name(), value, {
    error: (issue) =>
      issue.code === 'invalid_type'
        ? `expected a section of ${what} names, each with a section of its own`
        : undefined,
  });

export const routerSchema = section({
  controllers: list(address(PORTS.controller), 'addresses'),
  stateDir: path().prefault('/var/lib/tanist-router'),
  pauseBudget: duration(200, 30_000).prefault('3s'),
  logLevel: oneOf(LOG_LEVELS).prefault('info'),
  clusters: named(
    section({
      haproxy: section({
        socket: text(),
        backend: text(),
        servers: texts().prefault({}),
      }).optional(),
      pgbouncer: section({
        host: text().prefault('127.0.0.1'),
        port: port().prefault(PORTS.pgbouncer),
        user: text(),
        passwordFile: path().optional(),
        file: path(),
        databases: texts(),
      }).optional(),
      hooks: named(
        section({
          on: list(oneOf(HOOK_EVENTS), 'events').prefault([...HOOK_EVENTS]),
          exec: list(text(), 'words of a command').optional(),
          url: text().optional(),
          timeout: duration(100, 600_000).prefault('10s'),
        }),
        'hook',
      ).prefault({}),
    }),
    'cluster',
  ),
});

type RouterFile = ConfigFile<z.output<typeof routerSchema>>;
type ClusterSection = RouterFile['value']['clusters'][string];

/** Throws CONFIG_UNREADABLE or CONFIG_INVALID. */
export function readRouterConfig(file: string, surroundings: Surroundings): RouterConfig {
  const read = readConfigFile(file, routerSchema);
  const { controllers, stateDir, pauseBudget, logLevel, clusters } = read.value;
  if (Object.keys(clusters).length === 0) read.refuse(['clusters'], 'expected at least one cluster');
  refuseShared(clusters, read);
  return {
    ...{ controllers: [...new Set(controllers)], stateDir: read.absolute(stateDir), logLevel },
    pauseBudgetMs: pauseBudget,
    clusters: Object.fromEntries(
      Object.entries(clusters).map(([name, value]) => [name, routesOf(name, value, read, surroundings)]),
    ),
  };
}

function routesOf(
  name: string,
  { haproxy, pgbouncer, hooks }: ClusterSection,
  read: RouterFile,
  surroundings: Surroundings,
): ClusterRoutes {
  const at = ['clusters', name];
  if (haproxy === undefined && pgbouncer === undefined && Object.keys(hooks).length === 0)
    read.refuse(at, 'expected something that is to follow its leader: haproxy, pgbouncer or hooks');
  return {
    haproxy: haproxy && { ...haproxy, socket: socketOf([...at, 'haproxy', 'socket'], haproxy.socket, read) },
    pgbouncer: pgbouncer && pgbouncerConfig([...at, 'pgbouncer'], pgbouncer, read, surroundings),
    hooks: Object.entries(hooks).map(([hook, value]) => ({
      ...{ name: hook, on: value.on, timeoutMs: value.timeout },
      call: callOf([...at, 'hooks', hook], value, read),
    })),
  };
}

/** Each would lead it to the leader of its own cluster, again and again. */
function refuseShared(clusters: RouterFile['value']['clusters'], read: RouterFile): void {
  const taken = new Map<string, string>();
  const take = (at: readonly string[], what: string): void => {
    const [, cluster = ''] = at;
    const other = taken.get(what);
    if (other !== undefined) read.refuse([...at], `cluster ${other} has the same`);
    taken.set(what, cluster);
  };
  for (const [name, { haproxy, pgbouncer }] of Object.entries(clusters)) {
    const at = ['clusters', name];
    if (haproxy !== undefined) take([...at, 'haproxy', 'backend'], `${haproxy.socket} ${haproxy.backend}`);
    if (pgbouncer === undefined) continue;
    take([...at, 'pgbouncer', 'file'], read.absolute(pgbouncer.file));
    for (const database of Object.keys(pgbouncer.databases))
      take([...at, 'pgbouncer', 'databases', database], `${pgbouncer.host} ${pgbouncer.port} ${database}`);
  }
}

/** An absolute path, or `host:port`. */
function socketOf(at: readonly string[], socket: string, read: RouterFile): string {
  if (socket.startsWith('/')) return socket;
  const address = /:\d+$/.test(socket) ? parseAddress(socket, 0) : undefined;
  return address === undefined
    ? read.refuse([...at], 'expected an absolute path, or an address with its port')
    : formatAddress(address);
}

function pgbouncerConfig(
  at: readonly string[],
  { host, port: consolePort, user, passwordFile, file, databases }: NonNullable<ClusterSection['pgbouncer']>,
  read: RouterFile,
  surroundings: Surroundings,
): PgbouncerConfig {
  const variable = SECRET_VARIABLES.pgbouncer;
  return {
    ...{ host, port: consolePort, user },
    file: read.absolute(file),
    databases: databasesOf([...at, 'databases'], databases, read),
    password: readSecret({ path: [...at, 'passwordFile'], passwordFile, variable }, read, surroundings),
  };
}

/** What PgBouncer takes on a line of its file, and no second line. */
function databasesOf(
  at: readonly string[],
  databases: Readonly<Record<string, string>>,
  read: RouterFile,
): Readonly<Record<string, string>> {
  if (Object.keys(databases).length === 0) read.refuse([...at], 'expected at least one database');
  for (const [called, rest] of Object.entries(databases)) {
    if (!/^[A-Za-z0-9_.-]+$/.test(called) || called === 'pgbouncer')
      read.refuse(
        [...at, called],
        'expected a name of letters, digits, dots, dashes or underscores, and not pgbouncer',
      );
    if (/[\r\n]|\b(?:host|port)\s*=/.test(rest))
      read.refuse([...at, called], 'expected one line without host and port, which the router adds');
  }
  return databases;
}

function callOf(
  at: readonly string[],
  { exec, url }: ClusterSection['hooks'][string],
  read: RouterFile,
): HookConfig['call'] {
  if ((exec === undefined) === (url === undefined)) read.refuse([...at], 'expected either exec or url');
  if (url !== undefined) {
    const parsed = URL.canParse(url) ? new URL(url) : undefined;
    if (parsed === undefined || !/^https?:$/.test(parsed.protocol) || parsed.username !== '')
      read.refuse([...at, 'url'], 'expected a URL that begins with http:// or https://, without a user');
    return { kind: 'url', url };
  }
  const [command = '', ...args] = exec ?? [];
  return { kind: 'exec', command: command.includes('/') ? read.absolute(command) : command, args };
}
