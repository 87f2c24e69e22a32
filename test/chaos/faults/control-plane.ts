/** Controllers and etcd: none of it may be noticed by a writer. */
import type { Chaos, Roles } from '#test/chaos/cluster.js';
import { type Fault, all } from '#test/chaos/faults/fault.js';
import type { EtcdMember } from '#test/cluster/etcd.js';

const LASTS_MS = 8000;

export const restart = async (members: readonly EtcdMember[]): Promise<void> => {
  await Promise.all(members.map((member) => member.start()));
};

/** The one that leads, and one more: what is left has no majority. */
export function majorityOfEtcd({ cluster }: Chaos, { etcdLeader }: Roles): readonly EtcdMember[] {
  const leading = etcdLeader.etcd;
  return [leading, ...cluster.etcd.members.filter((member) => member !== leading).slice(0, 1)];
}

export const CONTROL_PLANE = {
  'controller-killed': {
    what: 'the active controller is killed, for 8 s',
    ends: 'the same leader',
    unnoticed: true,
    lastsMs: LASTS_MS,
    strike(_, __, { active: { controller } }) {
      controller.kill('SIGKILL');
      return () => controller.start();
    },
  },
  'controller-frozen': {
    what: 'the active controller is stopped for 8 s, and goes on as if nothing had been',
    ends: 'the same leader',
    unnoticed: true,
    lastsMs: LASTS_MS,
    strike(_, __, { active: { controller } }) {
      controller.kill('SIGSTOP');
      return () => controller.kill('SIGCONT');
    },
  },
  'controller-isolated': {
    what: "the active controller's host, with a member of etcd, hears no other host, for 8 s",
    ends: 'the same leader',
    unnoticed: true,
    lastsMs: LASTS_MS,
    strike(chaos, _, { active }) {
      chaos.isolate(active.host);
      return () => chaos.network.mendAll();
    },
  },
  'controllers-gone': {
    what: 'every controller is killed, for 8 s',
    ends: 'the same leader',
    unnoticed: true,
    lastsMs: LASTS_MS,
    strike({ cluster: { controllers } }) {
      for (const controller of controllers) controller.kill('SIGKILL');
      return () => {
        for (const controller of controllers) controller.start();
      };
    },
  },
  'etcd-leader-killed': {
    what: "etcd's leading member is killed, for 8 s",
    ends: 'the same leader',
    unnoticed: true,
    lastsMs: LASTS_MS,
    strike(_, __, { etcdLeader: { etcd } }) {
      etcd.kill('SIGKILL');
      return () => restart([etcd]);
    },
  },
  'etcd-leader-frozen': {
    what: "etcd's leading member is stopped for 8 s",
    ends: 'the same leader',
    unnoticed: true,
    lastsMs: LASTS_MS,
    strike(_, __, { etcdLeader: { etcd } }) {
      etcd.pause();
      return () => etcd.resume();
    },
  },
  'etcd-majority-lost': {
    what: 'two of three members of etcd are killed, for 8 s',
    ends: 'the same leader',
    unnoticed: true,
    lastsMs: LASTS_MS,
    strike(chaos, _, roles) {
      const lost = majorityOfEtcd(chaos, roles);
      for (const member of lost) member.kill('SIGKILL');
      return () => restart(lost);
    },
  },
  'etcd-gone': {
    what: 'every member of etcd is killed, for 8 s',
    ends: 'the same leader',
    unnoticed: true,
    runs: 10,
    lastsMs: LASTS_MS,
    strike({ cluster: { etcd } }) {
      for (const member of etcd.members) member.kill('SIGKILL');
      return () => restart(etcd.members);
    },
  },
  'keepers-frozen': {
    what: 'every controller and every member of etcd is stopped for 8 s, with all connections held',
    ends: 'the same leader',
    unnoticed: true,
    lastsMs: LASTS_MS,
    strike({ keepers }) {
      for (const { controller, etcd } of keepers) {
        controller.kill('SIGSTOP');
        etcd.pause();
      }
      return all(
        ...keepers.map(
          ({ etcd }) =>
            () =>
              etcd.resume(),
        ),
        ...keepers.map(
          ({ controller }) =>
            () =>
              controller.kill('SIGCONT'),
        ),
      );
    },
  },
} as const satisfies Readonly<Record<string, Fault>>;
