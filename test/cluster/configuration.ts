/** What the files of controllers and agents say: nothing that a user could not write. */
import type { Place } from '#test/cluster/place.js';
import type { DatabaseServer } from '#test/cluster/database-server.js';

/** The cluster of a run that has but one. */
export const CLUSTER = 'demo';

export interface ControllerPlace {
  readonly name: string;
  readonly place: Place;
  readonly port: number;
  readonly apiPort: number;
  readonly etcd: readonly string[];
  /** Undefined: the machine's own name, by default. */
  readonly host: string | undefined;
  /** Where clients of Sentinel find it, and all of them. Undefined: nowhere. */
  readonly sentinel?: { readonly port: number; readonly all: readonly string[] } | undefined;
}

export function controllerConfig(controller: ControllerPlace): object {
  const { name, place, port, apiPort, etcd, host, sentinel } = controller;
  return {
    name,
    ...(host !== undefined && { host }),
    listen: { host: place.address, port },
    api: { host: place.address, port: apiPort },
    etcd: { endpoints: [...etcd] },
    ...(sentinel && {
      sentinel: { listen: { host: place.address, port: sentinel.port }, peers: [...sentinel.all] },
    }),
  };
}

export interface AgentPlace {
  readonly cluster: string;
  readonly server: DatabaseServer;
  /** Names the engine. */
  readonly section: object;
  readonly port: number;
  readonly healthPort: number;
  readonly controllers: readonly string[];
  readonly host: string | undefined;
}

export function agentConfig(agent: AgentPlace): object {
  const { cluster, server, section, port, healthPort, controllers, host } = agent;
  const { address } = server.place;
  return {
    cluster,
    member: server.name,
    ...(host !== undefined && { host }),
    controllers: [...controllers],
    listen: { host: address, port },
    health: { host: address, port: healthPort },
    advertise: { agent: `${address}:${port}`, database: { host: address, port: server.port } },
    ...section,
  };
}
