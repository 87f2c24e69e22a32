/** Two faults at once, and a second one while the first is being dealt with. */
import type { Chaos } from '#test/chaos/cluster.js';
import { majorityOfEtcd, restart } from '#test/chaos/faults/control-plane.js';
import { type Fault, type Heal, all } from '#test/chaos/faults/fault.js';
import { loseHost } from '#test/chaos/faults/processes.js';
import { followLogs } from '#test/chaos/logs.js';
import type { AnyMember } from '#test/cluster/tanist.js';

/** Kills the leader's server, and the active controller as soon as the log of a controller or an agent says so. */
function controllerKilledOnce(code: string, what: string): Fault {
  return {
    what: `the leader's server is killed, and the active controller as soon as ${what}`,
    ends: 'either',
    agentAnswers: true,
    endsServer: true,
    async strike(chaos, { server }, { active: { controller } }) {
      const said = followLogs(programsOf(chaos), code);
      server.kill('SIGKILL');
      await said;
      controller.kill('SIGKILL');
      return () => controller.start();
    },
  };
}

const programsOf = ({ cluster }: Chaos): readonly string[] =>
  [...cluster.controllers, ...cluster.members.map(({ agent }) => agent)].map(({ logFile }) => logFile);

async function loseTwo(chaos: Chaos, leader: AnyMember, heal: Heal): Promise<Heal> {
  return all(await loseHost(chaos, leader), heal);
}

export const TOGETHER = {
  'controller-and-leader-lost': {
    what: 'the active controller is killed with everything on the host of the leader',
    ends: 'another leader',
    runs: 10,
    strike(chaos, leader, { active: { controller } }) {
      controller.kill('SIGKILL');
      return loseTwo(chaos, leader, () => controller.start());
    },
  },
  'etcd-leader-and-leader-lost': {
    what: "etcd's leading member is killed with everything on the host of the leader",
    ends: 'another leader',
    strike(chaos, leader, { etcdLeader: { etcd } }) {
      etcd.kill('SIGKILL');
      return loseTwo(chaos, leader, () => restart([etcd]));
    },
  },
  'keeper-and-leader-isolated': {
    what: 'the hosts of the leader and of the active controller hear no other host, nor each other',
    ends: 'another leader',
    runsOn: true,
    strike(chaos, leader, { active }) {
      chaos.isolate(active.host);
      chaos.isolate(chaos.hostOf(leader));
      return () => chaos.network.mendAll();
    },
  },
  'heir-killed-once-appointed': {
    what: "the leader's host is lost, and the server of its heir is killed as soon as it is appointed",
    ends: 'another leader',
    async strike(chaos, leader) {
      const appointed = followLogs(
        chaos.cluster.controllers.map(({ logFile }) => logFile),
        '"APPOINTED"',
      );
      const heal = await loseHost(chaos, leader);
      const line = await appointed;
      const heir = chaos.cluster.member((JSON.parse(line) as { leader: string }).leader);
      if (heir.server.pid() !== undefined) heir.server.kill('SIGKILL');
      return heal;
    },
  },
  'etcd-without-majority-mid-failover': {
    what: 'two of three members of etcd are stopped as soon as the replicas of a killed leader are sealed, for 3 s',
    ends: 'either',
    agentAnswers: true,
    endsServer: true,
    async strike(chaos, { server }, roles) {
      const stopped = majorityOfEtcd(chaos, roles);
      const sealing = followLogs(programsOf(chaos), '"SEALING"');
      server.kill('SIGKILL');
      await sealing;
      for (const member of stopped) member.pause();
      // Continued by itself: without etcd nobody could lead in the end.
      setTimeout(() => {
        for (const member of stopped) member.resume();
      }, 3000);
      return () => undefined;
    },
  },
  'controller-killed-once-suspected': controllerKilledOnce('"DATABASE_CRASHED"', 'it suspects the leader'),
  'controller-killed-once-sealed': controllerKilledOnce('"step":"seal"', 'a replica is sealed'),
  'controller-killed-once-tail-taken': {
    ...controllerKilledOnce('"TAIL_TAKEN"', 'the tail is taken'),
    needsTail: true,
  },
  'controller-killed-once-appointed': controllerKilledOnce('"APPOINTED"', 'the heir is appointed'),
  'controller-killed-once-proved': controllerKilledOnce('"PROVED"', 'the heir has proved itself'),
} as const satisfies Readonly<Record<string, Fault>>;
