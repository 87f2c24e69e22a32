/** Topologies on the wire, and as JSON for whoever asks by HTTP. */
import { ENGINES } from '#core/position.js';
import { type Address, NO_LEADER, NO_LEADER_TEXT, type Topology } from '#core/topology.js';
import { MalformedMessage, readEpoch, readHost, readName, readUint64 } from '#proto/codec/fields.js';
import type {
  ClusterTopology as WireTopology,
  ClusterTopology__Output,
} from '#proto/generated/tanist/v1/ClusterTopology.js';
import type { DatabaseAddress__Output } from '#proto/generated/tanist/v1/DatabaseAddress.js';

export const writeTopology = (topology: Topology): WireTopology => ({
  cluster: topology.cluster,
  engine: topology.engine ?? '',
  epoch: topology.epoch.toString(),
  leader: topology.leader ?? null,
  because: topology.because ?? '',
  replicas: [...topology.replicas],
  pause: (topology.pause ?? 0n).toString(),
});

/** Throws MalformedMessage. */
export function readTopology(wire: ClusterTopology__Output): Topology {
  const pause = readUint64('topology.pause', wire.pause);
  return {
    cluster: readName('topology.cluster', wire.cluster),
    // What a newer controller knows and we do not is unknown here.
    engine: ENGINES.find((engine) => engine === wire.engine),
    epoch: readEpoch('topology.epoch', wire.epoch),
    leader: wire.leader === null ? undefined : readAddress('topology.leader', wire.leader),
    because: NO_LEADER.find((because) => because === wire.because),
    replicas: wire.replicas.map((replica) => readAddress('topology.replicas', replica)),
    pause: pause === 0n ? undefined : pause,
  };
}

function readAddress(field: string, { name, host, port }: DatabaseAddress__Output): Address {
  if (port < 1 || port > 65_535) throw new MalformedMessage(`${field}.port`, 'a port');
  return { name: readName(`${field}.name`, name), host: readHost(`${field}.host`, host), port };
}

/** docs/clients.md describes it. */
export const topologyToJson = ({ cluster, engine, epoch, leader, because, replicas }: Topology): object => ({
  ...{ cluster, engine: engine ?? null, epoch: Number(epoch) },
  leader: leader ?? null,
  because: because === undefined ? null : { code: because, text: NO_LEADER_TEXT[because] },
  replicas,
});
