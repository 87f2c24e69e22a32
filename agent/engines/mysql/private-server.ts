/**
 * A server of the agent's own, on data that is nobody's yet. It is reached by a socket in its data alone, accepts no writes, receives from nobody, and
 * dies with the agent.
 */
import { join } from 'node:path';
import { TanistError } from '#core/errors.js';
import { type Running, runAsOwner } from '#agent/engines/as-owner.js';
import { awaitWithin, type Bounds } from '#agent/engines/bounds.js';
import { type Connection, createConnection, type Dialect } from '#agent/engines/mysql-family/connection.js';
import { serverProcesses } from '#agent/engines/mysql-family/processes.js';
import type { Server } from '#agent/engines/mysql/server.js';
import { signal } from '#agent/engines/process-table.js';

const ANSWER_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 50;
const SOCKET = 'private.sock';
const LONGEST_SOCKET_PATH = 107;
const DIALECT: Dialect = { session: [], dial: {} };

/** Beside a database at work. */
const SMALL = ['--innodb-buffer-pool-size=64M', '--loose-innodb-redo-log-capacity=64M'];
const ALONE = [
  ...['--skip-networking', '--mysqlx=OFF', '--skip-log-bin', '--server-id=1', '--event-scheduler=OFF'],
  ...['--gtid-mode=ON', '--enforce-gtid-consistency=ON', '--skip-replica-start', '--super-read-only=ON'],
  ...['--auto-generate-certs=OFF', '--secure-file-priv=NULL', '--innodb-buffer-pool-dump-at-shutdown=OFF'],
];

/** In which the files of data differ; those of a copy have to be as its source's are, and so as this member's. */
export type DataFormat = readonly string[];

export interface PrivateServer {
  /** Sessions of its administrator. */
  readonly connections: { readonly work: Connection; readonly watch: Connection };
}

/** New data, of an administrator without a password. */
export async function initialize(
  server: Server,
  dataDir: string,
  format: DataFormat,
  bounds: Bounds,
): Promise<void> {
  const quick = [
    '--innodb-flush-log-at-trx-commit=0',
    '--innodb-doublewrite=OFF',
    '--performance-schema=OFF',
  ];
  const { code, complaints } = await runAsOwner(
    server,
    [
      ...(await program(server, dataDir)),
      '--initialize-insecure',
      '--skip-log-bin',
      ...format,
      ...SMALL,
      ...quick,
    ],
    {},
    ({ hasEnded }) => bounds.until(hasEnded, LOOK_EVERY_MS),
  );
  if (code !== 0)
    throw new TanistError('ENGINE_FAILED', `mysqld could not make new data: ${brief(complaints)}`);
}

/** For as long as `work` takes; the server has ended in order once this resolves. */
export async function withPrivateServer<T>(
  server: Server,
  dataDir: string,
  options: readonly string[],
  bounds: Bounds,
  work: (own: PrivateServer) => Promise<T>,
): Promise<T> {
  const socket = join(dataDir, SOCKET);
  if (Buffer.byteLength(socket) > LONGEST_SOCKET_PATH)
    throw new TanistError(
      'RECLONE_IMPOSSIBLE',
      `${socket} is too long for the path of a socket`,
      'let stateDir be a shorter path',
    );
  const dial = (): Connection =>
    createConnection(
      DIALECT,
      { host: '', port: 0, socket, user: 'root', password: undefined },
      () => undefined,
    );
  const connections = { work: dial(), watch: dial() };
  let done: { readonly value: T } | undefined;
  const wait = async (running: Running): Promise<void> => {
    for (const connection of Object.values(connections)) {
      const answers = async (): Promise<boolean> =>
        running.hasEnded() || (await connection.connect(ANSWER_WITHIN_MS)).kind === 'ready';
      await bounds.until(answers, LOOK_EVERY_MS);
    }
    if (running.hasEnded()) return;
    done = { value: await awaitWithin(bounds, work({ connections })) };
    for (const process of serverProcesses(dataDir)) signal(process, 'SIGTERM');
    await bounds.until(running.hasEnded, LOOK_EVERY_MS);
  };
  try {
    const command = [
      ...(await program(server, dataDir)),
      `--socket=${SOCKET}`,
      ...ALONE,
      ...SMALL,
      ...options,
    ];
    const { code, complaints } = await runAsOwner(server, command, {}, wait);
    if (done !== undefined && code === 0) return done.value;
    throw new TanistError('ENGINE_FAILED', `mysqld on ${dataDir} failed: ${brief(complaints)}`);
  } finally {
    for (const connection of Object.values(connections)) connection.close();
  }
}

/** Of this server's own version: data of a newer one cannot be taken back. */
async function program(server: Server, dataDir: string): Promise<readonly string[]> {
  const { uid } = await server.owner();
  return [
    ...[server.tool('mysqld'), '--no-defaults', `--datadir=${dataDir}`, '--pid-file=private.pid'],
    // It refuses to be root, unless it is told to.
    ...(uid === 0 ? ['--user=root'] : []),
  ];
}

const brief = (complaints: string): string => {
  const lines = complaints.trim().split('\n');
  const errors = lines.filter((line) => line.includes('[ERROR]'));
  return (errors.length > 0 ? errors : lines).slice(-3).join(' / ');
};
