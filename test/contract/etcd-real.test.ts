// The contract of the ports to etcd on a real etcd of Debian, with the real adapters.
import { afterAll, beforeAll } from 'vitest';
import { type EtcdCluster, startEtcd } from '#test/cluster/etcd.js';
import { createRunFolder, stopAll } from '#test/cluster/processes.js';
import { createEtcdBed } from '#test/contract/etcd-bed.js';
import { etcdContract } from '#test/contract/etcd/suite.js';

let etcd: EtcdCluster;
beforeAll(async () => {
  etcd = await startEtcd({ dir: createRunFolder('etcd-contract') });
}, 30_000);
afterAll(stopAll, 30_000);

etcdContract('etcd', async () => createEtcdBed(etcd, etcd.members[0]!));
