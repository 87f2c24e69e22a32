/** What the files of controllers and agents say: nothing that a user could not write. */
import type { Place } from '#test/cluster/place.js';
import type { PostgresServer } from '#test/cluster/postgres.js';

/** The one cluster of a run. */
export const CLUSTER = 'demo';

export interface ControllerPlace {
  readonly name: string;
  readonly place: Place;
  readonly port: number;
  readonly etcd: readonly string[];
  /** Undefined: the machine's own name, by default. */
  readonly host: string | undefined;
}

export function controllerConfig({ name, place, port, etcd, host }: ControllerPlace): object {
  return {
    name,
    ...(host !== undefined && { host }),
    listen: { host: place.address, port },
    etcd: { endpoints: [...etcd] },
  };
}

export interface AgentPlace {
  readonly server: PostgresServer;
  readonly port: number;
  readonly controllers: readonly string[];
  readonly host: string | undefined;
}

export function agentConfig({ server, port, controllers, host }: AgentPlace): object {
  const { address } = server.place;
  const identity = server.startCommand.slice(3).join(' ');
  return {
    cluster: CLUSTER,
    member: server.name,
    ...(host !== undefined && { host }),
    controllers: [...controllers],
    listen: { host: address, port },
    advertise: { agent: `${address}:${port}`, database: { host: address, port: server.port } },
    postgres: {
      dataDir: server.dir,
      host: server.socketDir,
      port: server.port,
      user: 'postgres',
      replication: { user: 'postgres' },
      server: { kind: 'pg_ctl', options: identity, logFile: server.logFile },
    },
  };
}
