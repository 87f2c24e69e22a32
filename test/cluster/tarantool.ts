// Problem: failover has to be tried on a store that Tanist knows through an executable alone, and real ones crash, hang and come back.
// Rule: Tarantool, by the executables of examples/exec. Each server is started in a session of its own, and is found as the tarantool that works in
// its data directory, no matter who started it; what it is started with, instance.lua, has it come up closed.
// Consequence: the harness opens the first one where a careful administrator would; an agent and the harness may start and stop the same server in turn.
import { appendFileSync, cpSync, writeFileSync } from 'node:fs';
import { createHash } from 'node:crypto';
import { join } from 'node:path';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { Disk } from '#test/cluster/disk.js';
import { give, makeFolder } from '#test/cluster/folders.js';
import { packageRoot } from '#test/cluster/home.js';
import { LOOPBACK, type Place } from '#test/cluster/place.js';
import { freePort } from '#test/cluster/ports.js';
import { allProcesses, isWithin, processesIn } from '#test/cluster/process-table.js';
import { sendSignal, startProcess, waitFor } from '#test/cluster/processes.js';
import { serverUser } from '#test/cluster/users.js';
import { runOn, tarantoolClients } from '#test/load/clients/tarantool.js';

const EXAMPLE = join(packageRoot(), 'examples/exec/tarantool');
const START_WITHIN_MS = 15_000;
const STOP_WITHIN_MS = 15_000;
const STREAM_WITHIN_MS = 20_000;
const PASSWORD = 'sesame';

export interface TarantoolServer extends DatabaseServer {
  /** Of the agent's file. */
  readonly settings: object;
  /** The executable. */
  readonly command: string;
  /** What a text in Lua, run as administrator, returns first. */
  ask(lua: string, ...args: readonly unknown[]): Promise<unknown>;
}

interface TarantoolOptions {
  /** A run folder. */
  readonly dir: string;
  readonly name: string;
  /** Of all members, by their instances. */
  readonly names: Readonly<Record<string, string>>;
  /** Of whom it takes its first copy; undefined: it makes the data. */
  readonly leader: TarantoolServer | undefined;
  readonly scripts: string;
  readonly place: Place | undefined;
  readonly disk: Disk | undefined;
}

export interface TarantoolsOptions {
  readonly dir: string;
  readonly names: readonly string[];
  readonly places: readonly Place[];
  readonly disks: readonly Disk[];
}

/** One that accepts writes, and one that replicates from it for each further name. */
export async function startTarantools({
  dir,
  names,
  places,
  disks,
}: TarantoolsOptions): Promise<readonly TarantoolServer[]> {
  // Where the agent's user may run them.
  const scripts = join(dir, 'scripts');
  cpSync(EXAMPLE, scripts, { recursive: true });
  const byInstance = Object.fromEntries(names.map((name) => [instanceOf(name), name]));
  const servers: TarantoolServer[] = [];
  for (const [i, name] of names.entries()) {
    const [leader] = servers;
    const server = await createTarantool({
      ...{ dir, name, names: byInstance, leader, scripts, place: places[i], disk: disks[i] },
    });
    await server.start();
    if (leader !== undefined) await server.waitUntilStreaming();
    servers.push(server);
  }
  return servers;
}

async function createTarantool(options: TarantoolOptions): Promise<TarantoolServer> {
  const { dir, name, names, leader, scripts, place = LOOPBACK, disk } = options;
  const { uid, gid } = serverUser() ?? { uid: undefined, gid: undefined };
  const port = await freePort();
  const dataDir = join(disk?.dir ?? dir, name);
  makeFolder(dataDir, { uid, gid });
  const [config, logFile] = [join(dir, `${name}.json`), join(dir, `${name}.log`)];
  const pidFile = join(dataDir, 'tarantool.pid');
  const address = `${place.address}:${port}`;
  writeFileSync(
    config,
    JSON.stringify({
      ...{ listen: address, data: dataDir, uuid: instanceOf(name), admin: PASSWORD, replication: PASSWORD },
      ...{ log: logFile, pidFile },
      ...(leader !== undefined && {
        join: `replicator:${PASSWORD}@${leader.place.address}:${leader.port}`,
      }),
    }),
  );
  appendFileSync(logFile, '');
  for (const path of [config, logFile]) give(path, { uid, gid });
  const doorOf = (user: string) => ({ host: place.address, port, user, password: PASSWORD });
  const [app, admin] = [doorOf('app'), doorOf('admin')];

  const ask = async (lua: string, ...args: readonly unknown[]): Promise<unknown> =>
    (await runOn(admin, lua, ...args))[0];
  const pid = (): number | undefined =>
    allProcesses().find(({ program, cwd }) => program === 'tarantool' && isWithin(cwd, dataDir))?.pid;
  const waitUntilReady = async (giveUp?: () => string | undefined): Promise<void> => {
    await waitFor(async () => (await ask("return box.info.status == 'running'")) === true, {
      ...{ timeoutMs: START_WITHIN_MS, what: `${name} to answer on port ${port}` },
      ...(giveUp && { giveUp }),
    });
  };
  const signalAll = (signal: NodeJS.Signals): void =>
    processesIn(dataDir).forEach((process) => sendSignal(process, signal));
  return {
    ...{ name, place, dir: dataDir, port, logFile, pid, ask },
    command: join(scripts, 'engine.lua'),
    settings: {
      ...{ admin: `admin:${PASSWORD}@${address}`, replication: `replicator:${PASSWORD}` },
      ...{ instance: join(scripts, 'instance.lua'), config, names },
    },
    clients: tarantoolClients({ app, admin }),
    clientsThrough: (front) => tarantoolClients({ app: { ...app, ...front }, admin }),
    visit: { command: `tarantoolctl connect admin:${PASSWORD}@${address}`, pidFile },
    processes: () => processesIn(dataDir),
    async start({ awaitReady = true } = {}) {
      if (pid() !== undefined) throw new Error(`${name} runs already`);
      const args = [join(scripts, 'instance.lua'), config];
      const env = { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', TZ: 'UTC' };
      const started = startProcess({
        ...{ name, command: 'tarantool', args, cwd: dataDir, logFile, env, uid, gid, place },
      });
      if (awaitReady) await waitUntilReady(started.obituary);
    },
    async stop(mode = 'fast') {
      const running = pid();
      if (running === undefined) return;
      sendSignal(running, ({ fast: 'SIGTERM', immediate: 'SIGKILL' } as const)[mode]);
      await waitFor(() => processesIn(dataDir).length === 0, {
        ...{ timeoutMs: STOP_WITHIN_MS, what: `${name} to stop` },
      });
    },
    kill(signal) {
      const running = pid();
      if (running === undefined) throw new Error(`${name}: no server to send ${signal} to`);
      sendSignal(running, signal);
    },
    pause: () => signalAll('SIGSTOP'),
    resume: () => signalAll('SIGCONT'),
    waitUntilReady: () => waitUntilReady(),
    async waitUntilStreaming() {
      await waitFor(async () => (await ask(UPSTREAM)) !== null, {
        ...{ timeoutMs: STREAM_WITHIN_MS, what: `${name} to stream` },
      });
    },
    async waitUntilCaughtUpWith(other) {
      const reached = await (other as TarantoolServer).ask(`return box.info.vclock`);
      const isThere = async (): Promise<boolean> => (await ask(HAS, reached)) === true;
      const what = `${name} to apply what ${other.name} has`;
      await waitFor(isThere, { timeoutMs: STREAM_WITHIN_MS, what });
    },
    async upstreamPort() {
      const from = await ask(UPSTREAM);
      return typeof from === 'string' ? Number(from.split(':').at(-1)) : undefined;
    },
    // It sets a megabyte aside with every write that finds less.
    useUpLog: () => Promise.resolve(),
  };
}

/** By the name: what Tanist calls a follower must be known before there is one. */
const instanceOf = (name: string): string =>
  `00000000-0000-4000-8000-${createHash('md5').update(name).digest('hex').slice(0, 12)}`;

const UPSTREAM = `
  for _, peer in pairs(box.info.replication) do
    if peer.upstream ~= nil and peer.upstream.status == 'follow' then return peer.upstream.peer end
  end
  return nil
`;

/** Not of local spaces, which count as 0. */
const HAS = `
  for id, lsn in pairs((...)) do
    if tonumber(id) ~= 0 and (box.info.vclock[tonumber(id)] or 0) < lsn then return false end
  end
  return true
`;
