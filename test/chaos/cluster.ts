/** A cluster on hosts of its own: three or more members, and three keepers with a controller and a member of etcd each. */
import { writeFileSync } from 'node:fs';
import { stringify } from 'yaml';
import { succeed } from '#test/cluster/command-line.js';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { EngineKit } from '#test/cluster/engines.js';
import { createNetwork, type Network, type NetworkHost } from '#test/cluster/network.js';
import type { EtcdMember } from '#test/cluster/etcd.js';
import {
  type AnyMember,
  type Member,
  type Program,
  startTanistOn,
  type TanistCluster,
} from '#test/cluster/tanist.js';
import type { DurabilityPolicy } from '#core/policy.js';
import type { ProfileName } from '#core/timings.js';

const MEMBER_HOSTS = ['m1', 'm2', 'm3', 'm4', 'm5'];
const KEEPER_HOSTS = ['k1', 'k2', 'k3'];

export interface Keeper {
  readonly host: NetworkHost;
  readonly controller: Program;
  readonly etcd: EtcdMember;
}

/** `disks`: each member's data on one of its own. `clocks`: each host goes by one of its own. Both cost speed. */
export type Equipment = 'disks' | 'clocks';

/** Who is what, at one moment. */
export interface Roles<Server extends DatabaseServer = DatabaseServer> {
  readonly leader: Member<Server>;
  /** Whose controller is active. */
  readonly active: Keeper;
  /** Whose member of etcd leads. */
  readonly etcdLeader: Keeper;
}

/** Faults ask nothing that is one engine's alone. */
export interface Chaos<Server extends DatabaseServer = DatabaseServer> {
  readonly cluster: TanistCluster<Server>;
  readonly network: Network;
  readonly keepers: readonly Keeper[];
  /** All but the leader. */
  replicas(leader: AnyMember): readonly Member<Server>[];
  hostOf(member: AnyMember): NetworkHost;
  hostsOf(members: readonly AnyMember[]): readonly NetworkHost[];
  roles(): Promise<Roles<Server>>;
  /** Other keys in the policy of the cluster; none: as it began. */
  setPolicy(changes: Readonly<Record<string, unknown>>): Promise<void>;
  /** From every other host, both ways; clients are on none, and reach it unless said otherwise. */
  isolate(host: NetworkHost, how?: { readonly alsoFromClients: boolean }): void;
}

export interface ChaosOptions {
  readonly members: number;
  readonly profile: ProfileName;
  readonly durability: DurabilityPolicy;
  readonly equipment: Equipment | undefined;
  readonly progress: (text: string) => void;
}

export async function startChaos<Server extends DatabaseServer>(
  engine: EngineKit<Server>,
  options: ChaosOptions,
): Promise<Chaos<Server>> {
  const { members: size, profile, durability, equipment, progress } = options;
  progress(`making ${size + KEEPER_HOSTS.length} hosts`);
  const network = createNetwork([...MEMBER_HOSTS.slice(0, size), ...KEEPER_HOSTS]);
  const places = { members: network.hosts.slice(0, size), keepers: network.hosts.slice(size) };
  const { mode, acknowledgements } = durability;
  const policy = { profile, durability: mode, ...(mode !== 'async' && { acknowledgements }) };
  const cluster = await startTanistOn(engine, {
    ...{ label: 'chaos', members: size, etcd: 3, places, policy, progress },
    ...{ disks: equipment === 'disks', clocks: equipment === 'clocks' },
  });
  const keepers = places.keepers.map((host, i) =>
    keeperOn(host, cluster.controllers[i], cluster.etcd.members[i]),
  );
  const only = (is: (keeper: Keeper) => boolean): Keeper => {
    const found = keepers.find(is);
    if (found === undefined) throw new Error('on no keeper');
    return found;
  };
  const hostOf = ({ server }: AnyMember): NetworkHost => {
    const found = places.members.find(({ address }) => address === server.place.address);
    if (found === undefined) throw new Error(`${server.name} is on no host`);
    return found;
  };
  return {
    ...{ cluster, network, keepers, hostOf },
    replicas: (leader) => cluster.members.filter((one) => one !== leader),
    hostsOf: (members) => members.map(hostOf),
    async roles() {
      const [leader, active, leading] = await Promise.all([
        cluster.leader(),
        cluster.activeController(),
        cluster.etcd.leader(),
      ]);
      return {
        leader,
        active: only(({ controller }) => controller === active),
        etcdLeader: only(({ etcd }) => etcd === leading),
      };
    },
    async setPolicy(changes) {
      writeFileSync(cluster.policyFile, stringify({ failoverWindow: '0ms', ...policy, ...changes }));
      await succeed(cluster.tanist, ['policy', cluster.name, '--file', cluster.policyFile]);
    },
    isolate(host, { alsoFromClients } = { alsoFromClients: false }) {
      network.cutBothWays(
        [host],
        network.hosts.filter((other) => other !== host),
      );
      if (alsoFromClients) network.cutBothWays([host], [{ address: network.address, namespace: undefined }]);
    },
  };
}

function keeperOn(host: NetworkHost, controller?: Program, etcd?: EtcdMember): Keeper {
  if (controller === undefined || etcd === undefined) throw new Error(`${host.name} lacks a program`);
  return { host, controller, etcd };
}
