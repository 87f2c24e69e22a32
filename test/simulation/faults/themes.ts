/**
 * What befalls one seed: swarm testing. Each seed draws a few kinds of trouble and how fast they come; kinds that need each other meet in a
 * seed that has little else. Whenever a leader is open, something that takes it away is likely to be next: failovers are what is tested.
 */
import type { FaultName } from '#test/simulation/faults/faults.js';
import type { Waits } from '#test/simulation/world.js';
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
    'replica-writes-by-itself',
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
  machines: ['host-stopped', 'host-asleep', 'host-lost', 'disk-stalled', 'disk-full', 'memory-refused'],
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
  people: [
    'operator-asks',
    'operator-asks',
    'replica-copied-anew',
    'database-shut-down',
    'agent-restarted',
    'controller-restarted',
  ],
} as const satisfies Readonly<Record<string, readonly FaultName[]>>;

/** What takes a leader away. */
const ENDS: readonly FaultName[] = [
  'database-killed',
  'database-killed',
  'database-killed',
  'database-and-agent-killed',
  'host-lost',
  'leader-and-replica-lost',
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
  readonly durability: Waits;
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

/** A theme before it is drawn: what may befall it, and how likely each of that is. */
interface Kind {
  readonly isControlPlaneOnly?: boolean;
  readonly durability: Waits;
  readonly troubles: readonly FaultName[];
  readonly troubleShare: readonly number[];
  readonly ends: readonly FaultName[];
  readonly endsShare: number;
  readonly endShare: number;
  readonly haste: readonly number[];
  readonly pauseMs: readonly number[];
}

/** Nothing but leaders that die and are replaced: what the most failovers are like. On an ordinary day readers hold the replay up. */
const PLAIN: Kind = {
  durability: 'any',
  troubles: ['replay-paused'],
  troubleShare: [1],
  ends: ['database-killed', 'database-killed', 'database-and-agent-killed', 'switchover'],
  endsShare: 0.7,
  endShare: 0.8,
  haste: [0.2],
  pauseMs: [200, 400],
};

/** Leaders whose leases run out, or nearly, while those who decide about them are in trouble themselves. */
const LAPSES: Kind = {
  durability: 'async',
  troubles: [
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
  ],
  troubleShare: [0.1, 0.4],
  ends: [
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
  ],
  endsShare: 0.7,
  endShare: 0.5,
  haste: [0.2, 0.5],
  // What takes a lease and a promise to play is left alone for as long, now and then.
  pauseMs: [300, 1000, 3000],
};

/** Appointments that are half done when their heir, their controller or etcd fails. */
const OPENINGS: Kind = {
  durability: 'async',
  troubles: [
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
  ],
  troubleShare: [0.15, 0.5],
  ends: [
    'database-killed',
    'database-and-agent-killed',
    'host-lost',
    'leader-cut-from-controllers',
    'agent-stopped',
    'leader-killed-and-heir-stopped',
    'leader-killed-and-heir-stopped',
    'leader-killed-and-heir-cut-off',
  ],
  endsShare: 0.6,
  endShare: 0.5,
  haste: [0.5],
  pauseMs: [700, 1500, 2500],
};

/** Messages that are lost, doubled and overtaken, while one leader follows on the other. */
const FOUL: Kind = {
  durability: 'any',
  troubles: [
    'network-foul',
    'network-foul',
    'network-foul',
    'network-slow',
    'promotion-refused',
    'promotion-slow',
    'controller-killed',
    'agent-killed',
  ],
  troubleShare: [0.5, 0.8],
  ends: ['database-killed', 'database-killed', 'database-and-agent-killed', 'switchover', 'operator-asks'],
  endsShare: 0.7,
  endShare: 0.5,
  haste: [0.5],
  pauseMs: [200, 400, 800],
};

/** Every write waits for replicas, some of which are slow or cut off; leaders fall silent with their database running on. */
const CONFIRMED: Kind = {
  durability: 'confirmed',
  troubles: [
    'replication-cut',
    'one-link-cut',
    'member-isolated',
    'disk-stalled',
    'replay-paused',
    'network-slow',
    'replica-copied-anew',
    'replica-unwatched',
    'replicas-agents-restarted',
  ],
  troubleShare: [0.3, 0.6],
  ends: [
    'leader-unwatched',
    'leader-unwatched',
    'agent-stopped',
    'agent-killed',
    'leader-cannot-speak',
    'leader-keeps-one-replica',
    'database-and-agent-killed',
    'host-lost',
    'leader-and-replica-lost',
    'network-split',
  ],
  endsShare: 0.7,
  endShare: 0.5,
  haste: [0.3, 0.6],
  pauseMs: [200, 1000, 3000],
};

const CONTROL_PLANE_FAULTS: readonly FaultName[] = [
  'controller-killed',
  'controllers-lost',
  'controller-stopped',
  'controller-restarted',
  'controller-cut-from-etcd',
  'leader-cut-from-controllers',
  ...GROUPS.store,
];
const CONTROL_PLANE: Kind = {
  isControlPlaneOnly: true,
  durability: 'async',
  troubles: CONTROL_PLANE_FAULTS,
  troubleShare: [0.5],
  ends: CONTROL_PLANE_FAULTS,
  endsShare: 1,
  endShare: 0.5,
  haste: [1],
  pauseMs: [400, 1500],
};

const KINDS = {
  plain: (random) => drawOf(PLAIN, random),
  lapses: (random) => drawOf(LAPSES, random),
  openings: (random) => drawOf(OPENINGS, random),
  confirmed: (random) => drawOf(CONFIRMED, random),
  foul: (random) => drawOf(FOUL, random),
  'control-plane': (random) => drawOf(CONTROL_PLANE, random),
  general: drawGeneral,
} as const satisfies Readonly<Record<string, (random: Random) => Theme>>;

export type KindName = keyof typeof KINDS;

/** `kind` undefined: any. */
export function drawTheme(random: Random, kind?: KindName): Theme {
  return KINDS[kind ?? drawKind(random)](random);
}

function drawKind(random: Random): KindName {
  if (random.chance(0.3)) return 'plain';
  if (random.chance(0.3)) return 'lapses';
  if (random.chance(0.15)) return 'openings';
  if (random.chance(0.15)) return 'confirmed';
  if (random.chance(0.1)) return 'foul';
  if (random.chance(0.1)) return 'control-plane';
  return 'general';
}

function drawGeneral(random: Random): Theme {
  const groups = Object.values(GROUPS).filter(() => random.chance(0.3));
  const theme = drawOf(
    {
      durability: 'any',
      troubles: groups.flat(),
      troubleShare: [0.3, 0.6, 1],
      ends: ENDS,
      endsShare: 0.4,
      endShare: random.pick([0.3, 0.6, 0.8]),
      haste: [0.25, 0.5, 1],
      pauseMs: [200, 400, 800, 1500],
    },
    random,
  );
  return theme.troubles.length === 0 ? { ...theme, endShare: 1 } : theme;
}

function drawOf(kind: Kind, random: Random): Theme {
  const { isControlPlaneOnly = false, durability, endShare } = kind;
  const ends = kind.ends.filter(() => random.chance(kind.endsShare));
  const troubleShare = random.pick(kind.troubleShare);
  return {
    isControlPlaneOnly,
    durability,
    troubles: kind.troubles.filter(() => random.chance(troubleShare)),
    ends: ends.length === 0 ? [random.pick(kind.ends)] : ends,
    endShare,
    haste: random.pick(kind.haste),
    pauseMs: random.pick(kind.pauseMs),
  };
}
