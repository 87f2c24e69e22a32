/** Who is cut in two: a cluster in our care, and the same servers under Sentinel, each on hosts of its own. */
import { unaccounted } from '#test/chaos/account.js';
import { startChaos } from '#test/chaos/cluster.js';
import { salvagedValues } from '#test/chaos/salvages.js';
import { SENTINEL_TIMINGS, type SentinelTimings } from '#test/bench/sentinel.js';
import { tell } from '#test/bench/numbers.js';
import { REDIS } from '#test/cluster/engines.js';
import { MEMBER_NAMES } from '#test/cluster/members.js';
import { createNetwork, type Network } from '#test/cluster/network.js';
import type { RedisServer } from '#test/cluster/redis.js';
import { startSentinelCluster } from '#test/cluster/sentinel.js';
import type { Attempt } from '#test/load/appenders.js';
import type { SentinelGuide } from '#test/load/sentinel-guide.js';
import type { ProfileName } from '#core/timings.js';
import { ledgerEntryFromJson } from '#proto/codec/json.js';

const WELL_WITHIN_MS = 120_000;
const SIZE = 3;

/** As Redis' documentation advises against what a leader that is cut off takes: it refuses once no replica was heard for so long. */
const MIN_REPLICAS = { 'min-replicas-to-write': '1', 'min-replicas-max-lag': '10' } as const;

export interface Contender {
  readonly network: Network;
  readonly servers: readonly RedisServer[];
  leader(): Promise<RedisServer>;
  /** Until one leads and all others follow it. */
  waitUntilWell(): Promise<void>;
  /** Of clients that speak from this address; undefined: they ask every member. Whoever takes it stops it. */
  guide(from: string): SentinelGuide | undefined;
  account(load: LoadLeft): Promise<Account>;
}

/** What is left of one load. */
export interface LoadLeft {
  /** As the appenders number theirs. */
  readonly run: number;
  readonly attempts: readonly Attempt[];
  /** Values that were acknowledged and are missing. */
  readonly lost: ReadonlySet<number>;
}

export interface Account {
  /** Of the missing, how many were saved where they can be read. */
  readonly salvaged: number;
  /** Of the missing, those that nobody has an account of, or that are not where it says. */
  readonly unaccounted: number;
}

export interface Contest {
  /** In words. */
  readonly who: string;
  readonly peer: 'tanist' | 'sentinel';
  start(): Promise<Contender>;
}

export const tanist = (profile: ProfileName): Contest => ({
  ...{ who: `Tanist, ${profile}`, peer: 'tanist' },
  async start() {
    const durability = { mode: 'async', acknowledgements: 0 } as const;
    const { cluster, network } = await startChaos(REDIS, {
      ...{ members: SIZE, profile, durability, equipment: undefined, progress: tell },
    });
    return {
      ...{ network, servers: cluster.members.map(({ server }) => server), guide: () => undefined },
      leader: async () => (await cluster.leader()).server,
      async waitUntilWell() {
        await cluster.waitUntilWell({ timeoutMs: WELL_WITHIN_MS });
      },
      async account({ run, attempts, lost }) {
        const salvaged = await salvagedValues(cluster, run);
        // As it is stored: positions and times are texts there.
        const ledger = (await cluster.history()).map((entry) => ledgerEntryFromJson(JSON.stringify(entry)));
        return {
          salvaged: [...lost].filter((value) => salvaged?.has(value)).length,
          unaccounted: unaccounted(REDIS, attempts, lost, ledger, salvaged).length,
        };
      },
    };
  },
});

export const sentinels: readonly Contest[] = (['default', 'tuned'] as const).flatMap((timings) => [
  sentinel(timings, false),
  sentinel(timings, true),
]);

function sentinel(timings: SentinelTimings, bounded: boolean): Contest {
  const limits = Object.entries(MIN_REPLICAS).map(([key, value]) => `, ${key} ${value}`);
  return {
    ...{ who: `Sentinel, ${timings}${bounded ? limits.join('') : ''}`, peer: 'sentinel' },
    async start() {
      const network = createNetwork(MEMBER_NAMES.slice(0, SIZE));
      const cluster = await startSentinelCluster({
        ...{ label: 'bench', timings: SENTINEL_TIMINGS[timings], places: network.hosts },
        settings: bounded ? MIN_REPLICAS : {},
      });
      return {
        ...{ network, servers: cluster.servers, leader: cluster.leader },
        waitUntilWell: () => cluster.waitUntilWell({ timeoutMs: WELL_WITHIN_MS }),
        guide: (from) => cluster.guide({ listens: true, from }),
        // Its old leader is copied over, and nobody keeps a book.
        account: ({ lost }) => Promise.resolve({ salvaged: 0, unaccounted: lost.size }),
      };
    },
  };
}
