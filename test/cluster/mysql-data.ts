/** Where the data of a server comes from: made anew, or copied from one that is down. */
import { readdirSync, rmSync, writeFileSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { give } from '#test/cluster/folders.js';
import { ACCOUNTS, type MysqlServer, serverEnvironment } from '#test/cluster/mysql-server.js';
import { runToEnd } from '#test/cluster/processes.js';

/** With the accounts, and the schema of the application. Nothing of that is in the binary log, which begins with the first start. */
export async function initialize(server: MysqlServer): Promise<void> {
  const statements = `${server.dir}.sql`;
  writeFileSync(statements, accounts(server.password).join('\n'), { mode: 0o600 });
  give(statements, server);
  const [program = '', configFile = ''] = server.startCommand;
  await runTool(server, program, [
    configFile,
    `--datadir=${server.dir}`,
    '--super-read-only=OFF',
    '--initialize-insecure',
    `--init-file=${statements}`,
  ]);
  rmSync(statements);
}

/** One a line, as it reads them. It has made the administrator for localhost. */
function accounts(password: string | undefined): readonly string[] {
  const { admin, app, replication } = ACCOUNTS;
  const identified = `identified by '${(password ?? '').replace(/['\\]/g, '\\$&')}'`;
  return [
    `alter user ${admin}@'localhost' ${identified};`,
    `create user ${admin}@'%' ${identified};`,
    `grant all privileges on *.* to ${admin}@'%' with grant option;`,
    `create database ${app};`,
    `create user ${app}@'%' ${identified};`,
    `grant all privileges on ${app}.* to ${app}@'%';`,
    `create user ${replication}@'%' ${identified};`,
    `grant replication slave, backup_admin, connection_admin on *.* to ${replication}@'%';`,
    '',
  ];
}

/** Who the other was, whom it replicated from and what it had received is none of the copy's business. */
const NOT_COPIED = /^(?:auto\.cnf|relay.*|mysqld\.pid|tanist-identity)$/;

export async function copyData(template: string, server: MysqlServer): Promise<void> {
  await runTool(server, 'cp', ['-a', `${template}/.`, server.dir]);
  for (const name of readdirSync(server.dir).filter((name) => NOT_COPIED.test(name)))
    rmSync(join(server.dir, name));
}

async function runTool(server: MysqlServer, tool: string, args: readonly string[]): Promise<void> {
  const { name, uid, gid, logFile } = server;
  await runToEnd({
    ...{ name: `${tool} of ${name}`, command: tool, args, cwd: dirname(logFile), logFile, uid, gid },
    env: serverEnvironment(),
  });
}
