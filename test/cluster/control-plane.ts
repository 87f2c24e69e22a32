// Problem: etcd and the controllers are one set, for however many clusters they care for.
// Rule: they are started before the first cluster is there, and know none of them by their files: agents come by themselves.
// Consequence: a fleet of clusters is this and several calls more.
import { type CommandLine, createCommandLine } from '#test/cluster/command-line.js';
import { controllerConfig } from '#test/cluster/configuration.js';
import { type EtcdCluster, startEtcd } from '#test/cluster/etcd.js';
import { readableHome } from '#test/cluster/home.js';
import { LOOPBACK, type Place } from '#test/cluster/place.js';
import { freePorts } from '#test/cluster/ports.js';
import { createProgram, type Program } from '#test/cluster/programs.js';
import { serverUser } from '#test/cluster/users.js';

export interface ControlPlane {
  /** A run folder. */
  readonly folder: string;
  /** Where the built package is run from. */
  readonly home: string;
  readonly etcd: EtcdCluster;
  readonly controllers: readonly Program[];
  readonly controllerAddresses: readonly string[];
  /** Where each controller tells by HTTP whom to send clients to. */
  readonly apiAddresses: readonly string[];
  /** Runs a command of `tanist` against these controllers; never rejects. */
  readonly tanist: CommandLine;
}

export interface ControlPlaneOptions {
  readonly folder: string;
  readonly controllers: number;
  readonly etcd: 1 | 3;
  /** Where the controller and the member of etcd of that number run; default: here. */
  readonly places: readonly Place[];
  /** Of the controller of that number, for clients of Sentinel; default: they are not answered. */
  readonly sentinelPorts?: readonly number[] | undefined;
  /** The name of the machine that the controller of that number says it runs on (rule A3); undefined: it does not say. */
  hostName(index: number): string | undefined;
}

export async function startControlPlane(options: ControlPlaneOptions): Promise<ControlPlane> {
  const { folder, controllers: many, places } = options;
  const home = readableHome(folder, serverUser());
  const etcd = await startEtcd({ dir: folder, members: options.etcd, places });
  const placeOf = (i: number): Place => places[i] ?? LOOPBACK;
  const ports = await freePorts(many);
  const apiPorts = await freePorts(many);
  const apiAddresses = apiPorts.map((port, i) => `${placeOf(i).address}:${port}`);
  const controllerAddresses = ports.map((port, i) => `${placeOf(i).address}:${port}`);
  const all = (options.sentinelPorts ?? []).map((port, i) => `${placeOf(i).address}:${port}`);
  const controllers = ports.map((port, i) => {
    const name = `controller-${i + 1}`;
    const host = options.hostName(i);
    const sentinelPort = options.sentinelPorts?.[i];
    const sentinel = sentinelPort === undefined ? undefined : { port: sentinelPort, all };
    const config = controllerConfig({
      ...{ name, place: placeOf(i), port, apiPort: apiPorts[i] ?? 0, etcd: etcd.endpoints, host, sentinel },
    });
    return createProgram({
      ...{ home, folder, user: undefined, kind: 'controller', name, config, place: placeOf(i) },
    });
  });
  for (const controller of controllers) controller.start();
  const tanist = createCommandLine(home, folder, controllerAddresses);
  return { folder, home, etcd, controllers, controllerAddresses, apiAddresses, tanist };
}
