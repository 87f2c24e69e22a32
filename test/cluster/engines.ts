/** What clusters of each engine are made of: their servers, and what an agent is told of one. */
import type { Disk } from '#test/cluster/disk.js';
import * as mariadb from '#test/cluster/mariadb.js';
import { type DatabaseServer, MEMBER_NAMES } from '#test/cluster/members.js';
import type { Place } from '#test/cluster/place.js';
import { cloneReplica, createPrimary, type PostgresServer } from '#test/cluster/postgres.js';

export interface EngineKit<Server extends DatabaseServer> {
  readonly called: string;
  /** One leader and its replicas, streaming. */
  startServers(options: ServersOptions): Promise<readonly Server[]>;
  /** The section of the agent's file that names the engine. */
  section(server: Server): object;
}

export interface ServersOptions {
  readonly folder: string;
  readonly size: number;
  readonly settings: Readonly<Record<string, string>>;
  readonly fsync: boolean;
  readonly synchronous: boolean;
  /** One for each; default: here. */
  readonly places: readonly Place[];
  /** One for each; default: the folder. */
  readonly disks: readonly Disk[];
}

async function startPostgres(options: ServersOptions): Promise<readonly PostgresServer[]> {
  const { folder, size, fsync, synchronous, places, disks } = options;
  const names = MEMBER_NAMES.slice(0, size);
  const settings = {
    ...options.settings,
    ...(synchronous && { synchronous_standby_names: `ANY 1 (${names.join(', ')})` }),
  };
  const [first = 'ada', ...others] = names;
  const primary = await createPrimary({
    ...{ dir: folder, name: first, settings, fsync, place: places[0], disk: disks[0] },
  });
  await primary.start();
  const replicas: PostgresServer[] = [];
  for (const [i, name] of others.entries()) {
    const replica = await cloneReplica(primary, { name, place: places[i + 1], disk: disks[i + 1] });
    await replica.start();
    replicas.push(replica);
  }
  for (const replica of replicas) await replica.waitUntilStreaming();
  return [primary, ...replicas];
}

export const POSTGRES: EngineKit<PostgresServer> = {
  called: 'PostgreSQL',
  startServers: startPostgres,
  section: (server) => ({
    postgres: {
      ...{ dataDir: server.dir, host: server.socketDir, port: server.port, user: 'postgres' },
      replication: { user: 'postgres' },
      server: { kind: 'pg_ctl', options: server.startCommand.slice(3).join(' '), logFile: server.logFile },
    },
  }),
};

async function startMariadb(options: ServersOptions): Promise<readonly mariadb.MariadbServer[]> {
  const { folder, size, settings, fsync, places, disks } = options;
  const [first = 'ada', ...others] = MEMBER_NAMES.slice(0, size);
  const primary = await mariadb.createPrimary({
    ...{ dir: folder, name: first, settings, fsync, place: places[0], disk: disks[0] },
  });
  await primary.start();
  await primary.open();
  const replicas: mariadb.MariadbServer[] = [];
  for (const [i, name] of others.entries())
    replicas.push(await mariadb.cloneReplica(primary, { name, place: places[i + 1], disk: disks[i + 1] }));
  for (const replica of replicas) await replica.waitUntilStreaming();
  return [primary, ...replicas];
}

export const MARIADB: EngineKit<mariadb.MariadbServer> = {
  called: 'MariaDB',
  startServers: startMariadb,
  section: (server) => ({
    mariadb: {
      ...{ dataDir: server.dir, socket: server.socket, port: server.port, user: mariadb.ACCOUNTS.admin },
      replication: { user: mariadb.ACCOUNTS.replication },
      // The agent runs as the user that the data belongs to.
      server: { kind: 'commands', start: `exec ${server.startCommand.map(quoted).join(' ')}` },
    },
  }),
};

const quoted = (word: string): string => `'${word.replaceAll("'", `'\\''`)}'`;
