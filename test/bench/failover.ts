/** One failover per run, of whoever leads, on a cluster that is used again once it is well. */
import type { Client } from 'pg';
import { finish, median, tell, worst } from '#test/bench/numbers.js';
import type { PostgresServer } from '#test/cluster/postgres.js';
import { waitFor } from '#test/cluster/processes.js';
import { startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { longestGap, missing, prepareLoad, readAndWait, startLoad } from '#test/load/writers.js';

export interface FailoverOptions {
  readonly fault: 'crash';
  readonly profile: string;
  readonly runs: number;
  readonly writers: number;
  readonly reader: boolean;
}

interface Run {
  readonly outageMs: number;
  readonly acknowledged: number;
  readonly ackedLost: number;
}

/** Writes acknowledged before the fault, and after service is back; and how long the writers are at it before the fault. */
const STEADY = 100;
const STEADY_MS = 1000;

export async function benchFailover(options: FailoverOptions): Promise<void> {
  const settings: Record<string, string> = options.reader
    ? { max_standby_streaming_delay: '-1', max_standby_archive_delay: '-1' }
    : {};
  const cluster = await startTanist({
    label: 'bench',
    policy: { profile: options.profile },
    settings,
    progress: tell,
  });
  await prepareLoad((await cluster.leader()).server);
  const runs: Run[] = [];
  let epoch = 1;
  for (let i = 1; i <= options.runs; i++) {
    const run = await once(cluster, `run-${i}`, options);
    epoch += 1;
    const entry = (await cluster.history())[0];
    const phases = entry?.phases.map((p) => `${p.phase} ${p.ms}`).join(' → ') ?? '';
    tell(
      `run ${i}: outage ${run.outageMs.toFixed(0)} ms, ${run.acknowledged} acknowledged, ${run.ackedLost} missing (${phases} ms; tail ${entry?.tail.kind ?? '?'})`,
    );
    runs.push(run);
    await cluster.waitUntilWell({ epoch, timeoutMs: 60_000 });
  }
  const outages = runs.map((run) => run.outageMs);
  finish({
    engine: 'postgres',
    fault: options.fault,
    profile: options.profile,
    writers: options.writers,
    reader: options.reader,
    runs: runs.length,
    outageMs: { median: Math.round(median(outages)), max: Math.round(worst(outages)) },
    acknowledged: runs.reduce((sum, run) => sum + run.acknowledged, 0),
    ackedLost: runs.reduce((sum, run) => sum + run.ackedLost, 0),
  });
}

async function once(cluster: TanistCluster, name: string, options: FailoverOptions): Promise<Run> {
  const old = await cluster.leader();
  const servers = [old, ...cluster.members.filter((m) => m !== old)].map((m) => m.server);
  const readers = options.reader ? await holdBackReplay(servers) : [];
  const load = startLoad(servers, name, { writers: options.writers, pauseMs: options.writers === 1 ? 5 : 0 });
  try {
    const began = performance.now();
    const written = (by: 'old' | 'heir'): number =>
      load.acknowledged.filter((a) => (a.server === old.name) === (by === 'old')).length;
    await waitFor(() => written('old') >= STEADY && performance.now() - began >= STEADY_MS, {
      timeoutMs: 60_000,
      what: 'steady writes before the fault',
    });
    old.server.kill('SIGKILL');
    await waitFor(() => written('heir') >= STEADY, { timeoutMs: 60_000, what: 'writes on the heir' });
  } finally {
    await load.stop();
    for (const reader of readers) await reader.end().catch(() => undefined);
  }
  const heir = cluster.member(load.acknowledged.at(-1)?.server ?? '');
  const lost = await missing(heir.server, name, load.acknowledged);
  return {
    outageMs: longestGap(load.acknowledged),
    acknowledged: load.acknowledged.length,
    ackedLost: lost.length,
  };
}

/** A session on each replica holds a lock that the leader's next change of the table cannot be applied against. */
async function holdBackReplay(servers: readonly PostgresServer[]): Promise<readonly Client[]> {
  const [leader, ...replicas] = servers;
  await leader?.query('create table if not exists held (n int)');
  for (const replica of replicas) {
    await waitFor(
      async () => (await replica.query("select 1 from pg_class where relname = 'held'")).length === 1,
      {
        timeoutMs: 10_000,
        what: `the table held on ${replica.name}`,
      },
    );
  }
  const readers = await Promise.all(replicas.map((replica) => readAndWait(replica.port)));
  await leader?.query('truncate held');
  return readers;
}
