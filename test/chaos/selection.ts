/**
 * What a five-minute check strikes with: each kind of fault once, where it is most likely to show a mistake. Those that `npm test` strikes with
 * as well, on loopback, are left out: a killed server, an etcd that is gone, a leader that no controller reaches.
 */
import type { Wanted } from '#test/chaos/campaign.js';
import type { FaultName } from '#test/chaos/faults/index.js';
import type { EngineKit } from '#test/cluster/engines.js';

const ASYNC: readonly FaultName[] = ['agent-and-database-frozen', 'controller-killed-once-appointed'];
const STRICT: readonly FaultName[] = [
  'host-lost',
  'leader-isolated',
  'agent-frozen',
  'controller-and-leader-lost',
  'etcd-without-majority-mid-failover',
  'heir-killed-once-appointed',
];

/** Where no leader waits for a replica, all of it is async. */
export const selectionOf = ({ lacks }: Pick<EngineKit, 'lacks'>): readonly Wanted[] => [
  ...ASYNC.map((fault) => ({ fault, durability: 'async', runs: 1 }) as const),
  ...STRICT.map(
    (fault) => ({ fault, durability: lacks.confirms === undefined ? 'strict' : 'async', runs: 1 }) as const,
  ),
];
