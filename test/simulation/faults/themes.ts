/**
 * What befalls one seed: swarm testing. Each seed draws a few kinds of trouble and how fast they come; kinds that need each other meet in a
 * seed that has little else. Whenever a leader is open, something that takes it away is likely to be next: failovers are what is tested.
 */
import type { FaultName } from '#test/simulation/faults/faults.js';
import type { Random } from '#test/simulation/world/random.js';

const GROUPS = {
  databases: [
    'database-killed',
    'database-stopped',
    'database-shut-down',
    'database-restarted-by-somebody',
    'replay-paused',
    'promotion-slow',
    'promotion-refused',
    'fence-stubborn',
    'rewind-fails',
  ],
  agents: [
    'agent-killed',
    'agent-stopped',
    'agent-restarted',
    'memory-lost',
    'machine-copied',
    'guard-killed',
    'guard-stopped',
    'database-and-agent-stopped',
    'database-and-agent-killed',
  ],
  machines: ['host-stopped', 'host-asleep', 'host-lost', 'disk-stalled', 'disk-full'],
  controllers: [
    'controller-killed',
    'controller-stopped',
    'controller-restarted',
    'controller-cut-from-etcd',
    'election-key-deleted',
    'leader-and-active-isolated',
    'controllers-lost',
    'leader-cut-off-by-and-by',
  ],
  store: [
    'etcd-leader-change',
    'etcd-ambiguous',
    'etcd-late',
    'etcd-deaf',
    'etcd-slow',
    'etcd-restored',
    'etcd-restored-under-controllers',
    'election-key-deleted',
  ],
  network: [
    'leader-cut-from-controllers',
    'leader-cannot-speak',
    'member-isolated',
    'replication-cut',
    'network-split',
    'one-link-cut',
    'network-slow',
    'network-foul',
  ],
  people: ['operator-asks', 'operator-asks', 'database-shut-down', 'agent-restarted', 'controller-restarted'],
} as const satisfies Readonly<Record<string, readonly FaultName[]>>;

/** What takes a leader away. */
const ENDS: readonly FaultName[] = [
  'database-killed',
  'database-killed',
  'database-killed',
  'database-and-agent-killed',
  'host-lost',
  'member-isolated',
  'leader-cut-from-controllers',
  'leader-cannot-speak',
  'agent-stopped',
  'database-stopped',
  'operator-asks',
];

export interface Theme {
  /** INV-9: whatever befalls it, a leader stays open. */
  readonly isControlPlaneOnly: boolean;
  /** No write waits for a replica: two open leaders do harm at once. */
  readonly isAsync: boolean;
  /** What else befalls it. */
  readonly troubles: readonly FaultName[];
  readonly ends: readonly FaultName[];
  /** Of all faults, while a leader is open. */
  readonly endShare: number;
  /** By how much shorter they are. */
  readonly haste: number;
  /** About how long between two faults, ms. */
  readonly pauseMs: number;
}

/** Leaders whose leases run out, or nearly, while those who decide about them are in trouble themselves. */
const LAPSES: readonly FaultName[] = [
  'leader-cut-off-by-and-by',
  'leader-cut-off-by-and-by',
  'leader-cannot-speak',
  'leader-and-active-isolated',
  'leader-keeps-one-replica',
  'answers-late',
  'answers-late',
  'leader-cut-off-beside-a-stopped-guard',
  'leader-held-and-cut-off',
  'member-isolated',
  'agent-stopped',
];
const AROUND_LAPSES: readonly FaultName[] = [
  ...GROUPS.store,
  'controller-stopped',
  'controller-cut-from-etcd',
  'leader-cut-from-one-controller',
  'leader-cut-from-one-controller',
  'next-heir-away',
  'replicas-agents-restarted',
  'network-slow',
  'network-slow',
  'agent-killed',
  'memory-lost',
  'guard-stopped',
];

/** Appointments that are half done when their heir, their controller or etcd fails. */
const OPENINGS: readonly FaultName[] = [
  'database-killed',
  'database-and-agent-killed',
  'host-lost',
  'leader-cut-from-controllers',
  'agent-stopped',
];
const AROUND_OPENINGS: readonly FaultName[] = [
  'next-heir-away',
  'next-heir-away',
  'next-heir-away',
  'etcd-slow',
  'etcd-late',
  'etcd-deaf',
  'promotion-slow',
  'promotion-refused',
  'controller-stopped',
  'controller-killed',
  'controller-cut-from-etcd',
  'election-key-deleted',
  'leader-cut-from-one-controller',
  'network-slow',
  'network-foul',
];

const CONTROL_PLANE: readonly FaultName[] = [
  'controller-killed',
  'controllers-lost',
  'controller-stopped',
  'controller-restarted',
  'controller-cut-from-etcd',
  'leader-cut-from-controllers',
  ...GROUPS.store,
];

/** Nothing but leaders that die and are replaced: what the most failovers are like. */
const PLAIN: readonly FaultName[] = [
  'database-killed',
  'database-killed',
  'database-and-agent-killed',
  'switchover',
];

/** What an ordinary day is like: readers hold the replay up. */
const PLAIN_TROUBLES: readonly FaultName[] = ['replay-paused'];

export function drawTheme(random: Random): Theme {
  if (random.chance(0.3)) {
    const ends = PLAIN.filter(() => random.chance(0.7));
    return {
      isControlPlaneOnly: false,
      isAsync: false,
      troubles: PLAIN_TROUBLES,
      ends: ends.length === 0 ? PLAIN : ends,
      endShare: 0.8,
      haste: 0.2,
      pauseMs: random.pick([200, 400]),
    };
  }
  if (random.chance(0.3)) {
    return {
      isControlPlaneOnly: false,
      isAsync: true,
      troubles: AROUND_LAPSES.filter(() => random.chance(0.4)),
      ends: LAPSES.filter(() => random.chance(0.7)),
      endShare: 0.5,
      haste: random.pick([0.2, 0.5]),
      pauseMs: random.pick([200, 500, 1000]),
    };
  }
  if (random.chance(0.15)) {
    return {
      isControlPlaneOnly: false,
      isAsync: true,
      troubles: AROUND_OPENINGS.filter(() => random.chance(0.5)),
      ends: OPENINGS.filter(() => random.chance(0.6)),
      endShare: 0.5,
      haste: 0.5,
      pauseMs: random.pick([700, 1500, 2500]),
    };
  }
  if (random.chance(0.1)) {
    const troubles = CONTROL_PLANE.filter(() => random.chance(0.5));
    return {
      isControlPlaneOnly: true,
      isAsync: true,
      troubles,
      ends: CONTROL_PLANE,
      endShare: 0.5,
      haste: 1,
      pauseMs: random.pick([400, 1500]),
    };
  }
  const groups = Object.values(GROUPS).filter(() => random.chance(0.3));
  const share = random.pick([0.3, 0.6, 1]);
  const troubles = groups.flat().filter(() => random.chance(share));
  const ends = ENDS.filter(() => random.chance(0.4));
  return {
    isControlPlaneOnly: false,
    isAsync: false,
    troubles,
    ends: ends.length === 0 ? [random.pick(ENDS)] : ends,
    endShare: troubles.length === 0 ? 1 : random.pick([0.3, 0.6, 0.8]),
    haste: random.pick([0.25, 0.5, 1]),
    pauseMs: random.pick([200, 400, 800, 1500]),
  };
}
