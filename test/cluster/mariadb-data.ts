/** Where the data of a server comes from: made anew, copied from one that is down, or backed up from one that runs. */
import { readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { give } from '#test/cluster/folders.js';
import {
  ACCOUNTS,
  type MariadbServer,
  serverEnvironment,
  temporaryFolder,
} from '#test/cluster/mariadb-server.js';
import { runToEnd } from '#test/cluster/processes.js';

/** With the accounts, and the schema of the application. Nothing of that is in the binary log, which begins with the first start. */
export async function initialize(server: MariadbServer): Promise<void> {
  const statements = `${server.dir}.sql`;
  writeFileSync(statements, accounts(server.password).join('\n'), { mode: 0o600 });
  give(statements, server);
  await runTool(server, 'mariadb-install-db', [
    `--defaults-file=${server.configFile}`,
    `--datadir=${server.dir}`,
    `--tmpdir=${temporaryFolder(dirname(server.logFile))}`,
    '--auth-root-authentication-method=normal',
    '--skip-test-db',
    '--skip-name-resolve',
    `--extra-file=${statements}`,
  ]);
  rmSync(statements);
}

/** One a line, as bootstrapping reads them. It has made more administrators, for addresses. */
function accounts(password: string | undefined): readonly string[] {
  const { admin, app, replication } = ACCOUNTS;
  const identified = password === undefined ? '' : ` identified by '${password.replace(/['\\]/g, '\\$&')}'`;
  const create = (account: string, rights: string, suffix = ''): readonly string[] => [
    `create or replace user ${account}${identified};`,
    `grant ${rights} to ${account}${suffix};`,
  ];
  return [
    `delete from mysql.global_priv where Host <> 'localhost' or User = '';`,
    'delete from mysql.proxies_priv;',
    'flush privileges;',
    ...['localhost', '%'].flatMap((host) =>
      create(`${admin}@'${host}'`, 'all privileges on *.*', ' with grant option'),
    ),
    `create database ${app};`,
    ...create(`${app}@'%'`, `all privileges on ${app}.*`),
    ...create(
      `${replication}@'%'`,
      'replication slave, replica monitor, binlog monitor, connection admin on *.*',
    ),
    '',
  ];
}

/** Whom the other replicated from, and what it had received, is none of the copy's business. */
const NOT_COPIED = /^(?:master.*\.info|multi-master\.info|relay.*|mariadbd\.pid)$/;

export async function copyData(template: string, server: MariadbServer): Promise<void> {
  await runTool(server, 'cp', ['-a', `${template}/.`, server.dir]);
  for (const name of readdirSync(server.dir).filter((name) => NOT_COPIED.test(name)))
    rmSync(join(server.dir, name));
}

/** Answers with the position that the copy stands at. */
export async function backUp(source: MariadbServer, server: MariadbServer): Promise<string> {
  const { password } = source;
  await runTool(server, 'mariadb-backup', [
    `--defaults-file=${source.configFile}`,
    '--backup',
    `--target-dir=${server.dir}`,
    `--datadir=${source.dir}`,
    `--socket=${source.socket}`,
    `--user=${ACCOUNTS.admin}`,
    ...(password === undefined ? [] : [`--password=${password}`]),
  ]);
  await runTool(server, 'mariadb-backup', ['--no-defaults', '--prepare', `--target-dir=${server.dir}`]);
  const [, , position = ''] = readFileSync(join(server.dir, 'xtrabackup_binlog_info'), 'utf8').split('\t');
  return position.trim();
}

async function runTool(server: MariadbServer, tool: string, args: readonly string[]): Promise<void> {
  const { name, uid, gid, logFile } = server;
  await runToEnd({
    ...{ name: `${tool} of ${name}`, command: tool, args, cwd: dirname(logFile), logFile, uid, gid },
    env: serverEnvironment(),
  });
}
