/** What can happen to a leader: how it is done, what it needs beforehand, and how it is undone. */
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import { bringRoleTo, waitUntilRoleIsElsewhere } from '#test/cluster/role.js';
import type { AnyMember, AnyCluster, TanistOptions } from '#test/cluster/tanist.js';

export const FAULTS = {
  crash: {
    what: "the server's main process is killed, the agent lives",
    rejoins: 'at once',
    strike: (_, leader) => leader.server.kill('SIGKILL'),
  },
  member: {
    what: 'database, agent and guard are killed together, and are back once an heir leads',
    rejoins: 'once revived',
    strike: (_, leader) => leader.kill(),
    revive: (_, leader) => leader.revive(),
  },
  hung: {
    what: 'every process of the server is stopped, and never continued',
    rejoins: 'unmeasured',
    strike: (_, leader) => leader.server.pause(),
  },
  'agent-frozen': {
    what: "the leader's agent is stopped, its database runs on; continued once an heir leads",
    runsOn: true,
    rejoins: 'once revived',
    strike: (_, leader) => leader.agent.kill('SIGSTOP'),
    revive: (_, leader) => leader.agent.kill('SIGCONT'),
  },
  'agent-lost': {
    what: "the leader's agent is killed, its database runs on; started again once an heir leads",
    runsOn: true,
    rejoins: 'once revived',
    strike: (_, leader) => leader.agent.kill('SIGKILL'),
    revive: (_, leader) => leader.agent.start(),
  },
  host: {
    what: 'as member, with a standby controller and a member of etcd',
    needs: { hosts: true },
    rejoins: 'once revived',
    async prepare(cluster, leader, run) {
      await waitUntilRoleIsElsewhere(cluster, leader);
      return { etcdLeaderLost: await placeEtcdLeader(cluster, leader, run) };
    },
    strike: (cluster, leader) => cluster.hostOf(leader).kill(),
    revive: (cluster, leader) => cluster.hostOf(leader).revive(),
  },
  'host-and-active': {
    what: 'as host, with the active controller',
    needs: { hosts: true, anonymousControllers: true },
    rejoins: 'once revived',
    async prepare(cluster, leader, run) {
      await bringRoleTo(cluster, cluster.hostOf(leader).controller);
      return { etcdLeaderLost: await placeEtcdLeader(cluster, leader, run) };
    },
    strike: (cluster, leader) => cluster.hostOf(leader).kill(),
    revive: (cluster, leader) => cluster.hostOf(leader).revive(),
  },
  switchover: {
    what: 'no fault: tanist switchover',
    rejoins: 'at once',
    async strike(cluster) {
      await succeed(cluster.tanist, COMMANDS.switchover(cluster));
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;

export type FaultName = keyof typeof FAULTS;

export interface Fault {
  readonly what: string;
  /** What the cluster has to be made of. */
  readonly needs?: Pick<TanistOptions, 'hosts' | 'anonymousControllers'>;
  /** Nothing happens to the database: it would go on taking writes. Some clients stay with it, whatever comes. */
  readonly runsOn?: true;
  /** From when the old leader can start again, which its way back is measured from. */
  readonly rejoins: 'at once' | 'once revived' | 'unmeasured';
  /** Brings about the state in which the fault is one; rejects when that does not come about. Before anybody writes. */
  prepare?(cluster: AnyCluster, leader: AnyMember, run: number): Promise<Prepared>;
  strike(cluster: AnyCluster, leader: AnyMember): Promise<void> | void;
  revive?(cluster: AnyCluster, leader: AnyMember): Promise<void> | void;
}

export interface Prepared {
  readonly etcdLeaderLost: boolean;
}

/** In every other run, the first one too, etcd's leader is on the leader's host. */
async function placeEtcdLeader(cluster: AnyCluster, leader: AnyMember, run: number): Promise<boolean> {
  const host = cluster.hostOf(leader);
  const isLost = run % 2 === 1;
  const elsewhere = cluster.hosts.find((other) => other !== host) ?? host;
  await cluster.etcd.moveLeader((isLost ? host : elsewhere).etcd);
  return isLost;
}
