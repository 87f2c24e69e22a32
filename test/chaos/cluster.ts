/** A cluster on hosts of its own: three or more members, and three keepers with a controller and a member of etcd each. */
import { createNetwork, type Network, type NetworkHost } from '#test/cluster/network.js';
import { type Member, startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import type { DurabilityPolicy } from '#core/policy.js';
import type { ProfileName } from '#core/timings.js';

const MEMBER_HOSTS = ['m1', 'm2', 'm3', 'm4', 'm5'];
const KEEPER_HOSTS = ['k1', 'k2', 'k3'];

export interface ChaosCluster {
  readonly cluster: TanistCluster;
  readonly network: Network;
  readonly keepers: readonly NetworkHost[];
  hostOf(member: Member): NetworkHost;
  otherMembers(member: Member): readonly NetworkHost[];
  /** From every other host, both ways; clients are on none, and reach it unless said otherwise. */
  isolate(member: Member, how?: { readonly alsoFromClients: boolean }): void;
  /** What else has to be undone when the fault is healed. */
  afterwards(undo: () => void): void;
  undo(): void;
}

export interface ChaosOptions {
  readonly members: number;
  readonly profile: ProfileName;
  readonly durability: DurabilityPolicy;
  readonly progress: (text: string) => void;
}

export async function startChaos(options: ChaosOptions): Promise<ChaosCluster> {
  const { members: size, profile, durability, progress } = options;
  const names = MEMBER_HOSTS.slice(0, size);
  progress(`making ${size + KEEPER_HOSTS.length} hosts`);
  let undoes: (() => void)[] = [];
  const network = createNetwork([...names, ...KEEPER_HOSTS]);
  const places = { members: network.hosts.slice(0, size), keepers: network.hosts.slice(size) };
  const cluster = await startTanist({
    ...{
      label: 'chaos',
      members: size,
      policy: {
        profile,
        durability: durability.mode,
        ...(durability.mode !== 'async' && { acknowledgements: durability.acknowledgements }),
      },
      etcd: 3,
      places,
      progress,
    },
  });
  const hostOf = ({ server }: Member): NetworkHost => {
    const found = places.members.find(({ address }) => address === server.place.address);
    if (found === undefined) throw new Error(`${server.name} is on no host`);
    return found;
  };
  return {
    ...{ cluster, network, keepers: places.keepers, hostOf },
    otherMembers: (member) => places.members.filter((host) => host !== hostOf(member)),
    isolate(member, { alsoFromClients } = { alsoFromClients: false }) {
      const host = hostOf(member);
      const others = network.hosts.filter((other) => other !== host);
      network.cutBothWays([host], others);
      if (alsoFromClients) network.cutBothWays([host], [{ address: network.address, namespace: undefined }]);
    },
    afterwards: (undo) => void undoes.push(undo),
    undo() {
      for (const undo of undoes) undo();
      undoes = [];
    },
  };
}
