// The contract of the ports to etcd on the simulator's models, in virtual time.
import { createEtcdModelBed } from '#test/contract/etcd-model-bed.js';
import { etcdContract } from '#test/contract/etcd/suite.js';

/** Every seed draws other delays. */
for (const seed of [1, 2, 3, 4, 5])
  etcdContract(`the model, seed ${seed}`, async () => createEtcdModelBed(seed));
