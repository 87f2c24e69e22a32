/** Clients that know one address, a pooler's or a proxy's, and what a switchover or a failover is to them. */
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { type Fault, FAULTS, type FaultName } from '#test/bench/faults.js';
import { finish, spread, tell } from '#test/bench/numbers.js';
import { pauseOf, STEADY, writeSteadily } from '#test/bench/run.js';
import { startHaproxy } from '#test/cluster/haproxy.js';
import { startPgbouncer } from '#test/cluster/pgbouncer.js';
import { waitFor } from '#test/cluster/processes.js';
import { createRouter } from '#test/cluster/router.js';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import { KITS, type KitName } from '#test/cluster/engines.js';
import { type AnyCluster, startTanist, startTanistOn, type TanistCluster } from '#test/cluster/tanist.js';
import { prepareWaits, rowsOfWaits, startPgbench } from '#test/load/pgbench-waits.js';
import { balance, longestWait, prepareLoad, startLoad } from '#test/load/writers.js';

export const WAYS_THROUGH = ['pgbouncer', 'haproxy', 'haproxy-checks'] as const;
export type Way = (typeof WAYS_THROUGH)[number];

export interface ThroughOptions {
  readonly engine: KitName;
  readonly fault: FaultName;
  readonly through: Way;
  readonly profile: string;
  readonly runs: number;
  readonly writers: number;
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
  /** Written, and nobody was told: a client that repeats what failed writes so many twice. Undefined: not counted. */
  readonly unanswered: number | undefined;
  /** The longest that a client waited: for one transaction, or between two writes. */
  readonly waitMs: number;
  /** The same of writers that ask all members themselves, in the same run. */
  readonly directMs: number | undefined;
}

export async function benchThrough(options: ThroughOptions): Promise<void> {
  const { engine, fault, through, profile } = options;
  const settings = { label: 'through', policy: { profile }, progress: tell };
  if (through !== 'pgbouncer' || fault !== 'switchover')
    return measure(await startTanistOn<DatabaseServer>(KITS[engine], settings), options, underWriters);
  const cluster = await startTanist(settings);
  await prepareWaits((await cluster.leader()).server);
  await measure(cluster, options, underPgbench);
}

async function measure<Server extends DatabaseServer>(
  cluster: TanistCluster<Server>,
  options: ThroughOptions,
  under: (
    cluster: TanistCluster<Server>,
    front: Front,
    options: ThroughOptions,
    number: number,
  ) => Promise<Figures>,
): Promise<void> {
  const { engine, fault, through, profile, writers } = options;
  await prepareLoad((await cluster.leader()).server);
  const front = await startFront(cluster, through);
  const all: Figures[] = [];
  for (let number = 1; number <= options.runs; number += 1) {
    const before = (await cluster.status()).clusters[0]?.epoch ?? 0;
    const figures = await under(cluster, front, options, number);
    all.push(figures);
    const { errors, acknowledged, ackedLost, unanswered, waitMs, directMs } = figures;
    const beside = directMs === undefined ? '' : `, direct ${directMs.toFixed(0)} ms`;
    const written = unanswered === undefined ? '' : `, ${unanswered} of them written`;
    tell(
      `run ${number}: longest wait ${waitMs.toFixed(0)} ms${beside}, ${errors} errors${written}, ${acknowledged} acknowledged, ${ackedLost} missing`,
    );
    await cluster.waitUntilWell({ epoch: before + 1, timeoutMs: SERVICE_WITHIN_MS });
  }
  const sum = (of: (figures: Figures) => number): number => all.reduce((total, one) => total + of(one), 0);
  finish({
    ...{ engine, fault, through, profile, runs: all.length },
    writers: under === underWriters ? writers : CLIENTS,
    errors: sum(({ errors }) => errors),
    ...(all.some(({ unanswered }) => unanswered !== undefined) && {
      unanswered: sum(({ unanswered }) => unanswered ?? 0),
    }),
    waitMs: spread(all.map(({ waitMs }) => waitMs)),
    directMs: spread(all.flatMap(({ directMs }) => directMs ?? [])),
    moreThanDirectMs: spread(
      all.flatMap(({ waitMs, directMs }) => (directMs === undefined ? [] : [waitMs - directMs])),
    ),
    acknowledged: sum(({ acknowledged }) => acknowledged),
    ackedLost: sum(({ ackedLost }) => ackedLost),
  });
}

async function startFront(cluster: AnyCluster, way: Way): Promise<Front> {
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

async function reached(cluster: AnyCluster, front: Front): Promise<Front> {
  const { clients } = serverBehind(cluster, front);
  const isOpen = async (): Promise<boolean> => {
    const session = await clients.connect({ waits: 'half a second' });
    return session.acceptsWrites().finally(() => session.leave());
  };
  await waitFor(isOpen, { timeoutMs: 20_000, what: 'a way to the leader' });
  return front;
}

/** Whoever leads, at the one address that clients know. */
function serverBehind({ members: [member] }: AnyCluster, front: Front): DatabaseServer {
  if (member === undefined) throw new Error('no members');
  return { ...member.server, name: 'front', clients: member.server.clientsThrough(front) };
}

async function underPgbench(
  cluster: TanistCluster,
  front: Front,
  _: ThroughOptions,
  number: number,
): Promise<Figures> {
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
    // With errors it is the least: what was written and not told makes up for it.
    ackedLost: Math.max(0, transactions - written),
    unanswered: undefined, // not told apart
  };
}

async function underWriters(
  cluster: AnyCluster,
  front: Front,
  { fault: name, writers: many }: ThroughOptions,
  number: number,
): Promise<Figures> {
  const fault: Fault = FAULTS[name];
  const old = await cluster.leader();
  const servers = cluster.members.map(({ server }) => server);
  const writers = { writers: many, pauseMs: pauseOf(many) };
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
    await fault.revive?.(cluster, old);
  } finally {
    await Promise.all([load.stop(), direct.stop()]);
  }
  const { server } = await waitFor(() => cluster.leader(), {
    timeoutMs: SERVICE_WITHIN_MS,
    what: 'a leader',
  });
  const found = await balance(server, `through-${number}`, load.acknowledged);
  return {
    ...{ errors: load.failures(), acknowledged: load.acknowledged.length },
    ...{ ackedLost: found.missing.length, unanswered: found.unanswered },
    ...{ waitMs: longestWait(load.acknowledged), directMs: longestWait(direct.acknowledged) },
  };
}

/** Undefined: it can be measured. */
export function whyNotThrough(through: Way, engine: KitName, fault: FaultName): string | undefined {
  if (through === 'pgbouncer' && engine !== 'postgres') return 'PgBouncer is of PostgreSQL';
  return ['crash', 'member', 'switchover'].includes(fault)
    ? undefined
    : `--through does not measure ${fault}`;
}
