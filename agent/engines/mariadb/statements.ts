/** Log as statements: mariadb-binlog makes them of log files, a client runs them. Each transaction keeps its own number. */
import { execFile, spawn } from 'node:child_process';
import { mkdir, open } from 'node:fs/promises';
import { dirname } from 'node:path';
import { promisify } from 'node:util';
import { TanistError } from '#core/errors.js';
import { formatGtids, type Gtid } from '#core/positions/mariadb.js';
import { awaitWithin, type Bounds, boundBy } from '#agent/engines/bounds.js';
import type { Server } from '#agent/engines/mariadb/server.js';

const READ_WITHIN_MS = 60_000;
const LAST_WORDS = 400;
const LOCK = 'tanist-apply';
const ENDS_WITHIN_MS = 5_000;
const LOOK_EVERY_MS = 5;
const LOOK_WITHIN_MS = 1_000;

/** What these files, which contain `from`, hold after it and before the offset `end` of the last. Not strict: it takes a domain that has no more for a fault. */
export async function dumpTo(
  server: Server,
  path: string,
  from: readonly Gtid[],
  files: readonly string[],
  end: number,
): Promise<void> {
  await mkdir(dirname(path), { recursive: true, mode: 0o700 });
  const start = from.length === 0 ? [] : [`--start-position=${formatGtids(from)}`];
  const args = ['--no-defaults', '--verbose', '--skip-gtid-strict-mode', ...start, `--stop-position=${end}`];
  await promisify(execFile)(server.tool('mariadb-binlog'), [...args, `--result-file=${path}`, ...files], {
    timeout: READ_WITHIN_MS,
  });
}

/** One transaction after the other: whatever ends it leaves a shorter log of the same history. Nothing of it goes on once this has ended. */
export async function applyFrom(server: Server, path: string, bounds: Bounds): Promise<void> {
  const { connection } = server;
  const say = (sql: string, values: readonly (number | bigint)[] = []): Promise<unknown> =>
    connection.query(sql, { values, timeoutMs: bounds.left() + LOOK_WITHIN_MS });
  const [before] = await connection.query<{ bytes: number | bigint }>(
    'select @@global.max_allowed_packet as bytes',
    { timeoutMs: bounds.left() },
  );
  // mariadb-binlog makes one statement of all the rows that a statement has touched.
  await say('set global max_allowed_packet = 1073741824');
  try {
    await runClient(server, path, bounds);
  } finally {
    await endSession(server);
    await say('set global max_allowed_packet = ?', [before?.bytes ?? 16_777_216]);
  }
}

async function runClient(server: Server, path: string, bounds: Bounds): Promise<void> {
  const { host, port, socket, user, password } = server.config;
  const where =
    socket === undefined ? ['--protocol=tcp', `--host=${host}`, `--port=${port}`] : [`--socket=${socket}`];
  const how = ['--no-defaults', '--batch', '--binary-mode', '--max-allowed-packet=1G'];
  const source = await open(path, 'r');
  const child = spawn(
    server.tool('mariadb'),
    [...how, `--init-command=do get_lock('${LOCK}', 0)`, ...where, `--user=${user}`],
    {
      env: { ...process.env, ...(password !== undefined && { MYSQL_PWD: password }) },
      stdio: [source.fd, 'ignore', 'pipe'],
    },
  );
  let said = '';
  child.stderr?.on('data', (data: Buffer) => (said = (said + data.toString()).slice(-LAST_WORDS)));
  const ended = new Promise<number | null>((resolve, reject) => {
    child.once('error', reject);
    child.once('close', resolve);
  });
  try {
    const code = await awaitWithin(bounds, ended);
    if (code === 0) return;
    const because = said.trim() === '' ? `code ${String(code)}` : said.trim();
    throw new TanistError('ENGINE_FAILED', `the log was not applied: ${because}`);
  } finally {
    child.kill('SIGKILL');
    await source.close();
  }
}

/** The server goes on with a statement whose client is gone; by the lock that it holds the session is known. */
async function endSession(server: Server): Promise<void> {
  const bounds = boundBy(server.now, ENDS_WITHIN_MS, new AbortController().signal);
  const isOver = async (): Promise<boolean> => {
    const [row] = await server.connection.query<{ id: number | bigint | null }>(
      'select is_used_lock(?) as id',
      { values: [LOCK] },
    );
    if (row?.id === null || row === undefined) return true;
    await server.connection.query('kill hard connection ?', { values: [row.id] }).catch(() => undefined);
    return false;
  };
  if (!(await bounds.until(isOver, LOOK_EVERY_MS)))
    throw new TanistError('ENGINE_FAILED', 'a statement of the log is still under way, and cannot be ended');
}
