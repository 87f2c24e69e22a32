/** etcd, as a controller uses it: the election, the plans, and who else is there, over one client. */
import type { EtcdConfig } from '#controller/config.js';
import type { MonotonicMs } from '#core/brand.js';
import type { Election } from '#controller/ports/election.js';
import type { Log } from '#core/log.js';
import type { PlanStore } from '#controller/ports/plan-store.js';
import { EtcdClient } from '#controller/adapters/etcd/client.js';
import { EtcdElection } from '#controller/adapters/etcd/election.js';
import { keysUnder } from '#controller/adapters/etcd/keys.js';
import { EtcdPlanStore } from '#controller/adapters/etcd/plan-store.js';
import { findStandbys, type Standby } from '#controller/adapters/etcd/standbys.js';
import type { ControllerIdentity } from '#controller/adapters/etcd/values.js';

export { checkEtcd } from '#controller/adapters/etcd/check.js';

export interface EtcdDependencies {
  readonly controller: ControllerIdentity;
  /** The clock on which authority is counted. */
  readonly now: () => MonotonicMs;
  readonly log: Log;
}

export interface Etcd {
  readonly election: Election;
  readonly planStore: PlanStore;
  /** Rejects when etcd does not answer. */
  standbys(): Promise<readonly Standby[]>;
  /** Ends the election too. */
  close(): Promise<void>;
}

/** Connects when it is first used. */
export function createEtcd(config: EtcdConfig, { controller, now, log }: EtcdDependencies): Etcd {
  const client = new EtcdClient(config);
  const keys = keysUnder(config.prefix);
  const election = new EtcdElection({ client, keys, controller, now, log });
  return {
    election,
    planStore: new EtcdPlanStore({ client, keys, log }),
    standbys: () => findStandbys(client, keys, log),
    async close() {
      await election.stop();
      client.close();
    },
  };
}
