/** How soon applications follow that find their Redis by Sentinel: each driver as it comes, told by the controllers instead. */
import { finish, type Spread, spread, tell } from '#test/bench/numbers.js';
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import { CLUSTER } from '#test/cluster/configuration.js';
import { type KitName, REDIS } from '#test/cluster/engines.js';
import { freePorts } from '#test/cluster/ports.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import type { RedisServer } from '#test/cluster/redis.js';
import { type AnyMember, startTanistOn, type TanistCluster } from '#test/cluster/tanist.js';
import { startAllWriters, type Writer } from '#test/load/sentinel-drivers.js';

export const STRIKES = ['crash', 'switchover'] as const;

export interface SentinelClientsOptions {
  readonly engine: KitName;
  readonly fault: (typeof STRIKES)[number];
  readonly runs: number;
}

const FOLLOW_WITHIN_MS = 30_000;
const WELL_WITHIN_MS = 60_000;

export async function benchSentinelClients({ fault, runs }: SentinelClientsOptions): Promise<void> {
  const sentinelPorts = await freePorts(3);
  const cluster = await startTanistOn(REDIS, { label: 'bench', sentinelPorts, progress: tell });
  const doors = sentinelPorts.map((port) => ({ host: '127.0.0.1', port }));
  const writers = startAllWriters(CLUSTER, doors);
  const took = new Map<string, number[]>(writers.map(({ name }) => [name, []]));
  let notFollowed = 0;
  try {
    await allAtWork(writers, await cluster.leader());
    for (let run = 1; run <= runs; run += 1) {
      const old = await cluster.leader();
      const from = performance.now();
      for (const writer of writers) writer.forget();
      const struck = strike(fault, cluster, old.server);
      const followed = await Promise.all(
        writers.map(async (writer): Promise<string> => {
          const isElsewhere = (): boolean => ![undefined, old.server.port].includes(writer.port());
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
      tell(`run ${run}: ${followed.join(', ')}`);
      await struck;
      await cluster.waitUntilWell({ epoch: run + 1, timeoutMs: WELL_WITHIN_MS });
      await allAtWork(writers, await cluster.leader());
    }
  } finally {
    await Promise.all(writers.map((writer) => writer.stop()));
    await stopAll();
  }
  const followMs: Readonly<Record<string, Spread | null>> = Object.fromEntries(
    [...took].map(([name, values]) => [name, spread(values)]),
  );
  finish({ engine: 'redis', fault, runs, followMs, notFollowed });
}

async function strike(
  fault: SentinelClientsOptions['fault'],
  cluster: TanistCluster<RedisServer>,
  leader: RedisServer,
): Promise<void> {
  if (fault === 'crash') leader.kill('SIGKILL');
  else await succeed(cluster.tanist, COMMANDS.switchover(cluster));
}

async function allAtWork(writers: readonly Writer[], { server }: AnyMember): Promise<void> {
  await waitFor(() => writers.every((writer) => writer.port() === server.port), {
    ...{ timeoutMs: FOLLOW_WITHIN_MS, what: 'all to write to the leader' },
  });
}
