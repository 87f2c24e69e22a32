/** A database and its agent, which can die together, and the servers that become members. */
import type { Disk } from '#test/cluster/disk.js';
import { type Lot, killTogether } from '#test/cluster/kill-together.js';
import { cloneReplica, createPrimary, type PostgresServer } from '#test/cluster/postgres.js';
import type { Place } from '#test/cluster/place.js';
import { lotOf, type Program } from '#test/cluster/programs.js';

export const MEMBER_NAMES = ['ada', 'ben', 'cleo', 'dan', 'eve'] as const;

export interface Member {
  readonly name: string;
  readonly server: PostgresServer;
  readonly agent: Program;
  /** Where the data and the agent's state lie, if that is a disk of its own. */
  readonly disk: Disk | undefined;
  /** All of it at once: the agent, its guard and every process of the server. It stays down until it is revived. */
  kill(): Promise<void>;
  /** Starts the agent, which starts the server. */
  revive(): void;
  lot(): Lot;
}

export function createMember(server: PostgresServer, agent: Program, disk: Disk | undefined): Member {
  const lot = (): Lot => ({
    groups: lotOf(agent).groups,
    // The guard is in a group of its own; it works where the agent keeps its state.
    folders: [server.dir, `${server.dir}.tanist`],
  });
  return {
    ...{ name: server.name, server, agent, disk, lot },
    kill: () => killTogether([lot()]),
    revive: () => agent.start(),
  };
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

/** One leader and its replicas, streaming. */
export async function startServers(options: ServersOptions): Promise<readonly PostgresServer[]> {
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
