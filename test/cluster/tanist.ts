// Problem: tests, demo and bench all need the same thing: a real cluster in the care of real controllers and agents.
// Rule: only what this run built is started, through the command line that users have, from configuration files that
// users could have written; agents run as the databases' owner.
// Consequence: whatever this can do, a user can do.
import { execFile } from 'node:child_process';
import {
  accessSync,
  chownSync,
  constants,
  cpSync,
  existsSync,
  mkdirSync,
  readFileSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { stringify } from 'yaml';
import type { LedgerEntry } from '#core/ledger.js';
import type { StatusDocument } from '#core/status.js';
import { type EtcdCluster, startEtcd } from '#test/cluster/etcd.js';
import { freePorts } from '#test/cluster/ports.js';
import { cloneReplica, createPrimary, type PostgresServer } from '#test/cluster/postgres.js';
import { createRunFolder, type StartedProcess, startProcess, waitFor } from '#test/cluster/processes.js';
import { type ServerUser, serverUser } from '#test/cluster/users.js';

const CLUSTER = 'demo';
/** As in the first line of cli/main.ts: a small young generation keeps programs that idle all day small. */
const NODE_FLAGS = ['--max-semi-space-size=4', '--enable-source-maps'];
const MEMBER_NAMES = ['ada', 'ben', 'cleo', 'dan', 'eve'] as const;

export interface TanistOptions {
  readonly label: string;
  readonly members?: number;
  readonly controllers?: number;
  /** Keys of the policy file. */
  readonly policy?: Readonly<Record<string, unknown>>;
  /** Lines of postgresql.conf, for every member. */
  readonly settings?: Readonly<Record<string, string>>;
  readonly fsync?: boolean;
  /** Told what is being done, for people who wait. */
  readonly progress?: (text: string) => void;
  /** Leaves the cluster out of care: no `init`. */
  readonly init?: boolean;
}

export interface Member {
  readonly name: string;
  readonly server: PostgresServer;
  readonly agent: Program;
}

/** A controller or agent that can be stopped, killed and started again with the same configuration. */
export interface Program {
  readonly name: string;
  readonly configFile: string;
  readonly logFile: string;
  start(): void;
  process(): StartedProcess | undefined;
  stop(): Promise<void>;
  kill(signal: NodeJS.Signals): void;
}

export interface TanistCluster {
  /** Where the built package is run from. */
  readonly home: string;
  readonly name: string;
  readonly folder: string;
  readonly etcd: EtcdCluster;
  readonly controllers: readonly Program[];
  readonly members: readonly Member[];
  readonly controllerAddresses: readonly string[];
  member(name: string): Member;
  /** Runs a command of `tanist` against this cluster; never rejects. */
  tanist(
    ...args: readonly string[]
  ): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }>;
  status(): Promise<StatusDocument>;
  history(): Promise<readonly LedgerEntry[]>;
  /** Until the active controller says that all is well, at this epoch or later. */
  waitUntilWell(options?: { readonly epoch?: number; readonly timeoutMs?: number }): Promise<StatusDocument>;
  leader(): Promise<Member>;
  activeController(): Promise<Program>;
}

export async function startTanist(options: TanistOptions): Promise<TanistCluster> {
  const {
    label,
    members: size = 3,
    controllers: many = 3,
    policy = {},
    settings = {},
    fsync = true,
    progress = () => undefined,
  } = options;
  const folder = createRunFolder(label);
  const user = serverUser();
  const home = readableHome(folder, user);
  progress('starting etcd');
  const etcd = await startEtcd({ dir: folder });

  progress(`making ${size} PostgreSQL servers, one leader and ${size - 1} replicas`);
  const servers = await startServers(folder, size, settings, fsync);

  progress(`starting ${many} controllers and ${size} agents`);
  const ports = await freePorts(many + size);
  const controllerAddresses = ports.slice(0, many).map((port) => `127.0.0.1:${port}`);
  const controllers = ports.slice(0, many).map((port, i) =>
    createProgram({
      home,
      folder,
      user: undefined,
      kind: 'controller',
      name: `controller-${i + 1}`,
      config: {
        name: `controller-${i + 1}`,
        listen: { host: '127.0.0.1', port },
        etcd: { endpoints: [...etcd.endpoints] },
      },
    }),
  );
  const members = servers.map((server, i): Member => {
    const port = ports[many + i] ?? 0;
    const config = agentConfig(server, port, controllerAddresses);
    return {
      name: server.name,
      server,
      agent: createProgram({ home, folder, user, kind: 'agent', name: `agent-${server.name}`, config }),
    };
  });
  for (const program of [...controllers, ...members.map((m) => m.agent)]) program.start();

  const policyFile = join(folder, 'policy.yaml');
  writeFileSync(policyFile, stringify(policy));
  const cluster = describeCluster({ folder, home, etcd, controllers, members, controllerAddresses });
  if (options.init !== false) {
    progress('tanist init: taking the running cluster into care');
    await initialise(cluster, policyFile);
  }
  return cluster;
}

async function startServers(
  folder: string,
  size: number,
  settings: Readonly<Record<string, string>>,
  fsync: boolean,
): Promise<readonly PostgresServer[]> {
  const [first = 'ada', ...others] = MEMBER_NAMES.slice(0, size);
  const primary = await createPrimary({ dir: folder, name: first, settings, fsync });
  await primary.start();
  const replicas: PostgresServer[] = [];
  for (const name of others) {
    const replica = await cloneReplica(primary, { name });
    await replica.start();
    replicas.push(replica);
  }
  for (const replica of replicas) await replica.waitUntilStreaming();
  return [primary, ...replicas];
}

function agentConfig(server: PostgresServer, port: number, controllers: readonly string[]): object {
  const identity = server.startCommand.slice(3).join(' ');
  return {
    cluster: CLUSTER,
    member: server.name,
    controllers: [...controllers],
    listen: { host: '127.0.0.1', port },
    advertise: { agent: `127.0.0.1:${port}`, database: { host: '127.0.0.1', port: server.port } },
    postgres: {
      dataDir: server.dir,
      host: server.socketDir,
      port: server.port,
      user: 'postgres',
      replication: { user: 'postgres' },
      server: { kind: 'pg_ctl', options: identity, logFile: server.logFile },
    },
  };
}

// --- programs

interface ProgramOptions {
  readonly home: string;
  readonly folder: string;
  readonly user: ServerUser | undefined;
  readonly kind: 'controller' | 'agent';
  readonly name: string;
  readonly config: object;
}

function createProgram({ home, folder, user, kind, name, config }: ProgramOptions): Program {
  const configFile = join(folder, `${name}.yaml`);
  const logFile = join(folder, `${name}.log`);
  writeFileSync(configFile, stringify(config));
  if (user !== undefined) chownSync(folder, user.uid, user.gid);
  let running: StartedProcess | undefined;
  return {
    name,
    configFile,
    logFile,
    start() {
      running = startProcess({
        name,
        command: process.execPath,
        args: [...NODE_FLAGS, join(home, 'dist/cli/main.js'), kind, '--config', configFile],
        cwd: folder,
        logFile,
        ...(user ?? {}),
      });
    },
    process: () => running,
    async stop() {
      await running?.stop();
    },
    kill(signal) {
      running?.kill(signal);
    },
  };
}

/** Where the databases' owner may read what this run built: in place, or in a copy inside the run folder. */
function readableHome(folder: string, user: ServerUser | undefined): string {
  const root = packageRoot();
  if (user === undefined || isOpenToOthers(join(root, 'dist'))) return root;
  const home = join(folder, 'home');
  mkdirSync(home);
  for (const part of ['dist', 'proto', 'package.json', 'node_modules']) {
    cpSync(join(root, part), join(home, part), { recursive: true, verbatimSymlinks: true });
  }
  return home;
}

function packageRoot(): string {
  let dir = dirname(fileURLToPath(import.meta.url));
  while (!existsSync(join(dir, 'package.json'))) dir = dirname(dir);
  return dir;
}

function isOpenToOthers(path: string): boolean {
  for (let dir = path; dir !== '/'; dir = dirname(dir)) {
    if ((statSync(dir).mode & 0o005) !== 0o005) return false;
  }
  accessSync(process.execPath, constants.X_OK);
  return true;
}

// --- the cluster as a whole

function describeCluster(parts: {
  readonly folder: string;
  readonly home: string;
  readonly etcd: EtcdCluster;
  readonly controllers: readonly Program[];
  readonly members: readonly Member[];
  readonly controllerAddresses: readonly string[];
}): TanistCluster {
  const { members, controllers, controllerAddresses, folder, home } = parts;
  const member = (name: string): Member => {
    const found = members.find((m) => m.name === name);
    if (found === undefined) throw new Error(`no member ${name}`);
    return found;
  };
  const tanist: TanistCluster['tanist'] = async (...args) => {
    const command = [join(home, 'dist/cli/main.js'), ...args, '--controllers', controllerAddresses.join(',')];
    try {
      const done = await promisify(execFile)(process.execPath, command, { cwd: folder, timeout: 30_000 });
      return { code: 0, ...done };
    } catch (error) {
      const failed = error as { readonly code?: number; readonly stdout?: string; readonly stderr?: string };
      return {
        code: typeof failed.code === 'number' ? failed.code : 1,
        stdout: failed.stdout ?? '',
        stderr: failed.stderr ?? '',
      };
    }
  };
  const status = async (): Promise<StatusDocument> => {
    const { code, stdout, stderr } = await tanist('status', CLUSTER, '--json');
    if (code !== 0) throw new Error(stderr);
    return JSON.parse(stdout) as StatusDocument;
  };
  const cluster: TanistCluster = {
    name: CLUSTER,
    ...parts,
    member,
    tanist,
    status,
    async history() {
      const { code, stdout, stderr } = await tanist('history', CLUSTER, '--json');
      if (code !== 0) throw new Error(stderr);
      return JSON.parse(stdout) as readonly LedgerEntry[];
    },
    waitUntilWell({ epoch = 1, timeoutMs = 30_000 } = {}) {
      return waitFor(
        async () => {
          const seen = await status();
          const [shown] = seen.clusters;
          return seen.active && shown?.state === 'ok' && (shown.epoch ?? 0) >= epoch && allEligible(shown)
            ? seen
            : undefined;
        },
        { timeoutMs, what: `the cluster to be well at epoch ${epoch}` },
      );
    },
    async leader() {
      const [shown] = (await status()).clusters;
      return member(shown?.leader ?? '');
    },
    async activeController() {
      const { controller } = await waitFor(
        async () => {
          const seen = await status();
          return seen.active ? seen : undefined;
        },
        { timeoutMs: 15_000, what: 'an active controller' },
      );
      const found = controllers.find((c) => c.name === controller);
      if (found === undefined) throw new Error(`no controller ${controller}`);
      return found;
    },
  };
  return cluster;
}

const allEligible = (shown: StatusDocument['clusters'][number]): boolean =>
  shown.members.every((m) => m.role === 'leader' || m.eligible);

async function initialise(cluster: TanistCluster, policyFile: string): Promise<void> {
  // Every agent has to be heard first: init takes in those that report.
  await waitFor(
    async () => {
      const [shown] = (await cluster.status()).clusters;
      return (
        shown?.members.filter(
          (m) => m.connected && m.position !== null && (m.state === 'open' || m.streaming),
        ).length === cluster.members.length
      );
    },
    { timeoutMs: 30_000, what: 'every agent to report' },
  );
  const { code, stderr } = await cluster.tanist('init', CLUSTER, '--policy', policyFile);
  if (code !== 0) throw new Error(`tanist init failed: ${stderr}${logTails(cluster)}`);
  await cluster.waitUntilWell();
}

/** The last words of every program, for messages of tests that fail. */
export function logTails(cluster: Pick<TanistCluster, 'controllers' | 'members'>): string {
  const files = [...cluster.controllers, ...cluster.members.map((m) => m.agent)].map((p) => p.logFile);
  return files
    .map((file) => `\n--- ${file}\n${readFileSync(file, 'utf8').split('\n').slice(-15).join('\n')}`)
    .join('');
}
