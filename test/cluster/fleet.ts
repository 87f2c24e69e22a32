// Problem: one set of controllers cares for many clusters of several engines, and what a machine takes along when it dies are parts of all.
// Rule: three hosts, each a network namespace with a controller, a member of etcd and one member of every cluster; which host a cluster is
// led on at first is said when it is asked for.
// Consequence: one call loses a host with all that is on it, at one instant and without a word; another brings it back.
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type ControlPlane, startControlPlane } from '#test/cluster/control-plane.js';
import type { EngineKit } from '#test/cluster/engines.js';
import { killTogether } from '#test/cluster/kill-together.js';
import { createNetwork } from '#test/cluster/network.js';
import { createRunFolder } from '#test/cluster/processes.js';
import { lotOf } from '#test/cluster/programs.js';
import { bringRoleTo, waitUntilAllHear } from '#test/cluster/role.js';
import { type AnyCluster, startCluster } from '#test/cluster/tanist.js';

export interface FleetOptions {
  readonly label: string;
  readonly clusters: readonly FleetCluster[];
  readonly progress?: (text: string) => void;
}

export interface FleetCluster {
  readonly name: string;
  readonly engine: EngineKit;
  readonly policy?: Readonly<Record<string, unknown>>;
  /** Index of the host that its first leader is on. */
  readonly ledOn: number;
}

export interface Fleet extends ControlPlane {
  readonly clusters: readonly AnyCluster[];
  readonly hosts: readonly FleetHost[];
  /** Makes the controller of this host the active one, and its member of etcd the leader of etcd. */
  bringRolesTo(host: FleetHost): Promise<void>;
}

export interface FleetHost {
  readonly name: string;
  /** The names of the clusters that are led on it. */
  leads(): Promise<readonly string[]>;
  /** Everything on it is killed at once, and nobody answers there until it is back. */
  lose(): Promise<void>;
  /** As a boot would: etcd, controller and agents are started, and none is waited for. */
  revive(): Promise<void>;
}

const HOSTS = ['h1', 'h2', 'h3'];

export async function startFleet({ label, clusters: wanted, progress }: FleetOptions): Promise<Fleet> {
  const folder = createRunFolder(label);
  const network = createNetwork(HOSTS);
  const plane = await startControlPlane({
    ...{ folder, controllers: HOSTS.length, etcd: 3, places: network.hosts },
    hostName: (i) => HOSTS[i],
  });
  const clusters: AnyCluster[] = [];
  for (const { name, engine, policy, ledOn } of wanted) {
    progress?.(`${name}:`);
    const own = join(folder, name);
    mkdirSync(own);
    const places = [...network.hosts.slice(ledOn), ...network.hosts.slice(0, ledOn)];
    clusters.push(
      await startCluster(plane, engine, {
        ...{ name, folder: own, places },
        ...(policy && { policy }),
        ...(progress && { progress }),
      }),
    );
  }
  const hosts = network.hosts.map((place, i): FleetHost => {
    const [controller, etcd] = [plane.controllers[i], plane.etcd.members[i]];
    if (controller === undefined || etcd === undefined) throw new Error(`${place.name} lacks a program`);
    const members = clusters.flatMap((cluster) =>
      cluster.members.filter(({ server }) => server.place.address === place.address),
    );
    return {
      name: place.name,
      async leads() {
        const led: string[] = [];
        for (const cluster of clusters) if (members.includes(await cluster.leader())) led.push(cluster.name);
        return led;
      },
      async lose() {
        const others = network.hosts.filter((other) => other !== place);
        network.cutBothWays([place], [...others, { address: network.address, namespace: undefined }]);
        const pid = etcd.pid();
        const lots = [...members.map((member) => member.lot()), lotOf(controller)];
        await killTogether([...lots, { groups: pid === undefined ? [] : [pid], folders: [] }]);
      },
      async revive() {
        network.mendAll();
        await etcd.start({ awaitHealthy: false });
        controller.start();
        for (const member of members) member.revive();
      },
    };
  });
  return {
    ...{ ...plane, clusters, hosts },
    async bringRolesTo({ name }) {
      const index = HOSTS.indexOf(name);
      const controller = plane.controllers[index];
      const [cluster] = clusters;
      const etcd = plane.etcd.members[index];
      if (controller === undefined || etcd === undefined || cluster === undefined)
        throw new Error(`${name} is no host of this fleet`);
      await bringRoleTo(cluster, controller);
      for (const each of clusters) await waitUntilAllHear(each);
      await plane.etcd.moveLeader(etcd);
    },
  };
}
