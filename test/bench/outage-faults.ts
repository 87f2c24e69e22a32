/** What can happen to those who watch over a database, while the database itself is well: nobody who writes may notice. */
import type { AnyMember, AnyCluster } from '#test/cluster/tanist.js';
import { saturate } from '#test/load/saturate.js';

export const OUTAGE_FAULTS = {
  'controllers-lost': {
    what: 'every controller is killed, and started again',
    lastsS: 30,
    strike({ controllers }) {
      for (const controller of controllers) controller.kill('SIGKILL');
      return () => {
        for (const controller of controllers) controller.start();
      };
    },
  },
  'active-controller-killed': {
    what: 'the active controller is killed, and started again',
    lastsS: 10,
    async strike(cluster) {
      const active = await cluster.activeController();
      active.kill('SIGKILL');
      return () => active.start();
    },
  },
  'etcd-lost': {
    what: 'every member of etcd is killed, and started again',
    lastsS: 30,
    strike({ etcd }) {
      for (const member of etcd.members) member.kill('SIGKILL');
      // Side by side: none of them is healthy before a second one is there.
      return async () => {
        await Promise.all(etcd.members.map((member) => member.start()));
      };
    },
  },
  'etcd-frozen': {
    what: 'every member of etcd is stopped: connections stay, nothing is answered; then continued',
    lastsS: 30,
    strike({ etcd }) {
      for (const member of etcd.members) member.pause();
      return () => {
        for (const member of etcd.members) member.resume();
        return etcd.waitUntilHealthy();
      };
    },
  },
  'agent-crash': {
    what: "the leader's agent is killed, and started again as by deploy/tanist-agent.service (RestartSec=)",
    lastsS: 0.2,
    strike(_, { agent }) {
      agent.kill('SIGKILL');
      return () => agent.start();
    },
  },
  'machine-busy': {
    what: 'other programs want all cores and all that the disk can do: busy is not dead',
    lastsS: 60,
    strike: ({ folder }) => saturate(folder),
  },
} as const satisfies Readonly<Record<string, OutageFault>>;

export type OutageFaultName = keyof typeof OUTAGE_FAULTS;

type Undo = () => Promise<void> | void;

export interface OutageFault {
  readonly what: string;
  /** From the fault until it is undone, unless asked otherwise. */
  readonly lastsS: number;
  /** Returns what undoes it. */
  strike(cluster: AnyCluster, leader: AnyMember): Promise<Undo> | Undo;
}
