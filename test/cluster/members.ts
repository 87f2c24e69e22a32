/** A database and its agent, which can die together. */
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { Disk } from '#test/cluster/disk.js';
import { type Lot, killTogether } from '#test/cluster/kill-together.js';
import type { PostgresServer } from '#test/cluster/postgres.js';
import { lotOf, type Program } from '#test/cluster/programs.js';

export const MEMBER_NAMES = ['ada', 'ben', 'cleo', 'dan', 'eve'] as const;

export interface Member<Server extends DatabaseServer = PostgresServer> {
  readonly name: string;
  readonly server: Server;
  readonly agent: Program;
  /** Where its agent answers load balancers. */
  readonly healthPort: number;
  /** Where the data and the agent's state lie, if that is a disk of its own. */
  readonly disk: Disk | undefined;
  /** All of it at once: the agent, its guard and every process of the server. It stays down until it is revived. */
  kill(): Promise<void>;
  /** Starts the agent, which starts the server. */
  revive(): void;
  lot(): Lot;
}

export function createMember<Server extends DatabaseServer>(
  server: Server,
  agent: Program,
  healthPort: number,
  disk: Disk | undefined,
): Member<Server> {
  const lot = (): Lot => ({
    groups: lotOf(agent).groups,
    // The guard is in a group of its own; it works where the agent keeps its state.
    folders: [server.dir, `${server.dir}.tanist`],
  });
  return {
    ...{ name: server.name, server, agent, healthPort, disk, lot },
    kill: () => killTogether([lot()]),
    revive: () => agent.start(),
  };
}
