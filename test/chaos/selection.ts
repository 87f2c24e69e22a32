/** What a ten-minute check strikes with: each kind of fault once, where it is most likely to show a mistake. */
import type { Wanted } from '#test/chaos/campaign.js';
import type { FaultName } from '#test/chaos/faults/index.js';

const ASYNC: readonly FaultName[] = [
  'database-killed',
  'agent-and-database-frozen',
  'leader-cut-from-controllers',
  'controller-killed-once-appointed',
];
const STRICT: readonly FaultName[] = [
  'host-lost',
  'leader-isolated',
  'agent-frozen',
  'replication-link-cut',
  'controller-and-leader-lost',
  'etcd-gone',
  'etcd-without-majority-mid-failover',
  'heir-killed-once-appointed',
];

export const SELECTION: readonly Wanted[] = [
  ...ASYNC.map((fault) => ({ fault, durability: 'async', runs: 1 }) as const),
  ...STRICT.map((fault) => ({ fault, durability: 'strict', runs: 1 }) as const),
];
