/** A router as a process, beside a cluster of the harness. */
import { join } from 'node:path';
import { LOOPBACK, type Place } from '#test/cluster/place.js';
import { createProgram, type Program } from '#test/cluster/programs.js';
import type { AnyCluster } from '#test/cluster/tanist.js';
import { serverUser } from '#test/cluster/users.js';

export interface RouterOptions {
  readonly name?: string;
  /** What is to follow the cluster's leader: its section of the router's file. */
  readonly routes: object;
  readonly pauseBudget?: string;
  /** Default: here. */
  readonly place?: Place;
  /** Its hooks change what only root may. */
  readonly asRoot?: boolean;
}

/** Not started. */
export function createRouter(
  cluster: Pick<AnyCluster, 'name' | 'folder' | 'home' | 'controllerAddresses'>,
  { name = 'router', routes, pauseBudget, place = LOOPBACK, asRoot = false }: RouterOptions,
): Program {
  const { folder, home, controllerAddresses } = cluster;
  return createProgram({
    ...{ home, folder, user: asRoot ? undefined : serverUser(), kind: 'router', name, place },
    config: {
      controllers: controllerAddresses,
      stateDir: join(folder, `${name}.state`),
      ...(pauseBudget !== undefined && { pauseBudget }),
      clusters: { [cluster.name]: routes },
    },
  });
}
