/** Hosts that do not hear each other, in one direction or both, or not well. */
import type { Chaos } from '#test/chaos/cluster.js';
import { type Fault, type Heal } from '#test/chaos/faults/fault.js';
import type { AnyMember } from '#test/cluster/tanist.js';

const LASTS_MS = 8000;

const mending =
  ({ network }: Chaos): Heal =>
  () =>
    network.mendAll();

const others = (chaos: Chaos, leader: AnyMember) =>
  chaos.network.hosts.filter((host) => host !== chaos.hostOf(leader));

export const NETWORK = {
  'leader-isolated': {
    what: "the leader's host hears no other host and is heard by none; clients still reach it",
    ends: 'another leader',
    runs: 10,
    runsOn: true,
    strike(chaos, leader) {
      chaos.isolate(chaos.hostOf(leader));
      return mending(chaos);
    },
  },
  'leader-mute': {
    what: "nothing that leaves the leader's host arrives at another one; clients still reach it",
    ends: 'another leader',
    runsOn: true,
    strike(chaos, leader) {
      chaos.network.cut([chaos.hostOf(leader)], others(chaos, leader));
      return mending(chaos);
    },
  },
  'leader-deaf': {
    what: "nothing that leaves another host arrives at the leader's; clients still reach it",
    ends: 'another leader',
    runsOn: true,
    strike(chaos, leader) {
      chaos.network.cut(others(chaos, leader), [chaos.hostOf(leader)]);
      return mending(chaos);
    },
  },
  'leader-cut-from-controllers': {
    what: "the leader's host reaches its replicas and clients, and no controller, for 8 s: no failover",
    ends: 'the same leader',
    lastsMs: LASTS_MS,
    strike(chaos, leader) {
      chaos.network.cutBothWays(
        [chaos.hostOf(leader)],
        chaos.keepers.map(({ host }) => host),
      );
      return mending(chaos);
    },
  },
  'leader-mute-to-controllers': {
    what: 'controllers hear nothing from the leader, which hears them, for 8 s: no failover',
    ends: 'the same leader',
    lastsMs: LASTS_MS,
    strike(chaos, leader) {
      chaos.network.cut(
        [chaos.hostOf(leader)],
        chaos.keepers.map(({ host }) => host),
      );
      return mending(chaos);
    },
  },
  'replication-link-cut': {
    what: 'the leader hears none of its replicas and is heard by none, for 8 s; controllers hear all',
    ends: 'the same leader',
    runs: 10,
    // Nobody confirms, and the leader, which is heard, is not to be replaced.
    stallsUnder: ['strict'],
    lastsMs: LASTS_MS,
    strike(chaos, leader) {
      chaos.network.cutBothWays([chaos.hostOf(leader)], chaos.hostsOf(chaos.replicas(leader)));
      return mending(chaos);
    },
  },
  'replica-isolated': {
    what: 'a replica hears no other host and is heard by none, for 8 s',
    ends: 'the same leader',
    lastsMs: LASTS_MS,
    strike(chaos, leader) {
      for (const host of chaos.hostsOf(chaos.replicas(leader)).slice(0, 1)) chaos.isolate(host);
      return mending(chaos);
    },
  },
  'leader-in-minority': {
    what: 'the bridge falls in two: the leader with one keeper here, everybody else there; clients reach both',
    ends: 'another leader',
    runsOn: true,
    strike(chaos, leader) {
      const here = [chaos.hostOf(leader), ...chaos.keepers.slice(0, 1).map(({ host }) => host)];
      chaos.network.cutBothWays(
        here,
        chaos.network.hosts.filter((host) => !here.includes(host)),
      );
      return mending(chaos);
    },
  },
  'leader-in-majority': {
    what: 'the bridge falls in two for 8 s: the leader with two keepers here, the replicas with one there',
    ends: 'the same leader',
    stallsUnder: ['strict'],
    lastsMs: LASTS_MS,
    strike(chaos, leader) {
      const here = [chaos.hostOf(leader), ...chaos.keepers.slice(0, 2).map(({ host }) => host)];
      chaos.network.cutBothWays(
        here,
        chaos.network.hosts.filter((host) => !here.includes(host)),
      );
      return mending(chaos);
    },
  },
  'three-ways-apart': {
    what: 'the bridge falls in three: the leader alone, a replica with two keepers, the rest; clients reach all',
    ends: 'another leader',
    runsOn: true,
    // One of two that confirm can be sealed.
    stallsUnder: ['available', 'strict'],
    strike(chaos, leader) {
      const keepers = chaos.keepers.map(({ host }) => host);
      const replicas = chaos.hostsOf(chaos.replicas(leader));
      chaos.network.partition([
        [chaos.hostOf(leader)],
        [...replicas.slice(0, 1), ...keepers.slice(0, 2)],
        [...replicas.slice(1), ...keepers.slice(2)],
      ]);
      return mending(chaos);
    },
  },
  'link-narrow': {
    what: "200 kB in a second pass to and from the leader's host, for 8 s",
    ends: 'either',
    agentAnswers: true,
    lastsMs: LASTS_MS,
    strike(chaos, leader) {
      chaos.network.limit(chaos.hostOf(leader), 200_000);
      return mending(chaos);
    },
  },
  'link-late': {
    what: "all that passes to and from the leader's host is 50 ms late each way, for 8 s",
    ends: 'the same leader',
    lastsMs: LASTS_MS,
    async strike(chaos, leader) {
      await chaos.network.delay(chaos.hostOf(leader), 50);
      return mending(chaos);
    },
  },
  'packets-lost': {
    what: "a tenth of all packets that reach the leader's host is lost, for 8 s",
    ends: 'either',
    agentAnswers: true,
    lastsMs: LASTS_MS,
    strike(chaos, leader) {
      chaos.network.lose(chaos.hostOf(leader), 0.1);
      return mending(chaos);
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
