/** Clients that know one address, a pooler's or a proxy's, and what a switchover or a failover is to them. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { FAULTS, type FaultName } from '#test/bench/faults.js';
import { finish, spread, tell } from '#test/bench/numbers.js';
import { pauseOf, STEADY, writeSteadily } from '#test/bench/run.js';
import { startHaproxy } from '#test/cluster/haproxy.js';
import { startPgbouncer } from '#test/cluster/pgbouncer.js';
import { waitFor } from '#test/cluster/processes.js';
import { createRouter } from '#test/cluster/router.js';
import { startTanist, type TanistCluster } from '#test/cluster/tanist.js';
import { postgresClients } from '#test/load/clients/postgres.js';
import { prepareWaits, rowsOfWaits, startPgbench } from '#test/load/pgbench-waits.js';
import { longestGap, missing, prepareLoad, startLoad } from '#test/load/writers.js';

export const WAYS_THROUGH = ['pgbouncer', 'haproxy', 'haproxy-checks'] as const;
export type Way = (typeof WAYS_THROUGH)[number];

export interface ThroughOptions {
  readonly fault: FaultName;
  readonly through: Way;
  readonly profile: string;
  readonly runs: number;
}

const CLIENTS = 8;
const PGBENCH_S = 6;
const SERVICE_WITHIN_MS = 60_000;

interface Front {
  readonly host: string;
  readonly port: number;
}

interface Figures {
  /** Transactions that failed, clients that gave up, attempts that came to no acknowledgement. */
  readonly errors: number;
  readonly acknowledged: number;
  readonly ackedLost: number;
  /** The longest that a client waited: for one transaction, or between two writes. */
  readonly waitMs: number;
  /** The same of writers that ask all members themselves, in the same run. */
  readonly directMs: number | undefined;
}

export async function benchThrough(options: ThroughOptions): Promise<void> {
  const { fault, through, profile } = options;
  const cluster = await startTanist({ label: 'through', policy: { profile }, progress: tell });
  const { server } = await cluster.leader();
  await prepareLoad(server);
  await prepareWaits(server);
  const front = await startFront(cluster, through);
  const all: Figures[] = [];
  for (let number = 1; number <= options.runs; number += 1) {
    const before = (await cluster.status()).clusters[0]?.epoch ?? 0;
    const figures =
      through === 'pgbouncer' && fault === 'switchover'
        ? await underPgbench(cluster, front, number)
        : await underWriters(cluster, front, options, number);
    all.push(figures);
    const { errors, acknowledged, ackedLost, waitMs, directMs } = figures;
    const beside = directMs === undefined ? '' : `, direct ${directMs.toFixed(0)} ms`;
    tell(
      `run ${number}: longest wait ${waitMs.toFixed(0)} ms${beside}, ${errors} errors, ${acknowledged} acknowledged, ${ackedLost} missing`,
    );
    await cluster.waitUntilWell({ epoch: before + 1, timeoutMs: SERVICE_WITHIN_MS });
  }
  const sum = (of: (figures: Figures) => number): number => all.reduce((total, one) => total + of(one), 0);
  finish({
    ...{ engine: 'postgres', fault, through, profile, runs: all.length },
    errors: sum(({ errors }) => errors),
    waitMs: spread(all.map(({ waitMs }) => waitMs)),
    directMs: spread(all.flatMap(({ directMs }) => directMs ?? [])),
    moreThanDirectMs: spread(
      all.flatMap(({ waitMs, directMs }) => (directMs === undefined ? [] : [waitMs - directMs])),
    ),
    acknowledged: sum(({ acknowledged }) => acknowledged),
    ackedLost: sum(({ ackedLost }) => ackedLost),
  });
}

async function startFront(cluster: TanistCluster, way: Way): Promise<Front> {
  if (way === 'pgbouncer') {
    const { host, port, section } = await startPgbouncer(cluster.folder);
    createRouter(cluster, { routes: { pgbouncer: section } }).start();
    return reached(cluster, { host, port });
  }
  const { host, leaderPort, section } = await startHaproxy(cluster.folder, cluster.members, {
    withRouter: way === 'haproxy',
  });
  if (way === 'haproxy') createRouter(cluster, { routes: { haproxy: section } }).start();
  return reached(cluster, { host, port: leaderPort });
}

async function reached(cluster: TanistCluster, front: Front): Promise<Front> {
  const { clients } = serverBehind(cluster, front);
  const isOpen = async (): Promise<boolean> => {
    const session = await clients.connect({ waits: 'half a second' });
    return session.acceptsWrites().finally(() => session.leave());
  };
  await waitFor(isOpen, { timeoutMs: 20_000, what: 'a way to the leader' });
  return front;
}

/** Whoever leads, at the one address that clients know. */
function serverBehind(
  cluster: TanistCluster,
  { host, port }: Front,
): TanistCluster['members'][number]['server'] {
  const [member] = cluster.members;
  if (member === undefined) throw new Error('no members');
  const query = async (): Promise<never> => Promise.reject(new Error('as clients only'));
  return { ...member.server, name: 'front', clients: postgresClients({ host, port, query }) };
}

async function underPgbench(cluster: TanistCluster, front: Front, number: number): Promise<Figures> {
  const old = await cluster.leader();
  const folder = join(cluster.folder, `pgbench-${number}`);
  mkdirSync(folder);
  const before = await rowsOfWaits(old.server);
  const pgbench = startPgbench(old.server.binDir, folder, { ...front, clients: CLIENTS, seconds: PGBENCH_S });
  await pgbench.untilSteady();
  await FAULTS.switchover.strike(cluster);
  const { transactions, errors, longestMs } = await pgbench.finish();
  const heir = await cluster.leader();
  if (heir === old) throw new Error(`${old.name} still leads`);
  const written = (await rowsOfWaits(heir.server)) - before;
  return {
    ...{ errors, acknowledged: transactions, waitMs: longestMs, directMs: undefined },
    ackedLost: Math.max(0, transactions - written),
  };
}

async function underWriters(
  cluster: TanistCluster,
  front: Front,
  { fault: name }: ThroughOptions,
  number: number,
): Promise<Figures> {
  const fault = FAULTS[name];
  const old = await cluster.leader();
  const servers = cluster.members.map(({ server }) => server);
  const writers = { writers: 1, pauseMs: pauseOf(1) };
  const load = startLoad([serverBehind(cluster, front)], `through-${number}`, writers);
  const direct = startLoad(servers, `direct-${number}`, writers);
  try {
    await writeSteadily(direct, old);
    await writeSteadily(load, { name: 'front' });
    await fault.strike(cluster, old);
    const heirs = (): number => direct.acknowledged.filter(({ server }) => server !== old.name).length;
    await waitFor(() => heirs() >= STEADY, { timeoutMs: SERVICE_WITHIN_MS, what: 'writes on the heir' });
    const after = load.acknowledged.length;
    await waitFor(() => load.acknowledged.length >= after + STEADY, {
      ...{ timeoutMs: SERVICE_WITHIN_MS, what: 'writes through the front' },
    });
    if ('revive' in fault) await fault.revive(cluster, old);
  } finally {
    await Promise.all([load.stop(), direct.stop()]);
  }
  const { server } = await waitFor(() => cluster.leader(), {
    timeoutMs: SERVICE_WITHIN_MS,
    what: 'a leader',
  });
  const lost = await missing(server, `through-${number}`, load.acknowledged);
  return {
    ...{ errors: load.failures(), acknowledged: load.acknowledged.length, ackedLost: lost.length },
    ...{ waitMs: longestGap(load.acknowledged), directMs: longestGap(direct.acknowledged) },
  };
}

/** Undefined: it can be measured. */
export function whyNotThrough(engine: string, fault: FaultName): string | undefined {
  if (engine !== 'postgres') return '--through is of PostgreSQL';
  return ['crash', 'member', 'switchover'].includes(fault)
    ? undefined
    : `--through does not measure ${fault}`;
}
