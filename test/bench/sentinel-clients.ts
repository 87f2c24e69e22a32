/**
 * How soon applications follow that find their Redis by Sentinel: each driver as it comes, told by the controllers instead; and beside it by real
 * Sentinels.
 */
import { finish, type Spread, spread, tell } from '#test/bench/numbers.js';
import { SENTINEL_TIMINGS } from '#test/bench/sentinel.js';
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import { CLUSTER } from '#test/cluster/configuration.js';
import { type KitName, REDIS } from '#test/cluster/engines.js';
import { freePorts } from '#test/cluster/ports.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import type { RedisServer } from '#test/cluster/redis.js';
import { startSentinelCluster } from '#test/cluster/sentinel.js';
import { startTanistOn } from '#test/cluster/tanist.js';
import { type Door, startAllWriters, type Writer } from '#test/load/sentinel-drivers.js';

export const STRIKES = ['crash', 'switchover'] as const;
type Strike = (typeof STRIKES)[number];

export interface SentinelClientsOptions {
  readonly engine: KitName;
  readonly fault: Strike;
  readonly runs: number;
  readonly compare?: 'sentinel';
}

/** Tuned Sentinels take two seconds and more, and another vote where the first one was split. */
const FOLLOW_WITHIN_MS = 60_000;
const WELL_WITHIN_MS = 60_000;

/** Whoever appoints leaders here, and is asked by drivers. */
interface Watched {
  readonly who: string;
  readonly master: string;
  readonly doors: readonly Door[];
  leader(): Promise<RedisServer>;
  /** Resolves once it is known to be done. */
  strike(leader: RedisServer): Promise<unknown>;
  /** Once all have followed: until it can be struck again. */
  heal(old: RedisServer, run: number): Promise<unknown>;
}

interface Figures {
  readonly who: string;
  readonly runs: number;
  readonly followMs: Readonly<Record<string, Spread | null>>;
  readonly notFollowed: number;
  /** By driver: all writes, those that ended in an error for the application, and what the leader has of them in the end. */
  readonly writes: Readonly<Record<string, Writes>>;
}

interface Writes {
  readonly acknowledged: number;
  readonly errors: number;
  /** Acknowledged, and not there: by a leader that was one no more, or before its replicas had it. */
  readonly missing: number;
  /** There, though the application got an error. */
  readonly unanswered: number;
  /** There more than once: the driver repeated what was done. */
  readonly twice: number;
}

export async function benchSentinelClients(options: SentinelClientsOptions): Promise<void> {
  const { fault, runs, compare } = options;
  const ours = await measure(await startOurs(fault), runs);
  const compared = compare === undefined ? [] : [await measure(await startTheirs(fault), runs)];
  finish({ engine: 'redis', fault, ...ours, ...(compare !== undefined && { compared }) });
}

async function startOurs(fault: Strike): Promise<Watched> {
  const ports = await freePorts(3);
  const cluster = await startTanistOn(REDIS, { label: 'bench', sentinelPorts: ports, progress: tell });
  return {
    who: 'Tanist, balanced',
    master: CLUSTER,
    doors: ports.map((port) => ({ host: '127.0.0.1', port })),
    leader: async () => (await cluster.leader()).server,
    async strike(leader) {
      if (fault === 'crash') leader.kill('SIGKILL');
      else await succeed(cluster.tanist, COMMANDS.switchover(cluster));
    },
    heal: (_, run) => cluster.waitUntilWell({ epoch: run + 1, timeoutMs: WELL_WITHIN_MS }),
  };
}

async function startTheirs(fault: Strike): Promise<Watched> {
  tell('now real Sentinels, tuned: down-after 1 s, failover-timeout 5 s');
  const cluster = await startSentinelCluster({ label: 'peer', timings: SENTINEL_TIMINGS.tuned });
  return {
    ...{ who: 'Sentinel, tuned', master: cluster.name, doors: cluster.doors, leader: cluster.leader },
    async strike(leader) {
      if (fault === 'crash') leader.kill('SIGKILL');
      else await cluster.switchOver();
    },
    async heal(old) {
      if (fault === 'crash') await old.start();
      await cluster.waitUntilWell({ timeoutMs: WELL_WITHIN_MS });
    },
  };
}

async function measure(watched: Watched, runs: number): Promise<Figures> {
  const { who, master, doors } = watched;
  const writers = startAllWriters(master, doors);
  const took = new Map<string, number[]>(writers.map(({ name }) => [name, []]));
  let notFollowed = 0;
  let writes: readonly (readonly [string, Writes])[] = [];
  try {
    await allAtWork(writers, await watched.leader());
    for (let run = 1; run <= runs; run += 1) {
      const old = await watched.leader();
      const from = performance.now();
      for (const writer of writers) writer.forget();
      const struck = watched.strike(old);
      const followed = await Promise.all(
        writers.map(async (writer): Promise<string> => {
          const isElsewhere = (): boolean => ![undefined, old.port].includes(writer.port());
          try {
            await waitFor(isElsewhere, { timeoutMs: FOLLOW_WITHIN_MS, everyMs: 5, what: writer.name });
          } catch {
            notFollowed += 1;
            return `${writer.name} not: ${writer.failure()}`;
          }
          const ms = performance.now() - from;
          took.get(writer.name)?.push(ms);
          return `${writer.name} ${Math.round(ms)} ms`;
        }),
      );
      tell(`${who}, run ${run}: ${followed.join(', ')}`);
      await struck;
      await watched.heal(old, run);
      await allAtWork(writers, await watched.leader());
    }
    const leader = await watched.leader();
    await Promise.all(writers.map((writer) => writer.stop()));
    writes = await Promise.all(
      writers.map(async (writer) => [writer.name, await writesOf(writer, leader)] as const),
    );
    tell(writes.map(([name, counts]) => `${name}: ${inWords(counts)}`).join('\n'));
  } finally {
    await Promise.all(writers.map((writer) => writer.stop()));
    await stopAll();
  }
  const followMs = Object.fromEntries([...took].map(([name, values]) => [name, spread(values)]));
  return { who, runs, followMs, notFollowed, writes: Object.fromEntries(writes) };
}

async function writesOf({ key, acknowledged, failures }: Writer, leader: RedisServer): Promise<Writes> {
  const list = ((await leader.send('LRANGE', key, '0', '-1')) as readonly string[]).map(Number);
  const [there, told] = [new Set(list), new Set(acknowledged)];
  return {
    ...{ acknowledged: acknowledged.length, errors: failures() },
    missing: acknowledged.filter((number) => !there.has(number)).length,
    unanswered: [...there].filter((number) => !told.has(number)).length,
    twice: list.length - there.size,
  };
}

const inWords = (writes: Writes): string =>
  Object.entries(writes)
    .map(([what, count]) => `${String(count)} ${what}`)
    .join(', ');

async function allAtWork(writers: readonly Writer[], leader: RedisServer): Promise<void> {
  await waitFor(() => writers.every((writer) => writer.port() === leader.port), {
    ...{ timeoutMs: FOLLOW_WITHIN_MS, what: 'all to write to the leader' },
  });
}
