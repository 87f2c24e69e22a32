/** What the files of controllers and agents say: nothing that a user could not write. */
import type { PostgresServer } from '#test/cluster/postgres.js';

/** The one cluster of a run. */
export const CLUSTER = 'demo';

export interface ControllerPlace {
  readonly name: string;
  readonly port: number;
  readonly etcd: readonly string[];
  /** Undefined: the machine's own name, by default. */
  readonly host: string | undefined;
}

export function controllerConfig({ name, port, etcd, host }: ControllerPlace): object {
  return {
    name,
    ...(host !== undefined && { host }),
    listen: { host: '127.0.0.1', port },
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
  const identity = server.startCommand.slice(3).join(' ');
  return {
    cluster: CLUSTER,
    member: server.name,
    ...(host !== undefined && { host }),
    controllers: [...controllers],
    listen: { host: '127.0.0.1', port },
    advertise: { agent: `127.0.0.1:${port}`, database: { host: '127.0.0.1', port: server.port } },
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
