// Problem: failover has to be tried on real servers of MariaDB and MySQL that crash, hang and come back, and that belong to nobody: an agent that
// dies must not take its database along.
// Rule: each server is started in a session of its own, and is found as the program that works in its data directory, no matter who
// started it. What tells servers on one host apart (port, socket, identifier, name) stands in `startCommand`, the rest in a file
// that a copy may share.
// Consequence: an agent given `startCommand` and the harness may start and stop the same server in turn.
import { accessSync, appendFileSync, constants } from 'node:fs';
import { dirname, join } from 'node:path';
import { type Dialect, openSession } from '#agent/engines/mysql-family/connection.js';
import type { DatabaseServer } from '#test/cluster/database-server.js';
import type { Disk } from '#test/cluster/disk.js';
import { give, makeFolder } from '#test/cluster/folders.js';
import { LOOPBACK, type Place } from '#test/cluster/place.js';
import { freePort } from '#test/cluster/ports.js';
import { allProcesses, isWithin, processesIn } from '#test/cluster/process-table.js';
import { sendSignal, startProcess, waitFor } from '#test/cluster/processes.js';
import { mariadbClients } from '#test/load/clients/mariadb.js';

/** There in every data directory, without a password unless one is asked for. */
export const ACCOUNTS = {
  /** Everything. `read_only` does not bind it, while MySQL's `super_read_only` does. */
  admin: 'root',
  /** Everything in the schema of the same name, and nothing else. */
  app: 'app',
  /** Reads the log. */
  replication: 'replica',
} as const;

const START_WITHIN_MS = 30_000;
const STOP_WITHIN_MS = 30_000;
const STREAM_WITHIN_MS = 20_000;
const CONNECT_WITHIN_MS = 5_000;
/** With the settings that the server has. */
const AS_IT_IS: Dialect = { session: [], dial: { allowPublicKeyRetrieval: true, socketTimeout: 30_000 } };
const LOOK_EVERY_MS = 10;
const LONGEST_SOCKET_PATH = 107;

/** fast: in order. immediate: killed, since they know no other way to end at once. */
export type StopMode = 'fast' | 'immediate';

export interface FamilyServer extends DatabaseServer {
  /** What holds for it but does not tell it apart: a file next to the data. */
  readonly configFile: string;
  /** A path. */
  readonly socket: string;
  /** By which servers know each other, and which every transaction carries: the port. */
  readonly serverId: number;
  /** Of the programs that read its log, and their like; the server itself may lie elsewhere. */
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
  waitUntilCaughtUpWith(primary: FamilyServer): Promise<void>;
}

/** What the two say in other words. */
export interface Words {
  /** Where programs are looked for, and what is said where one is not there. */
  readonly folders: readonly string[];
  readonly remedy: string;
  readonly program: string;
  /** A program that lies where all others do. */
  readonly tool: string;
  readonly client: string;
  /** What the writes of a load say that the log had come to. */
  readonly logEnd: Parameters<typeof mariadbClients>[0]['logEnd'];
  readonly openBy: readonly string[];
  readonly followBy: string;
  readonly status: string;
  readonly receives: string;
  readonly sourcePort: string;
  /** Of one value, whether all that it names is applied here; answers `is`. */
  readonly hasApplied: { readonly sql: string; readonly is: number };
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

export async function describeServer(words: Words, options: DescribedServer): Promise<FamilyServer> {
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
    findProgram(words, words.program),
    `--defaults-file=${configFile}`,
    `--datadir=${dataDir}`,
    `--pid-file=${join(dataDir, `${words.program}.pid`)}`,
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
    allProcesses().find(({ program, cwd }) => program === words.program && isWithin(cwd, dataDir))?.pid;
  const kill = (signal: NodeJS.Signals): void => {
    const running = pid();
    if (running === undefined) throw new Error(`${name}: no server to send ${signal} to`);
    sendSignal(running, signal);
  };
  const query = async <Row extends object>(sql: string, values: readonly unknown[] = []): Promise<Row[]> => {
    const address = { host: place.address, port, socket: undefined, user: ACCOUNTS.admin, password };
    const { client, cut } = await openSession(AS_IT_IS, address, CONNECT_WITHIN_MS);
    const answer = await client.query<unknown>(sql, [...values]).catch((error: unknown) => {
      cut(); // a paused server never says goodbye
      throw error;
    });
    await client.end();
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
  const door = { user: ACCOUNTS.app, query, logEnd: words.logEnd };
  return {
    ...{ name, place, dir: dataDir, configFile, port, socket, serverId: port, logFile, uid, gid, password },
    ...{ binDir: dirname(findProgram(words, words.tool)), startCommand, pid, processes, kill, query },
    visit: {
      command: `${words.client} --host=${place.address} --port=${port} --user=${ACCOUNTS.admin}`,
      pidFile: join(dataDir, `${words.program}.pid`),
    },
    clients: mariadbClients({ ...door, host: place.address, port }),
    clientsThrough: (front) => mariadbClients({ ...door, ...front }),
    start: async ({ awaitReady = true } = {}) => {
      if (pid() !== undefined) throw new Error(`${name} runs already`);
      const [command, ...args] = startCommand as [string, ...string[]];
      const env = serverEnvironment();
      const started = startProcess({ name, command, args, cwd: dir, logFile, env, uid, gid, place });
      if (awaitReady) await waitUntilReady(started.obituary);
    },
    open: async () => {
      for (const statement of words.openBy) await query(statement);
    },
    follow: async () => {
      await query(words.followBy);
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
        (await query<Row>(words.status))[0]?.[words.receives] === 'Yes';
      await waitFor(isStreaming, { timeoutMs: STREAM_WITHIN_MS, what: `${name} to stream` });
    },
    waitUntilCaughtUpWith: async (primary) => {
      const [written] = await primary.query<{ gtid: string }>(`select ${words.logEnd} as gtid`);
      const gtid = written?.gtid ?? '';
      const { sql, is } = words.hasApplied;
      const hasApplied = async (): Promise<boolean> =>
        Number((await query<{ answer: number }>(`select ${sql} as answer`, [gtid]))[0]?.answer) === is;
      const what = `${name} to apply ${gtid} of ${primary.name}`;
      await waitFor(hasApplied, { timeoutMs: STREAM_WITHIN_MS, what });
    },
    upstreamPort: async () => {
      const [status] = await query<Row>(words.status);
      return status?.[words.receives] === 'Yes' ? Number(status[words.sourcePort]) : undefined;
    },
    // It sets none aside: each transaction makes its file longer.
    useUpLog: () => Promise.resolve(),
  };
}

type Row = Readonly<Record<string, unknown>>;

/** Of all servers of a folder. What a killed one leaves there goes with the run. */
export const temporaryFolder = (dir: string): string => join(dir, 'tmp');

/** Nothing of ours but PATH: MYSQL_… variables would redirect tools, and HOME may be root's. */
export function serverEnvironment(): NodeJS.ProcessEnv {
  return { PATH: process.env['PATH'], LC_ALL: 'C.UTF-8', TZ: 'UTC' };
}

function findProgram({ folders, remedy }: Words, name: string): string {
  const found = folders.map((folder) => join(folder, name)).find(isProgram);
  if (found === undefined) throw new Error(`no ${name} in ${folders.join(', ') || 'any folder'}; ${remedy}`);
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
