// Problem: what clients of a pooler feel of a switchover is how long one transaction took, and whether any failed.
// Rule: pgbench as it comes, with a script of a few statements in one transaction; it writes down how long each took, and a client of it that gets an error gives
// up and says so.
// Consequence: every transaction that it counts is a row that must be there afterwards.
import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import type { PostgresServer } from '#test/cluster/postgres.js';
import { startProcess, waitFor } from '#test/cluster/processes.js';

export interface Waits {
  readonly transactions: number;
  /** Clients that gave up, and transactions that failed. */
  readonly errors: number;
  /** Of one transaction, ms. */
  readonly longestMs: number;
}

const TABLE = 'waits';
const SCRIPT = `begin;
insert into ${TABLE} (client) values (:client_id);
select count(*) from pg_class;
end;
`;

export const prepareWaits = async ({ query }: PostgresServer): Promise<void> => {
  await query(`create table if not exists ${TABLE} (id bigserial primary key, client int not null)`);
};

export async function rowsOfWaits({ query }: PostgresServer): Promise<number> {
  const [row] = await query<{ rows: string }>(`select count(*) as rows from ${TABLE}`);
  return Number(row?.rows ?? 0);
}

/** Works for so many seconds. `folder`: of this run alone. */
export function startPgbench(
  binDir: string,
  folder: string,
  {
    host,
    port,
    clients,
    seconds,
  }: { readonly host: string; readonly port: number; readonly clients: number; readonly seconds: number },
): { readonly untilSteady: () => Promise<unknown>; readonly finish: () => Promise<Waits> } {
  const script = join(folder, 'transaction.sql');
  writeFileSync(script, SCRIPT);
  const logFile = join(folder, 'pgbench.log');
  const prefix = join(folder, 'waited');
  const started = startProcess({
    ...{ name: 'pgbench', command: join(binDir, 'pgbench'), cwd: folder, logFile },
    env: { PATH: process.env['PATH'], LC_ALL: 'C' },
    args: [
      ...['--no-vacuum', `--client=${clients}`, '--jobs=2', `--time=${seconds}`, `--file=${script}`],
      ...[
        '--log',
        `--log-prefix=${prefix}`,
        '--host',
        host,
        '--port',
        String(port),
        '--username=postgres',
        'postgres',
      ],
    ],
  });
  const lines = (): readonly (readonly string[])[] =>
    readdirSync(folder)
      .filter((name) => name.startsWith('waited.'))
      .flatMap((name) => readFileSync(join(folder, name), 'utf8').split('\n'))
      .map((line) => line.split(' '))
      .filter((cells) => cells.length >= 6);
  return {
    untilSteady: () =>
      waitFor(() => existsSync(folder) && lines().length > 200, {
        timeoutMs: 10_000,
        what: 'pgbench to work',
      }),
    async finish() {
      const { code } = await started.exited;
      const said = readFileSync(logFile, 'utf8');
      const failed = Number(/^number of failed transactions: (\d+)/m.exec(said)?.[1] ?? 0);
      const gaveUp = said.match(/client \d+ .*aborted|connection to server .*failed/g)?.length ?? 0;
      const all = lines();
      return {
        transactions: all.length,
        errors: failed + gaveUp === 0 && code !== 0 ? 1 : failed + gaveUp,
        longestMs: Math.max(0, ...all.map((cells) => Number(cells[2]) / 1000)),
      };
    },
  };
}
