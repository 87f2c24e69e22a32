/**
 * A member whose data is no part of the leader's history any more, or is to be replaced: how long until it follows again. By a rewind, where the
 * leader died with a few thousand rows that nobody else had; by a copy, as `tanist reinit` makes one, beside pg_basebackup by hand.
 */
import { readFileSync } from 'node:fs';
import { setTimeout as sleep } from 'node:timers/promises';
import { finish, spread, tell } from '#test/bench/numbers.js';
import { watchRejoin } from '#test/bench/rejoin.js';
import { succeed } from '#test/cluster/command-line.js';
import { cloneReplica } from '#test/cluster/postgres.js';
import { sendSignal, waitFor } from '#test/cluster/processes.js';
import { type Member, startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { prepareLoad, startLoad } from '#test/load/writers.js';

export const WAYS = ['rewind', 'copy'] as const;
export type Way = (typeof WAYS)[number];

export interface ComeBackOptions {
  readonly way: Way;
  readonly runs: number;
  readonly writers: number;
  readonly rows: number;
  readonly megabytes: number;
}

const WITHIN_MS = 60_000;
const FILLED_WITHIN_MS = 600_000;
const FILLED_AT_ONCE_MB = 64;
const COPIED_WITHIN_MS = 600_000;
/** Beside which nothing is to be saved: what writes there has settled down. */
const SETTLED_AFTER_MS = 1_000;

export async function benchComeBack(options: ComeBackOptions): Promise<void> {
  const cluster = await startTanist({
    label: 'bench',
    // All members share one disk here: what is written for a copy keeps the leader waiting for longer than it would on its own.
    policy: { profile: options.way === 'copy' ? 'patient' : 'balanced' },
    settings: { max_wal_size: '8GB', wal_keep_size: '64MB' },
    progress: tell,
  });
  await prepareLoad((await cluster.leader()).server);
  finish(await BENCHES[options.way](cluster, options));
}

const BENCHES: Readonly<Record<Way, (cluster: TanistCluster, options: ComeBackOptions) => Promise<object>>> =
  { rewind: benchRewind, copy: benchCopy };

// --- rewind

async function benchRewind(
  cluster: TanistCluster,
  { runs, writers, rows }: ComeBackOptions,
): Promise<object> {
  const backMs: number[] = [];
  const rewindMs: number[] = [];
  const { server } = await cluster.leader();
  await server.query('create table alone (run int, number int, text text)');
  for (let run = 1; run <= runs; run++) {
    const old = await cluster.leader();
    const before = (await cluster.status()).clusters[0]?.epoch ?? 0;
    await dieWithRows(old, run, rows);
    const heir = await heirOf(cluster, before);
    const servers = [heir, ...cluster.members.filter((each) => each !== heir)].map((each) => each.server);
    const load = writers === 0 ? undefined : startLoad(servers, `run-${run}`, { writers, pauseMs: 0 });
    try {
      await sleep(SETTLED_AFTER_MS);
      const revivedAt = performance.now();
      old.revive();
      const back = await watchRejoin(cluster, old, revivedAt);
      if (back.kind === 'away') throw new Error(`${old.name} is not back: ${back.problem}`);
      backMs.push(back.ms);
    } finally {
      await load?.stop();
    }
    const parts = rewoundIn(old);
    const tookMs = Object.values(parts).reduce((sum, ms) => sum + ms, 0);
    rewindMs.push(tookMs);
    await cluster.waitUntilWell({ timeoutMs: WITHIN_MS });
    const told = Object.entries(parts).map(([part, ms]) => `${part} ${ms}`);
    tell(`run ${run}: back after ${rounded(backMs)} ms, rewound in ${tookMs} ms (${told.join(', ')})`);
  }
  return { way: 'rewind', runs, writers, rows, backMs: spread(backMs), rewindMs: spread(rewindMs) };
}

/** What it writes last nobody receives: its senders stand still. */
async function dieWithRows({ server, kill }: Member, run: number, rows: number): Promise<void> {
  for (const { pid } of await server.query<{ pid: number }>('select pid from pg_stat_replication'))
    sendSignal(pid, 'SIGSTOP');
  await server.query(`insert into alone select ${run}, n, 'row ' || n from generate_series(1, ${rows}) as n`);
  await kill();
}

async function heirOf(cluster: TanistCluster, before: number): Promise<Member> {
  const proved = async (): Promise<Member | undefined> => {
    const [entry] = await cluster.history();
    const isProved = Number(entry?.epoch ?? 0) > before && entry?.outcome === 'proved';
    return isProved ? cluster.member(entry.leader) : undefined;
  };
  return waitFor(proved, { timeoutMs: WITHIN_MS, what: 'an heir' });
}

/** How long each part of its last rewind took, by its agent's own log. */
function rewoundIn({ agent }: Member): Readonly<Record<string, number>> {
  const line = readFileSync(agent.logFile, 'utf8')
    .split('\n')
    .findLast((each) => each.includes('"REWOUND"'));
  if (line === undefined) throw new Error('it was not rewound');
  const fields = Object.entries(JSON.parse(line) as Record<string, unknown>);
  return Object.fromEntries(
    fields.flatMap(([name, value]) =>
      name.endsWith('Ms') && typeof value === 'number' ? [[name, value]] : [],
    ),
  );
}

const rounded = (values: readonly number[]): string => (values.at(-1) ?? Number.NaN).toFixed(0);

// --- copy

async function benchCopy(cluster: TanistCluster, { runs, megabytes }: ComeBackOptions): Promise<object> {
  const leader = await cluster.leader();
  tell(`writing ${megabytes} MB of data`);
  await fill(leader.server, megabytes);
  const replicas = cluster.members.filter((member) => member !== leader);
  for (const { server } of replicas) await untilFilled(server, megabytes);
  const [size] = await leader.server.query<{ bytes: number }>(
    'select sum(pg_database_size(oid))::float8 as bytes from pg_database',
  );
  const copyMs: number[] = [];
  const byHandMs: number[] = [];
  let bars = 0;
  for (let run = 1; run <= runs; run++) {
    const byHandAt = performance.now();
    await cloneReplica(leader.server, { name: `by-hand-${run}` });
    byHandMs.push(performance.now() - byHandAt);
    const [replica = leader] = replicas;
    const epoch = (await cluster.status()).clusters[0]?.epoch ?? null;
    const began = performance.now();
    await succeed(cluster.tanist, ['reinit', cluster.name, replica.name]);
    bars += await watchCopy(cluster, replica, epoch);
    copyMs.push(performance.now() - began);
    tell(`run ${run}: copied in ${rounded(copyMs)} ms, by hand ${rounded(byHandMs)} ms`);
  }
  const figures = { copyMs: spread(copyMs), byHandMs: spread(byHandMs), progressBars: bars };
  return { way: 'copy', runs, bytes: size?.bytes ?? null, ...figures };
}

/** Rows of 1 KB that do not get smaller, in statements of a few seconds. */
async function fill(server: Member['server'], megabytes: number): Promise<void> {
  await server.query('create table filler (n int, text text)');
  for (let done = 0; done < megabytes; done += FILLED_AT_ONCE_MB) {
    const rows = Math.min(FILLED_AT_ONCE_MB, megabytes - done) * 1024;
    await server.query(
      `insert into filler select n, repeat(md5(n::text), 30) from generate_series(1, ${rows}) as n`,
    );
  }
  await server.query('create table filled (megabytes int)');
  await server.query(`insert into filled values (${megabytes})`);
}

async function untilFilled(server: Member['server'], megabytes: number): Promise<void> {
  const isFilled = (): Promise<boolean> =>
    server.query('select from filled where megabytes = $1', [megabytes]).then(
      (rows) => rows.length > 0,
      () => false, // not created there yet
    );
  await waitFor(isFilled, { timeoutMs: FILLED_WITHIN_MS, everyMs: 200, what: 'the data at a replica' });
}

/** Shows the bar as people see it; answers how many different ones there were. Ends once the copy follows. */
async function watchCopy(cluster: TanistCluster, { name }: Member, epoch: number | null): Promise<number> {
  const seen = new Set<string>();
  let current: number | null | undefined = epoch;
  const isBack = async (): Promise<boolean> => {
    const text = await succeed(cluster.tanist, ['status', cluster.name]);
    const bar = text.split('\n').find((line) => line.includes(`${name}: copied from`));
    if (bar !== undefined && !seen.has(bar)) tell(bar);
    if (bar !== undefined) seen.add(bar);
    const [shown] = (await cluster.status()).clusters;
    current = shown?.epoch;
    const member = shown?.members.find((each) => each.name === name);
    return seen.size > 0 && bar === undefined && member?.streaming === true && member.problem === null;
  };
  await waitFor(isBack, {
    ...{ timeoutMs: COPIED_WITHIN_MS, everyMs: 500, what: `the copy at ${name} to follow` },
    giveUp: () => (current === epoch ? undefined : 'the leader was replaced meanwhile'),
  });
  return seen.size;
}
