// Problem: a figure of ours says little unless Redis' own coordinator is measured by the same clients, on the same machine, in the same run.
// Rule: three Redis servers with a Sentinel beside each, as its documentation has it: quorum of two, no `replicaof` in the leader's file. What is not
// set is left as it comes.
// Consequence: whatever is asked of a cluster in care can be asked of this one, but for an account of what was lost: there is none.
import { join } from 'node:path';
import { writeFileSync } from 'node:fs';
import { give, makeFolder } from '#test/cluster/folders.js';
import { killTogether } from '#test/cluster/kill-together.js';
import { MEMBER_NAMES } from '#test/cluster/members.js';
import type { Place } from '#test/cluster/place.js';
import { freePort } from '#test/cluster/ports.js';
import { createRunFolder, startProcess, waitFor } from '#test/cluster/processes.js';
import { type RedisServer, startRedisServers } from '#test/cluster/redis.js';
import { askRedis, type RedisReply } from '#test/cluster/redis-client.js';
import { serverUser } from '#test/cluster/users.js';
import { followSentinels, type SentinelGuide, type SentinelGuideOptions } from '#test/load/sentinel-guide.js';

const CLUSTER = 'tanist';
const SIZE = 3;
const QUORUM = 2;
const ANSWER_WITHIN_MS = 2_000;
/** Sentinels find each other through what they publish every two seconds, and look at a server every ten. */
const WELL_WITHIN_MS = 60_000;

export interface SentinelOptions {
  readonly label: string;
  /** Lines of `sentinel <key> <cluster> <value>`; default: as it comes. */
  readonly timings?: Readonly<Record<string, string>>;
  /** Of the servers' configuration file. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Of a server and the Sentinel beside it; default: here. */
  readonly places?: readonly Place[];
}

export interface SentinelCluster {
  readonly servers: readonly RedisServer[];
  /** Of the master, and of the Sentinels: for drivers. */
  readonly name: string;
  readonly doors: readonly { readonly host: string; readonly port: number }[];
  /** As most Sentinels that answer say; rejects where none does. */
  leader(): Promise<RedisServer>;
  /** `SENTINEL FAILOVER`, asked of the first Sentinel. */
  switchOver(): Promise<void>;
  /** A server and the Sentinel beside it, at once. */
  killHost(server: RedisServer): Promise<void>;
  /** Until every Sentinel that lives knows the others and names the same leader, and all other servers stream from it. */
  waitUntilWell(options?: { readonly timeoutMs?: number }): Promise<void>;
  /** For clients. */
  guide(options: Omit<SentinelGuideOptions, 'cluster'>): SentinelGuide;
}

interface Sentinel {
  readonly place: Place;
  readonly port: number;
  readonly dir: string;
  ask(...command: readonly string[]): Promise<RedisReply>;
}

export async function startSentinelCluster(options: SentinelOptions): Promise<SentinelCluster> {
  const { label, timings = {}, settings = {}, places = [] } = options;
  const folder = createRunFolder(label);
  const servers = await startRedisServers(MEMBER_NAMES.slice(0, SIZE), (index) => ({
    ...{ dir: folder, settings, place: places[index], bootsClosed: false },
  }));
  const [first] = servers;
  if (first === undefined) throw new Error('no servers');
  const sentinels = await Promise.all(servers.map((server) => startSentinel(folder, server, first, timings)));

  const leader = async (): Promise<RedisServer> => {
    const answers = await Promise.allSettled(sentinels.map(leaderOf));
    const names = answers.flatMap((answer) => (answer.status === 'fulfilled' ? [answer.value] : []));
    const most = [...names].sort((a, b) => countOf(names, b) - countOf(names, a))[0];
    const found = servers.find(({ place, port }) => `${place.address}:${port}` === most);
    if (found === undefined) throw new Error(`no Sentinel names a leader: ${names.join(', ')}`);
    return found;
  };
  const isWell = async (): Promise<boolean> => {
    const quorums = await Promise.all(
      sentinels.map(async (sentinel) => String(await sentinel.ask('SENTINEL', 'ckquorum', CLUSTER))),
    );
    if (!quorums.every((answer) => answer.startsWith(`OK ${SIZE} usable`))) return false;
    const names = await Promise.all(sentinels.map(leaderOf));
    if (new Set(names).size !== 1) return false;
    const now = await leader();
    const followers = servers.filter((server) => server !== now);
    const known = await Promise.all(sentinels.map(replicasThatStream));
    const upstreams = await Promise.all(followers.map((server) => server.upstreamPort()));
    return known.every((many) => many === followers.length) && upstreams.every((port) => port === now.port);
  };
  const cluster: SentinelCluster = {
    ...{ servers, leader, name: CLUSTER },
    doors: sentinels.map(({ place, port }) => ({ host: place.address, port })),
    async switchOver() {
      const answer = await sentinels[0]?.ask('SENTINEL', 'failover', CLUSTER);
      if (answer !== 'OK') throw new Error(`SENTINEL FAILOVER: ${String(answer)}`);
    },
    killHost(server) {
      const beside = sentinels[servers.indexOf(server)];
      return killTogether([{ groups: [], folders: [server.dir, ...(beside ? [beside.dir] : [])] }]);
    },
    waitUntilWell: async ({ timeoutMs = WELL_WITHIN_MS } = {}) => {
      await waitFor(isWell, { timeoutMs, everyMs: 200, what: 'Sentinels and servers to be well' });
    },
    guide: (wanted) => followSentinels(sentinels, { ...wanted, cluster: CLUSTER }),
  };
  await cluster.waitUntilWell();
  return cluster;
}

async function startSentinel(
  folder: string,
  { name, place }: RedisServer,
  leader: RedisServer,
  timings: Readonly<Record<string, string>>,
): Promise<Sentinel> {
  const { uid, gid } = serverUser() ?? { uid: undefined, gid: undefined };
  const port = await freePort();
  // In a folder of its own: it writes its configuration anew, by a file beside it.
  const dir = join(folder, `sentinel-${name}`);
  makeFolder(dir, { uid, gid });
  const [configFile, logFile] = [join(dir, 'sentinel.conf'), join(folder, `sentinel-${name}.log`)];
  const lines = [
    ...[`bind ${place.address}`, `port ${port}`, 'protected-mode no', `dir ${dir}`],
    `sentinel monitor ${CLUSTER} ${leader.place.address} ${leader.port} ${QUORUM}`,
    ...Object.entries(timings).map(([key, value]) => `sentinel ${key} ${CLUSTER} ${value}`),
  ];
  writeFileSync(configFile, lines.map((line) => `${line}\n`).join(''));
  give(configFile, { uid, gid });
  startProcess({
    ...{ name: `sentinel-${name}`, command: 'redis-server', args: [configFile, '--sentinel'] },
    ...{ cwd: dir, logFile, uid, gid, place },
  });
  return {
    ...{ place, port, dir },
    ask: (...command) => askRedis({ host: place.address, port, withinMs: ANSWER_WITHIN_MS }, ...command),
  };
}

async function leaderOf({ ask }: Sentinel): Promise<string> {
  const answer = await ask('SENTINEL', 'get-master-addr-by-name', CLUSTER);
  if (!Array.isArray(answer)) throw new Error('it knows no leader');
  return answer.join(':');
}

/** As it saw them last. Each is a list of names and values in turn. */
async function replicasThatStream({ ask }: Sentinel): Promise<number> {
  const replicas = (await ask('SENTINEL', 'replicas', CLUSTER)) as readonly (readonly string[])[];
  const isWell = (fields: readonly string[]): boolean =>
    fields[fields.indexOf('flags') + 1] === 'slave' &&
    fields[fields.indexOf('master-link-status') + 1] === 'ok';
  return replicas.filter(isWell).length;
}

const countOf = (names: readonly string[], name: string): number =>
  names.filter((one) => one === name).length;
