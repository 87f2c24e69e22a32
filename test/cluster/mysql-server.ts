// Problem: failover has to be tried on real MySQL servers that crash, hang and come back, and that belong to nobody: an agent that
// dies must not take its database along.
// Rule: each server is started in a session of its own, and is found as the mysqld that works in its data directory, no matter who
// started it. What tells servers on one host apart (port, socket, identifier, name) stands in `startCommand`, the rest in a file
// that a copy may share.
// Consequence: an agent given `startCommand` and the harness may start and stop the same server in turn.
import { appendFileSync, chownSync, constants, accessSync, mkdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { createConnection } from 'mariadb';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { Disk } from '#test/cluster/disk.js';
import { LOOPBACK, type Place } from '#test/cluster/place.js';
import { freePort } from '#test/cluster/ports.js';
import { allProcesses, isWithin, processesIn } from '#test/cluster/process-table.js';
import { sendSignal, startProcess, waitFor } from '#test/cluster/processes.js';
import { mariadbClients } from '#test/load/clients/mariadb.js';

/** There in every data directory, without a password unless one is asked for. */
export const ACCOUNTS = {
  /** Everything; super_read_only binds it all the same. */
  admin: 'root',
  /** Everything in the schema of the same name, and nothing else. */
  app: 'app',
  /** Reads the log. */
  replication: 'replica',
} as const;

const START_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 30_000;
const STREAM_WITHIN_MS = 20_000;
const LOOK_EVERY_MS = 10;
const LONGEST_SOCKET_PATH = 107;

/** fast: in order. immediate: killed, since MySQL knows no other way to end at once. */
export type StopMode = 'fast' | 'immediate';

export interface MysqlServer extends DatabaseServer {
  /** What holds for it but does not tell it apart: a file next to the data. */
  readonly configFile: string;
  /** A path. */
  readonly socket: string;
  /** By which servers know each other, and which every transaction carries: the port. */
  readonly serverId: number;
  /** Of mysqlbinlog and its like; mysqld may lie elsewhere. */
  readonly binDir: string;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  /** Of every account. */
  readonly password: string | undefined;
  /** Starts the server in the foreground, with its own port, socket and name; to be run as uid and gid. */
  readonly startCommand: readonly string[];
  /** It comes up closed, and replicates from nobody. */
  start(options?: { readonly awaitReady?: boolean }): Promise<void>;
  /** Writes are accepted, until it is started anew. */
  open(): Promise<void>;
  /** A replica goes on replicating from whom it was told to, until it is started anew. */
  follow(): Promise<void>;
  /** The server, and any tool that works in its data. */
  processes(): number[];
  /** Runs one statement as the administrator, in a session of its own. */
  query<Row extends object = Record<string, unknown>>(
    sql: string,
    values?: readonly unknown[],
  ): Promise<Row[]>;
  waitUntilCaughtUpWith(primary: MysqlServer): Promise<void>;
}

export interface DescribedServer {
  readonly dir: string;
  readonly name: string;
  readonly port: number | undefined;
  readonly uid: number | undefined;
  readonly gid: number | undefined;
  readonly password: string | undefined;
  readonly place: Place | undefined;
  readonly disk: Disk | undefined;
}

export async function describeServer(options: DescribedServer): Promise<MysqlServer> {
  const { dir, name, uid, gid, password, place = LOOPBACK, disk } = options;
  const port = options.port ?? (await freePort());
  const dataDir = join(disk?.dir ?? dir, name);
  const configFile = join(dir, `${name}.cnf`);
  const logFile = join(dir, `${name}.log`);
  const socket = join(dir, 'sockets', `${name}.sock`);
  if (Buffer.byteLength(socket) > LONGEST_SOCKET_PATH) throw new Error(`socket path too long: ${socket}`);
  for (const folder of [dirname(socket), temporaryFolder(dir)]) makeFolder(folder, { uid, gid });
  appendFileSync(logFile, '');
  give(logFile, { uid, gid }); // so that it goes on there, whoever starts it

  const startCommand = [
    findProgram('mysqld'),
    `--defaults-file=${configFile}`,
    `--datadir=${dataDir}`,
    `--pid-file=${join(dataDir, 'mysqld.pid')}`,
    `--socket=${socket}`,
    `--port=${port}`,
    `--bind-address=${place.address}`,
    `--server-id=${port}`,
    `--report-host=${name}`,
    `--log-error=${logFile}`,
    `--tmpdir=${temporaryFolder(dir)}`,
  ];

  const processes = (): number[] => processesIn(dataDir);
  // Its pid file appears only when it is nearly ready, and outlives a killed one.
  const pid = (): number | undefined =>
    allProcesses().find(({ program, cwd }) => program === 'mysqld' && isWithin(cwd, dataDir))?.pid;
  const kill = (signal: NodeJS.Signals): void => {
    const running = pid();
    if (running === undefined) throw new Error(`${name}: no server to send ${signal} to`);
    sendSignal(running, signal);
  };
  const query = async <Row extends object>(sql: string, values: readonly unknown[] = []): Promise<Row[]> => {
    const connection = await createConnection({
      ...{ host: place.address, port, user: ACCOUNTS.admin, ...(password !== undefined && { password }) },
      allowPublicKeyRetrieval: true,
      ...{ connectTimeout: 5_000, socketTimeout: 30_000 },
    });
    connection.on('error', () => undefined); // the server ended; the query itself fails too
    const answer = await connection.query<unknown>(sql, [...values]).catch((error: unknown) => {
      connection.end().catch(() => undefined); // not awaited: a paused server never says goodbye
      throw error;
    });
    await connection.end();
    return Array.isArray(answer) ? [...(answer as Row[])] : [];
  };
  const waitUntilReady = async (giveUp?: () => string | undefined): Promise<void> => {
    await waitFor(() => query('select 1'), {
      timeoutMs: START_WITHIN_MS,
      what: `${name} to answer on port ${port}`,
      everyMs: LOOK_EVERY_MS,
      ...(giveUp && { giveUp }),
    });
  };
  const signalAll = (signal: NodeJS.Signals): void =>
    processes().forEach((process) => sendSignal(process, signal));
  return {
    ...{ name, place, dir: dataDir, configFile, port, socket, serverId: port, logFile, uid, gid, password },
    ...{ binDir: dirname(findProgram('mysqlbinlog')), startCommand, pid, processes, kill, query },
    visit: {
      command: `mysql --host=${place.address} --port=${port} --user=${ACCOUNTS.admin}`,
      pidFile: join(dataDir, 'mysqld.pid'),
    },
    clients: mariadbClients({
      ...{ host: place.address, port, user: ACCOUNTS.app, query },
      logEnd: '@@global.gtid_executed',
    }),
    start: async ({ awaitReady = true } = {}) => {
      if (pid() !== undefined) throw new Error(`${name} runs already`);
      const [command, ...args] = startCommand as [string, ...string[]];
      const env = serverEnvironment();
      const started = startProcess({ name, command, args, cwd: dir, logFile, env, uid, gid, place });
      if (awaitReady) await waitUntilReady(started.obituary);
    },
    open: async () => {
      await query('set global super_read_only = 0');
      await query('set global read_only = 0');
    },
    follow: async () => {
      await query('start replica');
    },
    stop: async (mode = 'fast') => {
      const running = pid();
      if (running === undefined) return;
      sendSignal(running, ({ fast: 'SIGTERM', immediate: 'SIGKILL' } as const)[mode]);
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
        (await query<ReplicaStatus>('show replica status'))[0]?.Replica_IO_Running === 'Yes';
      await waitFor(isStreaming, { timeoutMs: STREAM_WITHIN_MS, what: `${name} to stream` });
    },
    waitUntilCaughtUpWith: async (primary) => {
      const [written] = await primary.query<{ gtid: string }>('select @@global.gtid_executed as gtid');
      const gtid = written?.gtid ?? '';
      const hasApplied = async (): Promise<boolean> =>
        Number(
          (
            await query<{ answer: number }>('select gtid_subset(?, @@global.gtid_executed) as answer', [gtid])
          )[0]?.answer,
        ) === 1;
      const what = `${name} to apply ${gtid} of ${primary.name}`;
      await waitFor(hasApplied, { timeoutMs: STREAM_WITHIN_MS, what });
    },
    upstreamPort: async () => {
      const [status] = await query<ReplicaStatus>('show replica status');
      return status?.Replica_IO_Running === 'Yes' ? Number(status.Source_Port) : undefined;
    },
    // It sets none aside: each transaction makes its file longer.
    useUpLog: () => Promise.resolve(),
  };
}

interface ReplicaStatus {
  readonly Replica_IO_Running: string;
  readonly Source_Port: number | bigint;
}

/** Of all servers of a folder. What a killed one leaves there goes with the run. */
export const temporaryFolder = (dir: string): string => join(dir, 'tmp');

/** Nothing of ours but PATH: MYSQL_… variables would redirect tools, and HOME may be root's. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', TZ: 'UTC' };
}

export function makeFolder(path: string, owner: Pick<MysqlServer, 'uid' | 'gid'>): void {
  mkdirSync(path, { recursive: true, mode: 0o700 });
  give(path, owner);
}

export function give(path: string, { uid, gid }: Pick<MysqlServer, 'uid' | 'gid'>): void {
  if (uid !== undefined && gid !== undefined) chownSync(path, uid, gid);
}

/** Debian's stable has no MySQL: it comes from the folder of newer servers (test/compat/servers.mjs). */
function findProgram(name: string): string {
  const newer = process.env['TANIST_COMPAT_DIR'];
  const folders = newer === undefined ? [] : [join(newer, 'usr/sbin'), join(newer, 'usr/bin')];
  const found = folders.map((folder) => join(folder, name)).find(isProgram);
  if (found === undefined) throw new Error(`no ${name} in TANIST_COMPAT_DIR; run npm run test:compat`);
  return found;
}

function isProgram(path: string): boolean {
  try {
    accessSync(path, constants.X_OK);
    return true;
  } catch {
    return false;
  }
}
