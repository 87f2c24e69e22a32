// Problem: failover has to be tried on real PostgreSQL servers that crash, hang and come back, and that belong to
// nobody: an agent that dies must not take its database along.
// Rule: each server is started in a session of its own, and is found through its data directory's postmaster.pid, no
// matter who started it. What tells servers on one host apart (port, socket, name) stands in its postgresql.conf and in
// `startCommand`, because pg_rewind overwrites the former with the other server's.
// Consequence: an agent given `startCommand` and the harness may start and stop the same server in turn.
import { execFileSync } from 'node:child_process';
import {
  accessSync,
  appendFileSync,
  chownSync,
  constants,
  existsSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { Client, type QueryResultRow } from 'pg';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { Disk } from '#test/cluster/disk.js';
import { LOOPBACK, type Place } from '#test/cluster/place.js';
import { freePort } from '#test/cluster/ports.js';
import { processesIn } from '#test/cluster/process-table.js';
import { afterStop, runToEnd, sendSignal, startProcess, waitFor } from '#test/cluster/processes.js';
import { serverUser } from '#test/cluster/users.js';
import { postgresClients } from '#test/load/clients/postgres.js';

const SUPERUSER = 'postgres';
const OLDEST_VERSION = 14;
const START_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 30_000;
const STREAM_WITHIN_MS = 20_000;
const LONGEST_SOCKET_PATH = 107;

/** Debian's postgresql.conf settings are left alone but for these; `settings` come after them. */
const SHARED_SETTINGS: Readonly<Record<string, string>> = {
  wal_level: 'replica',
  wal_log_hints: 'on',
  hot_standby: 'on',
  max_connections: '60',
  max_wal_senders: '10',
  wal_keep_size: '256MB', // instead of slots
  shared_buffers: '32MB',
  dynamic_shared_memory_type: 'mmap', // lies in the data directory, and goes with it; posix leaves files in /dev/shm after SIGKILL
  log_line_prefix: '%m [%p] %a ',
  timezone: 'UTC',
  log_timezone: 'UTC',
};

export interface ServerOptions {
  /** A run folder, or a folder inside one. Default for a replica: that of its primary. */
  readonly dir: string;
  readonly name: string;
  /** Default: a free one. */
  readonly port?: number;
  /** Lines of postgresql.conf. */
  readonly settings?: Readonly<Record<string, string>>;
  /** Default: here. */
  readonly place?: Place | undefined;
  /** On which the data lies, and nothing else of it; default: in `dir`. */
  readonly disk?: Disk | undefined;
}

export interface PrimaryOptions extends ServerOptions {
  /** Default: as serverUser says. */
  readonly uid?: number | undefined;
  readonly gid?: number | undefined;
  /** Default true, as in life. */
  readonly fsync?: boolean;
  /** Of the superuser, with scram-sha-256. Default: everybody on this host is trusted. */
  readonly password?: string;
  /** Data of a server that is down, to be copied: a tenth of the work of making new. */
  readonly template?: string | undefined;
}

export type StopMode = 'smart' | 'fast' | 'immediate';

export interface PostgresServer extends DatabaseServer {
  readonly socketDir: string;
  readonly binDir: string;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly password: string | undefined;
  /** For libpq, psql and primary_conninfo. */
  readonly conninfo: string;
  /** Starts the server in the foreground, with its own port, socket and name; to be run as uid and gid. */
  readonly startCommand: readonly string[];
  stop(mode?: StopMode): Promise<void>;
  /** Signals the postmaster alone. After SIGKILL its children live on for a while: see processes(). */
  kill(signal: NodeJS.Signals): void;
  /** Runs one statement as superuser, in a session of its own. */
  query<Row extends QueryResultRow = QueryResultRow>(
    sql: string,
    values?: readonly unknown[],
  ): Promise<Row[]>;
  waitUntilCaughtUpWith(primary: PostgresServer): Promise<void>;
}

/** Makes a new database, stopped. */
export async function createPrimary(options: PrimaryOptions): Promise<PostgresServer> {
  const { dir, name, settings = {}, fsync = true, password, template, place, disk } = options;
  const { uid, gid } = 'uid' in options ? options : { ...serverUser() };
  const server = await describeServer({ dir, name, port: options.port, uid, gid, password, place, disk });
  makeFolder(server.dir, server);
  if (template === undefined) await initialize(server, dir, password);
  else await copyData(template, server, dir);
  configure(server, { ...SHARED_SETTINGS, ...(fsync ? {} : { fsync: 'off' }), ...settings });
  if (disk !== undefined) settle(server);
  return server;
}

/** Onto its disk: one that fails forgets whatever was not. */
function settle({ dir }: PostgresServer): void {
  execFileSync('sync', ['--file-system', dir]);
}

async function initialize(server: PostgresServer, dir: string, password?: string): Promise<void> {
  const passwordFile = `${server.dir}.password`;
  const auth =
    password === undefined ? ['--auth=trust'] : ['--auth=scram-sha-256', `--pwfile=${passwordFile}`];
  if (password !== undefined) writeFileSync(passwordFile, password, { mode: 0o600 });
  if (password !== undefined) give(passwordFile, server);
  const layout = ['--data-checksums', '--encoding=UTF8', '--no-locale', '--no-sync', '--no-instructions'];
  await runTool(server, dir, 'initdb', ['-D', server.dir, '-U', SUPERUSER, ...auth, ...layout]);
  if (server.place.namespace !== undefined)
    appendFileSync(
      join(server.dir, 'pg_hba.conf'),
      'host all all samenet trust\nhost replication all samenet trust\n',
    );
  rmSync(passwordFile, { force: true });
}

async function copyData(template: string, server: PostgresServer, cwd: string): Promise<void> {
  const { name, uid, gid, logFile } = server;
  const args = ['-a', `${template}/.`, server.dir];
  await runToEnd({ name: `cp for ${name}`, command: 'cp', args, cwd, logFile, uid, gid });
}

export interface ReplicaOptions extends Omit<ServerOptions, 'dir'> {
  readonly dir?: string;
  /** What the primary was made of, copied in place of the primary's own data: the log since then is streamed. */
  readonly template?: string | undefined;
}

/** Makes a replica of a running server, stopped; its settings are the primary's (a template's: the shared ones), and then its own. */
export async function cloneReplica(
  primary: PostgresServer,
  options: ReplicaOptions,
): Promise<PostgresServer> {
  const { dir = dirname(primary.logFile), name, settings = {}, template, place, disk } = options;
  const { uid, gid, password } = primary;
  const server = await describeServer({ dir, name, port: options.port, uid, gid, password, place, disk });
  makeFolder(server.dir, server);
  // By which the primary will know this replica.
  const source = `${primary.conninfo} application_name=${name}`;
  if (template === undefined) {
    // It writes standby.signal and primary_conninfo.
    const contents = [`--dbname=${source}`, '--write-recovery-conf', '--wal-method=stream'];
    const haste = ['--checkpoint=fast', '--no-sync'];
    await runTool(server, dir, 'pg_basebackup', [`--pgdata=${server.dir}`, ...contents, ...haste]);
    configure(server, settings);
  } else {
    await copyData(template, server, dir);
    writeFileSync(join(server.dir, 'standby.signal'), '', { mode: 0o600 });
    give(join(server.dir, 'standby.signal'), server);
    const upstream = `primary_conninfo = '${source.replaceAll("'", "''")}'\n`;
    appendFileSync(join(server.dir, 'postgresql.auto.conf'), upstream);
    configure(server, { ...SHARED_SETTINGS, ...settings });
  }
  if (disk !== undefined) settle(server);
  return server;
}

// --- one server

interface DescribedServer {
  readonly dir: string;
  readonly name: string;
  readonly port: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly password: string | undefined;
  readonly place: Place | undefined;
  readonly disk: Disk | undefined;
}

async function describeServer(options: DescribedServer): Promise<PostgresServer> {
  const { dir, name, uid, gid, password, place = LOOPBACK, disk } = options;
  const port = options.port ?? (await freePort());
  const dataDir = join(disk?.dir ?? dir, name);
  const socketDir = join(dir, 'sockets');
  const logFile = join(dir, `${name}.log`);
  const binDir = newestBinDir();
  const socketPath = join(socketDir, `.s.PGSQL.${port}`);
  if (Buffer.byteLength(socketPath) > LONGEST_SOCKET_PATH)
    throw new Error(`socket path too long: ${socketPath}`);
  makeFolder(socketDir, { uid, gid });
  appendFileSync(logFile, '');
  give(logFile, { uid, gid }); // so that an agent, who runs as the server's user, may append too
  afterStop(() => releaseSharedMemory(dataDir));

  const identity = [
    `--port=${port}`,
    `--listen_addresses=${listensAt(place)}`,
    `--unix_socket_directories=${socketDir}`,
    `--cluster_name=${name}`,
  ];
  const startCommand = [join(binDir, 'postgres'), '-D', dataDir, ...identity];

  const pid = (): number | undefined => {
    const recorded = Number(readLine(join(dataDir, 'postmaster.pid'), 1));
    return recorded > 0 && processesIn(dataDir).includes(recorded) ? recorded : undefined;
  };
  const processes = (): number[] => processesIn(dataDir);
  const signalAll = (signal: NodeJS.Signals): void =>
    processes().forEach((process) => sendSignal(process, signal));
  const kill = (signal: NodeJS.Signals): void => {
    const postmaster = pid();
    if (postmaster === undefined) throw new Error(`${name}: no postmaster to send ${signal} to`);
    sendSignal(postmaster, signal);
  };
  const query = async <Row extends QueryResultRow>(
    sql: string,
    values: readonly unknown[] = [],
  ): Promise<Row[]> => {
    const client = new Client({
      ...{ host: place.address, port, user: SUPERUSER, database: 'postgres', application_name: 'harness' },
      ...(password !== undefined && { password }),
      ...{ connectionTimeoutMillis: 5_000, query_timeout: 30_000 },
    });
    client.on('error', () => undefined); // the server ended; the query itself fails too
    await client.connect();
    const { rows } = await client.query<Row>(sql, [...values]).catch((error: unknown) => {
      client.end().catch(() => undefined); // not awaited: a paused server never says goodbye
      throw error;
    });
    await client.end();
    return rows;
  };
  const waitUntilReady = async (giveUp?: () => string | undefined): Promise<void> => {
    await waitFor(() => query('select 1'), {
      timeoutMs: START_WITHIN_MS,
      what: `${name} to answer on port ${port}`,
      everyMs: 25,
      ...(giveUp && { giveUp }),
    });
  };
  const link = conninfo({
    host: place.address,
    port: String(port),
    user: SUPERUSER,
    dbname: 'postgres',
    password,
  });
  return {
    ...{ name, place, dir: dataDir, port, socketDir, binDir, logFile, uid, gid, password, startCommand },
    conninfo: link,
    visit: { command: `psql "${link}"`, pidFile: join(dataDir, 'postmaster.pid') },
    clients: postgresClients({ host: place.address, port, query }),
    clientsThrough: (front) => postgresClients({ ...front, query }),
    ...{ pid, processes, kill, query },
    start: async ({ awaitReady = true } = {}) => {
      if (pid() !== undefined) throw new Error(`${name} runs already`);
      // A server refuses to start beside the children of its predecessor.
      await waitFor(() => processes().length === 0, {
        timeoutMs: START_WITHIN_MS,
        what: `the old processes of ${name} to end`,
      });
      const [command, ...args] = startCommand as [string, ...string[]];
      const started = startProcess({
        name,
        command,
        args,
        cwd: dir,
        logFile,
        env: serverEnvironment(),
        uid,
        gid,
        place,
      });
      if (awaitReady) await waitUntilReady(started.obituary);
    },
    stop: async (mode = 'fast') => {
      const postmaster = pid();
      if (postmaster === undefined) return;
      sendSignal(postmaster, ({ smart: 'SIGTERM', fast: 'SIGINT', immediate: 'SIGQUIT' } as const)[mode]);
      await waitFor(() => processes().length === 0, {
        timeoutMs: STOP_WITHIN_MS,
        what: `${name} to stop (${mode})`,
      });
    },
    pause: () => signalAll('SIGSTOP'),
    resume: () => signalAll('SIGCONT'),
    waitUntilReady: () => waitUntilReady(),
    waitUntilStreaming: async () => {
      const isStreaming = async (): Promise<boolean> =>
        (await query(`select from pg_stat_wal_receiver where status = 'streaming'`)).length > 0;
      await waitFor(isStreaming, { timeoutMs: STREAM_WITHIN_MS, what: `${name} to stream` });
    },
    waitUntilCaughtUpWith: async (primary) => {
      const [written] = await primary.query<{ lsn: string }>('select pg_current_wal_lsn() as lsn');
      const lsn = written?.lsn ?? '';
      const replayed = `select where pg_last_wal_replay_lsn() >= $1::pg_lsn`;
      const hasReplayed = async (): Promise<boolean> => (await query(replayed, [lsn])).length > 0;
      const what = `${name} to replay ${lsn} of ${primary.name}`;
      await waitFor(hasReplayed, { timeoutMs: STREAM_WITHIN_MS, what });
    },
    upstreamPort: async () => {
      const [receiver] = await query<{ port: number }>(
        "select sender_port as port from pg_stat_wal_receiver where status = 'streaming'",
      );
      return receiver?.port;
    },
    // Segments that lie there are used first.
    useUpLog: async () => {
      for (let n = 0; n < 3; n++) await query('select pg_switch_wal()').catch(() => undefined);
    },
  };
}

function conninfo(parts: Readonly<Record<string, string | undefined>>): string {
  const quoted = (value: string): string =>
    /^[\w.]+$/.test(value) ? value : `'${value.replace(/['\\]/g, '\\$&')}'`;
  return Object.entries(parts)
    .flatMap(([key, value]) => (value === undefined ? [] : [`${key}=${quoted(value)}`]))
    .join(' ');
}

/** A host of its own is nobody else's, and may get further addresses. */
const listensAt = ({ address, namespace }: Place): string => (namespace === undefined ? address : '0.0.0.0');

/** Appended, and the last line of a name counts: so a replica's own follow those that it has copied. */
function configure(server: PostgresServer, settings: Readonly<Record<string, string>>): void {
  const own = {
    port: String(server.port),
    unix_socket_directories: server.socketDir,
    cluster_name: server.name,
    listen_addresses: listensAt(server.place),
  };
  const lines = Object.entries({ ...own, ...settings }).map(
    ([key, value]) => `${key} = '${value.replaceAll("'", "''")}'`,
  );
  appendFileSync(
    join(server.dir, 'postgresql.conf'),
    `\n# ${server.name}, by the test harness\n${lines.join('\n')}\n`,
  );
}

async function runTool(
  server: PostgresServer,
  cwd: string,
  tool: string,
  args: readonly string[],
): Promise<void> {
  const { name, uid, gid, logFile } = server;
  await runToEnd({
    name: `${tool} of ${name}`,
    command: join(server.binDir, tool),
    args,
    cwd,
    logFile,
    env: serverEnvironment(),
    uid,
    gid,
  });
}

/** Nothing of ours but PATH: PG… variables would redirect tools, and HOME may be root's. */
function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', TZ: 'UTC' };
}

function makeFolder(path: string, owner: Pick<PostgresServer, 'uid' | 'gid'>): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  give(path, owner);
}

function give(path: string, { uid, gid }: Pick<PostgresServer, 'uid' | 'gid'>): void {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}

/** Where Debian has them, or newer ones than this machine's (npm run test:compat). */
function newestBinDir(): string {
  const home = process.env['TANIST_POSTGRES_HOME'] ?? '/usr/lib/postgresql';
  const versions = existsSync(home) ? readdirSync(home).map(Number) : [];
  const newestFirst = versions.filter((version) => version >= OLDEST_VERSION).sort((a, b) => b - a);
  for (const version of newestFirst) {
    const binDir = join(home, String(version), 'bin');
    if (['postgres', 'initdb', 'pg_basebackup'].every((tool) => isProgram(join(binDir, tool)))) return binDir;
  }
  throw new Error(
    `no PostgreSQL server, ${OLDEST_VERSION} or newer, in ${home}; node test/setup.mjs installs one`,
  );
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}

/** A killed postmaster leaves a System V segment behind (a few bytes, but their number is limited), named in its pid file. */
function releaseSharedMemory(dataDir: string): void {
  const segment = readLine(join(dataDir, 'postmaster.pid'), 7)?.trim().split(/\s+/)[1];
  if (segment === undefined) return;
  try {
    execFileSync('ipcrm', ['-m', segment], { stdio: 'ignore' });
  } catch {
    // gone already
  }
}

function readLine(path: string, number: number): string | undefined {
  return existsSync(path) ? readFileSync(path, 'utf8').split('\n')[number - 1] : undefined;
}
