/** Processes beside a database, and the database itself: killed, stopped for a while, lost together. */
import { type Fault, type Heal, NOTHING, all } from '#test/chaos/faults/fault.js';
import type { Chaos } from '#test/chaos/cluster.js';
import { processesIn } from '#test/cluster/process-table.js';
import { sendSignal } from '#test/cluster/processes.js';
import type { AnyMember } from '#test/cluster/tanist.js';

function signalGuard({ server }: AnyMember, signal: NodeJS.Signals): void {
  const pids = processesIn(`${server.dir}.tanist`);
  if (pids.length === 0) throw new Error(`${server.name} has no guard`);
  for (const pid of pids) sendSignal(pid, signal);
}

function replicaOf(chaos: Chaos, leader: AnyMember): AnyMember {
  const [replica] = chaos.replicas(leader);
  if (replica === undefined) throw new Error('no replica');
  return replica;
}

/** Returns what brings it back. */
export async function loseHost(chaos: Chaos, member: AnyMember): Promise<Heal> {
  chaos.isolate(chaos.hostOf(member), { alsoFromClients: true });
  await member.kill();
  return () => {
    chaos.network.mendAll();
    member.revive();
  };
}

const LASTS_MS = 8000;

export const PROCESSES = {
  'database-killed': {
    what: "the server's main process is killed, the agent lives",
    ends: 'either',
    runs: 10,
    agentAnswers: true,
    endsServer: true,
    strike(_, { server }) {
      server.kill('SIGKILL');
      return NOTHING;
    },
  },
  'database-frozen': {
    what: 'every process of the server is stopped; continued once an heir leads',
    ends: 'another leader',
    agentAnswers: true,
    // One that does not answer can only be killed.
    endsServer: true,
    strike(_, { server }) {
      server.pause();
      return () => server.resume();
    },
  },
  'agent-killed': {
    what: "the leader's agent is killed, its database runs on; started again once an heir leads",
    ends: 'another leader',
    runsOn: true,
    strike(_, { agent }) {
      agent.kill('SIGKILL');
      return () => agent.start();
    },
  },
  'agent-frozen': {
    what: "the leader's agent is stopped, its database runs on; continued once an heir leads",
    ends: 'another leader',
    runs: 10,
    runsOn: true,
    strike(_, { agent }) {
      agent.kill('SIGSTOP');
      return () => agent.kill('SIGCONT');
    },
  },
  'guard-killed': {
    what: "the leader's guard is killed: its agent starts another",
    ends: 'the same leader',
    lastsMs: 3000,
    strike(_, leader) {
      signalGuard(leader, 'SIGKILL');
      return NOTHING;
    },
  },
  'guard-frozen': {
    what: "the leader's guard is stopped for 8 s",
    ends: 'either',
    agentAnswers: true,
    lastsMs: LASTS_MS,
    strike(_, leader) {
      const pids = processesIn(`${leader.server.dir}.tanist`);
      signalGuard(leader, 'SIGSTOP');
      return () => {
        for (const pid of pids) sendSignal(pid, 'SIGCONT');
      };
    },
  },
  'agent-and-database-killed': {
    what: "the leader's agent and server are killed together, the guard lives; started again once an heir leads",
    ends: 'another leader',
    strike(_, { agent, server }) {
      agent.kill('SIGKILL');
      server.kill('SIGKILL');
      return () => agent.start();
    },
  },
  'agent-and-database-frozen': {
    what: 'agent and server are stopped together; continued once an heir leads',
    ends: 'another leader',
    runs: 10,
    runsOn: true,
    strike(_, { agent, server }) {
      agent.kill('SIGSTOP');
      server.pause();
      return () => {
        server.resume();
        agent.kill('SIGCONT');
      };
    },
  },
  'host-lost': {
    what: "everything on the leader's host is killed at once, and nobody answers there until it is back",
    ends: 'another leader',
    runs: 10,
    strike: loseHost,
  },
  'replica-lost': {
    what: "everything on a replica's host is killed at once, for 8 s",
    ends: 'the same leader',
    lastsMs: LASTS_MS,
    strike: (chaos, leader) => loseHost(chaos, replicaOf(chaos, leader)),
  },
  'replica-agent-frozen': {
    what: "a replica's agent is stopped for 8 s: its database goes on receiving",
    ends: 'the same leader',
    lastsMs: LASTS_MS,
    strike(chaos, leader) {
      const { agent } = replicaOf(chaos, leader);
      agent.kill('SIGSTOP');
      return () => agent.kill('SIGCONT');
    },
  },
  'leader-and-replica-lost': {
    what: 'two of the hosts with a database are lost at once, the leader on one of them; back after 8 s',
    ends: 'either',
    // N - k + 1 of those that confirm cannot be sealed: nobody knows what the lost one had confirmed.
    stallsUnder: ['available', 'strict'],
    lastsMs: LASTS_MS,
    async strike(chaos, leader) {
      const replica = replicaOf(chaos, leader);
      return all(...(await Promise.all([loseHost(chaos, leader), loseHost(chaos, replica)])));
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
