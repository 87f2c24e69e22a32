// Problem: failover has to be tried on real Redis servers that crash, hang and come back, and that belong to nobody: an agent that dies must
// not take its database along.
// Rule: each server is started in a session of its own, and is found as the redis-server that works in its data directory, no matter who
// started it. It comes up as a replica of nobody, as a careful administrator would have it.
// Consequence: the harness says `open` and `follow` where that administrator would; an agent given `startCommand` and the harness may start
// and stop the same server in turn.
import { appendFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { Disk } from '#test/cluster/disk.js';
import { give, makeFolder } from '#test/cluster/folders.js';
import { LOOPBACK, type Place } from '#test/cluster/place.js';
import { freePort } from '#test/cluster/ports.js';
import { allProcesses, isWithin, processesIn } from '#test/cluster/process-table.js';
import { sendSignal, startProcess, waitFor } from '#test/cluster/processes.js';
import { serverUser } from '#test/cluster/users.js';
import { askRedis, type RedisReply } from '#test/cluster/redis-client.js';
import type { Clients } from '#test/load/clients.js';
import { redisClients } from '#test/load/clients/redis.js';

const START_WITHIN_MS = 15_000;
const STOP_WITHIN_MS = 15_000;
const STREAM_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 10;
const ANSWER_WITHIN_MS = 5_000;

export interface RedisServer extends DatabaseServer {
  readonly configFile: string;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** Of the default user. */
  readonly password: string | undefined;
  /** Starts the server in the foreground, to be run as uid and gid. */
  readonly startCommand: readonly string[];
  /** Writes are accepted, until it is started anew. */
  open(): Promise<void>;
  /** It replicates from that one, until it is started anew. */
  follow(primary: RedisServer): Promise<void>;
  /** Runs one command, in a session of its own. */
  send(...command: readonly string[]): Promise<RedisReply>;
  /** A field of `INFO replication`. */
  replication(field: string): Promise<string>;
  /** Of clients that speak from that address of ours. */
  clientsFrom(address: string): Clients;
}

export interface RedisOptions {
  /** A run folder, or one within. */
  readonly dir: string;
  readonly name: string;
  /** Of its configuration file; they count before ours. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly password?: string | undefined;
  readonly place?: Place | undefined;
  readonly disk?: Disk | undefined;
  /** False: it comes up as what it was, as one that nobody watches over, or Sentinel. Default: true. */
  readonly bootsClosed?: boolean;
}

/** Valkey's is called otherwise: a test on that says so. */
const programNow = (): string => process.env['TANIST_REDIS_SERVER'] ?? 'redis-server';
/** What a process that ends loses nothing by, and no test waits for. */
const SETTINGS = {
  // Clients on other hosts have no password, and nobody else is on this network.
  'protected-mode': 'no',
  ...{ appendonly: 'yes', appendfsync: 'everysec', save: '""' },
  ...{ 'repl-diskless-sync-delay': '0', 'repl-backlog-size': '4mb', 'shutdown-timeout': '1' },
} as const;

export async function createRedis(options: RedisOptions): Promise<RedisServer> {
  const { dir, name, settings = {}, password, place = LOOPBACK, disk, bootsClosed = true } = options;
  const { uid, gid } = serverUser() ?? { uid: undefined, gid: undefined };
  const port = await freePort();
  const dataDir = join(disk?.dir ?? dir, name);
  // In a folder of its own: whoever writes it anew makes a file beside it.
  const configDir = join(dir, `${name}.etc`);
  for (const folder of [dataDir, configDir]) makeFolder(folder, { uid, gid });
  const [configFile, logFile] = [join(configDir, 'redis.conf'), join(dir, `${name}.log`)];
  const pidFile = join(dataDir, 'redis.pid');
  const all = {
    ...{ bind: place.address, port: String(port), dir: dataDir, logfile: logFile, pidfile: pidFile },
    ...SETTINGS,
    ...(password !== undefined && { requirepass: password, masterauth: password }),
    ...settings,
  };
  const lines = Object.entries(all).map(([key, value]) => `${key} ${value}\n`);
  writeFileSync(configFile, `${lines.join('')}${bootsClosed ? 'replicaof 127.0.0.1 1\n' : ''}`);
  appendFileSync(logFile, '');
  for (const path of [configFile, logFile]) give(path, { uid, gid });
  const serverProgram = programNow();
  const startCommand = [serverProgram, configFile];

  const pid = (): number | undefined =>
    // A child that writes a snapshot has the same name, and a later number but for once in a long while.
    allProcesses()
      .filter(({ program, cwd }) => program === serverProgram && isWithin(cwd, dataDir))
      .map((found) => found.pid)
      .sort((a, b) => a - b)[0];
  const kill = (signal: NodeJS.Signals): void => {
    const running = pid();
    if (running === undefined) throw new Error(`${name}: no server to send ${signal} to`);
    sendSignal(running, signal);
  };
  const address = { host: place.address, port, password, withinMs: ANSWER_WITHIN_MS };
  const send = (...command: readonly string[]): Promise<RedisReply> => askRedis(address, ...command);
  const replication = async (field: string): Promise<string> => {
    const text = String(await send('INFO', 'replication'));
    return new RegExp(`^${field}:(.*?)\\r?$`, 'm').exec(text)?.[1] ?? '';
  };
  const waitUntilReady = async (giveUp?: () => string | undefined): Promise<void> => {
    await waitFor(async () => (await send('PING')) === 'PONG', {
      timeoutMs: START_WITHIN_MS,
      what: `${name} to answer on port ${port}`,
      everyMs: LOOK_EVERY_MS,
      ...(giveUp && { giveUp }),
    });
  };
  const door = { host: place.address, port, password, send };
  const signalAll = (signal: NodeJS.Signals): void =>
    processesIn(dataDir).forEach((process) => sendSignal(process, signal));
  return {
    ...{ name, place, dir: dataDir, configFile, port, logFile, uid, gid, password },
    ...{ startCommand, pid, kill, send, replication },
    clients: redisClients(door),
    clientsThrough: (front) => redisClients({ ...door, ...front }),
    clientsFrom: (address) => redisClients({ ...door, from: address }),
    visit: { command: `redis-cli -h ${place.address} -p ${port}`, pidFile },
    processes: () => processesIn(dataDir),
    async start({ awaitReady = true } = {}) {
      if (pid() !== undefined) throw new Error(`${name} runs already`);
      const [command = '', ...args] = startCommand;
      const env = { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', TZ: 'UTC' };
      const started = startProcess({ name, command, args, cwd: dir, logFile, env, uid, gid, place });
      if (awaitReady) await waitUntilReady(started.obituary);
    },
    open: async () => {
      await send('REPLICAOF', 'NO', 'ONE');
    },
    follow: async (primary) => {
      await send('REPLICAOF', primary.place.address, String(primary.port));
    },
    async stop(mode = 'fast') {
      const running = pid();
      if (running === undefined) return;
      sendSignal(running, ({ fast: 'SIGTERM', immediate: 'SIGKILL' } as const)[mode]);
      await waitFor(() => processesIn(dataDir).length === 0, {
        timeoutMs: STOP_WITHIN_MS,
        what: `${name} to stop`,
      });
    },
    pause: () => signalAll('SIGSTOP'),
    resume: () => signalAll('SIGCONT'),
    waitUntilReady: () => waitUntilReady(),
    async waitUntilStreaming() {
      const isStreaming = async (): Promise<boolean> => (await replication('master_link_status')) === 'up';
      await waitFor(isStreaming, { timeoutMs: STREAM_WITHIN_MS, what: `${name} to stream` });
    },
    async waitUntilCaughtUpWith(leader) {
      const primary = leader as RedisServer;
      const [line, offset] = [
        await primary.replication('master_replid'),
        Number(await primary.replication('master_repl_offset')),
      ];
      const hasApplied = async (): Promise<boolean> =>
        (await replication('master_replid')) === line &&
        (await replication('master_link_status')) === 'up' &&
        Number(await replication('master_repl_offset')) >= offset;
      const what = `${name} to apply ${offset} of ${primary.name}`;
      await waitFor(hasApplied, { timeoutMs: STREAM_WITHIN_MS, what });
    },
    async upstreamPort() {
      const isUp = (await replication('master_link_status')) === 'up';
      return isUp ? Number(await replication('master_port')) : undefined;
    },
    // It sets no room aside.
    useUpLog: () => Promise.resolve(),
  };
}

/** One that accepts writes and one that replicates from it for each further name. */
export async function startRedisServers(
  names: readonly string[],
  optionsOf: (index: number) => Omit<RedisOptions, 'name'>,
): Promise<readonly RedisServer[]> {
  const servers = await Promise.all(names.map((name, index) => createRedis({ ...optionsOf(index), name })));
  await Promise.all(servers.map((server) => server.start()));
  const [primary, ...replicas] = servers;
  if (primary === undefined) return servers;
  await primary.open();
  for (const replica of replicas) await replica.follow(primary);
  for (const replica of replicas) await replica.waitUntilStreaming();
  return servers;
}
