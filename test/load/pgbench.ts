/** Clients that know nothing of Tanist: pgbench where it is installed, otherwise the writers of our own. */
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresServer } from '#test/cluster/postgres.js';
import { runToEnd, startProcess } from '#test/cluster/processes.js';
import { prepareLoad, startLoad } from '#test/load/writers.js';

const CLIENTS = 4;
const PAUSE_MS = 2;

export interface Clients {
  readonly program: 'pgbench' | 'writers';
  /** Makes the tables. */
  prepare(): Promise<void>;
  /** They work until the seconds are over, or a little longer. */
  start(seconds: number): { finish(): Promise<Transactions> };
}

export interface Transactions {
  readonly done: number;
  /** Failed, and clients that gave up. */
  readonly failed: number;
}

/** `folder`: the run's, for the output. */
export function clientsOf(server: PostgresServer, folder: string): Clients {
  const command = join(server.binDir, 'pgbench');
  return existsSync(command) ? pgbench(command, server, folder) : writers(server);
}

function pgbench(command: string, { conninfo, name: server }: PostgresServer, folder: string): Clients {
  const place = { command, cwd: folder, env: { PATH: process.env['PATH'], LC_ALL: 'C' } };
  let count = 0;
  return {
    program: 'pgbench',
    prepare: () =>
      runToEnd({
        ...{ name: 'pgbench -i', ...place, logFile: join(folder, 'pgbench-0.log') },
        args: ['--initialize', '--quiet', conninfo],
      }),
    start(seconds) {
      count += 1;
      const logFile = join(folder, `pgbench-${count}.log`);
      const args = [`--client=${CLIENTS}`, `--time=${seconds}`, conninfo];
      const started = startProcess({ name: `pgbench on ${server}`, ...place, logFile, args });
      return {
        async finish() {
          if (started.exit()?.code === 0)
            throw new Error(`pgbench was done before that: ${seconds} s are too few`);
          const { code } = await started.exited;
          return readReport(readFileSync(logFile, 'utf8'), code);
        },
      };
    },
  };
}

/** Of PostgreSQL 14 and newer; 14 does not count failed transactions, a failure ends the client. */
function readReport(report: string, code: number | null): Transactions {
  const number = (pattern: RegExp): number => Number(pattern.exec(report)?.[1] ?? 0);
  const aborted = report.match(/client \d+ .*aborted/g)?.length ?? 0;
  const failed = number(/^number of failed transactions: (\d+)/m) + aborted;
  return {
    done: number(/^number of transactions actually processed: (\d+)/m),
    failed: failed === 0 && code !== 0 ? 1 : failed,
  };
}

function writers(server: PostgresServer): Clients {
  let count = 0;
  return {
    program: 'writers',
    prepare: () => prepareLoad(server),
    start() {
      count += 1;
      const load = startLoad([server], `clients-${count}`, { writers: CLIENTS, pauseMs: PAUSE_MS });
      return {
        async finish() {
          await load.stop();
          return { done: load.acknowledged.length, failed: load.failures() };
        },
      };
    },
  };
}
