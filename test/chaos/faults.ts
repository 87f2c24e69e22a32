/** What can befall a leader, or those who watch over it, on hosts of their own: how it is done, and how it ends. */
import type { ChaosCluster } from '#test/chaos/cluster.js';
import type { Member } from '#test/cluster/tanist.js';

export interface Fault {
  readonly what: string;
  /** What is to come of it: another leader, or nothing that a writer would notice but for the time it takes. */
  readonly ends: 'another leader' | 'the same leader' | 'either';
  /** Its database goes on where some clients still reach it: they stay, and try to write. */
  readonly runsOn?: true;
  /** How long it lasts at the least, ms; one that ends in another leader lasts until that one is open. */
  readonly lastsMs: number;
  strike(cluster: ChaosCluster, leader: Member): Promise<void> | void;
  heal(cluster: ChaosCluster, leader: Member): Promise<void> | void;
}

const nothing = (): void => undefined;

export const FAULTS = {
  'database-killed': {
    what: "the server's main process is killed, the agent lives",
    ends: 'either',
    lastsMs: 0,
    strike: (_, { server }) => server.kill('SIGKILL'),
    heal: nothing,
  },
  'database-frozen': {
    what: 'every process of the server is stopped; continued once an heir leads',
    ends: 'another leader',
    lastsMs: 0,
    strike: (_, { server }) => server.pause(),
    heal: (_, { server }) => server.resume(),
  },
  'agent-killed': {
    what: "the leader's agent is killed, its database runs on; started again once an heir leads",
    ends: 'another leader',
    runsOn: true,
    lastsMs: 0,
    strike: (_, { agent }) => agent.kill('SIGKILL'),
    heal: (_, { agent }) => agent.start(),
  },
  'agent-frozen': {
    what: "the leader's agent is stopped, its database runs on; continued once an heir leads",
    ends: 'another leader',
    runsOn: true,
    lastsMs: 0,
    strike: (_, { agent }) => agent.kill('SIGSTOP'),
    heal: (_, { agent }) => agent.kill('SIGCONT'),
  },
  'agent-and-database-frozen': {
    what: 'agent and server are stopped together; continued once an heir leads',
    ends: 'another leader',
    runsOn: true,
    lastsMs: 0,
    strike(_, { agent, server }) {
      agent.kill('SIGSTOP');
      server.pause();
    },
    heal(_, { agent, server }) {
      server.resume();
      agent.kill('SIGCONT');
    },
  },
  'host-lost': {
    what: "everything on the leader's host is killed at once, and nobody answers there until it is back",
    ends: 'another leader',
    lastsMs: 0,
    async strike(cluster, leader) {
      cluster.isolate(leader, { alsoFromClients: true });
      await leader.kill();
    },
    heal(cluster, leader) {
      cluster.network.mendAll();
      leader.revive();
    },
  },
  'leader-isolated': {
    what: "the leader's host hears no other host and is heard by none; clients still reach it",
    ends: 'another leader',
    runsOn: true,
    lastsMs: 0,
    strike: (cluster, leader) => cluster.isolate(leader),
    heal: ({ network }) => network.mendAll(),
  },
  'leader-cut-from-controllers': {
    what: "the leader's host reaches its replicas and clients, and no controller, for 8 s: no failover",
    ends: 'the same leader',
    lastsMs: 8000,
    strike: (cluster, leader) => cluster.network.cutBothWays([cluster.hostOf(leader)], cluster.keepers),
    heal: ({ network }) => network.mendAll(),
  },
  'replication-link-cut': {
    what: 'the leader hears none of its replicas and is heard by none, for 8 s; controllers hear all',
    ends: 'either',
    lastsMs: 8000,
    strike: (cluster, leader) =>
      cluster.network.cutBothWays([cluster.hostOf(leader)], cluster.otherMembers(leader)),
    heal: ({ network }) => network.mendAll(),
  },
  'etcd-gone': {
    what: 'every member of etcd is killed, for 8 s: no failover',
    ends: 'the same leader',
    lastsMs: 8000,
    strike({ cluster }) {
      for (const member of cluster.etcd.members) member.kill('SIGKILL');
    },
    async heal({ cluster }) {
      await Promise.all(cluster.etcd.members.map((member) => member.start()));
    },
  },
  'controller-and-leader-lost': {
    what: 'the active controller is killed with everything on the host of the leader',
    ends: 'another leader',
    lastsMs: 0,
    async strike(chaos, leader) {
      const active = await chaos.cluster.activeController();
      chaos.isolate(leader, { alsoFromClients: true });
      active.kill('SIGKILL');
      await leader.kill();
      chaos.afterwards(() => active.start());
    },
    heal(chaos, leader) {
      chaos.network.mendAll();
      leader.revive();
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof FAULTS;
