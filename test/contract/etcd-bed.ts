/** A bed for the etcd contract made of a real etcd, with the real adapters, each behind a line of its own. */
import { setTimeout as sleep } from 'node:timers/promises';
import { waitingNow } from '#controller/adapters/clock.js';
import type { EtcdCluster, EtcdMember } from '#test/cluster/etcd.js';
import { waitFor } from '#test/cluster/processes.js';
import type { EtcdBed } from '#test/contract/etcd/harness.js';
import { controller, etcdConfig, etcdctl, lineTo } from '#test/contract/etcd-support.js';

const WAIT_MS = 15_000;
const LOOK_EVERY_MS = 5;

/** Below a prefix of its own, on an etcd with one member. */
export function createEtcdBed({ endpoints }: EtcdCluster, member: EtcdMember): EtcdBed {
  const config = etcdConfig(endpoints);
  const operator = etcdctl(config);
  const waitUntil: EtcdBed['waitUntil'] = async (what, condition) => {
    await waitFor(condition, { timeoutMs: WAIT_MS, what, everyMs: LOOK_EVERY_MS });
  };
  let generation = 0;
  return {
    async controller(name, host = name) {
      const line = await lineTo(member.endpoint);
      const { election, planStore, standbys } = controller(
        name,
        { ...config, endpoints: [line.endpoint] },
        { host },
      );
      return {
        ...{ name, election, planStore, now: waitingNow },
        standbys: async () => (await standbys()).map((standby) => standby.host),
        ...{ cut: line.cut, deafen: line.deafen, mend: line.mend },
        deafenOnceElected: () => line.loseAnswersAfter(`"controller": "${name}"`),
      };
    },
    now: waitingNow,
    pass: (ms) => sleep(ms),
    waitUntil,
    deleteElectionKey: () => operator.delete('election/leader'),
    async raiseGeneration() {
      generation += 1;
      await operator.put('generation', String(generation));
    },
    pause: () => member.pause(),
    resume: () => member.resume(),
    async changeLeader() {
      member.kill('SIGKILL');
      await waitUntil('etcd to die', () => member.pid() === undefined);
      await member.start();
    },
    stop: async () => member.resume(),
  };
}
