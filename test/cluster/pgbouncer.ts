// Problem: a pooler is in most people's way to PostgreSQL, and what a switchover does to its clients shows only with a real one.
// Rule: a real PgBouncer in transaction pooling, as docs/router.md says to set it up; its database lines are the router's.
// Consequence: clients have one address, and sessions that outlive leaders.
import { chownSync, writeFileSync } from 'node:fs';
import { mkdir } from 'node:fs/promises';
import { join } from 'node:path';
import { Client } from 'pg';
import { freePorts } from '#test/cluster/ports.js';
import { startProcess, type StartedProcess, waitFor } from '#test/cluster/processes.js';
import { serverUser } from '#test/cluster/users.js';

export interface Pooler {
  readonly host: string;
  readonly port: number;
  readonly process: StartedProcess;
  /** Of the router's file. */
  readonly section: object;
}

export const POOLED = 'postgres';
const HOST = '127.0.0.1';
const USER = 'postgres';

export async function startPgbouncer(folder: string): Promise<Pooler> {
  const dir = join(folder, 'pgbouncer');
  await mkdir(dir);
  const [port = 0] = await freePorts(1);
  const databases = join(dir, 'databases.ini');
  const users = join(dir, 'users.txt');
  const config = join(dir, 'pgbouncer.ini');
  writeFileSync(databases, '');
  writeFileSync(users, `"${USER}" ""\n"client" ""\n`);
  writeFileSync(
    config,
    [
      ...['[databases]', `%include ${databases}`],
      ...['[pgbouncer]', `listen_addr = ${HOST}`, `listen_port = ${port}`, `unix_socket_dir = ${dir}`],
      ...['auth_type = trust', `auth_file = ${users}`, `admin_users = ${USER}`],
      ...['pool_mode = transaction', 'default_pool_size = 20', 'max_client_conn = 200'],
      // After a failed attempt the next one comes soon, not after 15 s.
      ...['server_login_retry = 0.2', 'server_connect_timeout = 2', 'tcp_user_timeout = 2000', ''],
    ].join('\n'),
  );
  const user = serverUser();
  if (user !== undefined)
    for (const path of [dir, databases, users, config]) chownSync(path, user.uid, user.gid);
  const process = startProcess({
    ...{ name: 'pgbouncer', command: '/usr/sbin/pgbouncer', args: [config], cwd: dir },
    ...{ logFile: join(dir, 'pgbouncer.log'), ...(user ?? {}) },
  });
  const answers = async (): Promise<boolean> => {
    const client = new Client({ host: HOST, port, user: USER, database: 'pgbouncer' });
    client.on('error', () => undefined);
    try {
      await client.connect();
      await client.query('SHOW VERSION');
      return true;
    } finally {
      await client.end().catch(() => undefined);
    }
  };
  await waitFor(answers, { timeoutMs: 10_000, what: 'PgBouncer to answer' });
  return {
    ...{ host: HOST, port, process },
    section: { host: HOST, port, user: USER, file: databases, databases: { [POOLED]: `dbname=${POOLED}` } },
  };
}
