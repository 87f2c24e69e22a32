// Problem: a guide that nobody has tried is worse than none.
// Rule: the programs in examples/clients, as they lie there, with the drivers that Debian and npm have, each through a switchover and a crash.
// Consequence: whatever such a program said was written is there, and each writes at the next leader by itself.
import { copyFileSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { COMMANDS, succeed } from '#test/cluster/command-line.js';
import { MARIADB, POSTGRES } from '#test/cluster/engines.js';
import { packageRoot } from '#test/cluster/home.js';
import { runToEnd, startProcess, stopAll, type StartedProcess, waitFor } from '#test/cluster/processes.js';
import { type AnyCluster, startTanistOn, type TanistCluster } from '#test/cluster/tanist.js';
import type { MariadbServer } from '#test/cluster/mariadb.js';

const EXAMPLES = join(packageRoot(), 'examples/clients');
const JARS = {
  postgres: '/usr/share/java/postgresql.jar',
  mariadb: '/usr/share/java/mariadb-java-client.jar',
};
const ENOUGH = 25;

interface Example {
  readonly process: StartedProcess;
  /** Ids that it said were written. */
  wrote(): readonly number[];
}

async function startExample(
  folder: string,
  file: string,
  jar: string,
  args: readonly string[],
): Promise<Example> {
  const logFile = join(folder, `${file}.log`);
  const source = join(EXAMPLES, file);
  const place = { name: file, cwd: folder, logFile };
  const wrote = (): readonly number[] =>
    [...readFileSync(logFile, 'utf8').matchAll(/^wrote (\d+)$/gm)].map(([, id]) => Number(id));
  if (file.endsWith('.py'))
    return {
      process: startProcess({ ...place, command: '/usr/bin/python3', args: [source, ...args] }),
      wrote,
    };
  if (file.endsWith('.mjs'))
    return { process: startProcess({ ...place, command: process.execPath, args: [source, ...args] }), wrote };
  copyFileSync(source, join(folder, file));
  await runToEnd({ ...place, command: 'javac', args: ['-d', folder, join(folder, file)] });
  const java = ['-cp', `${folder}:${jar}`, file.replace('.java', ''), ...args];
  return { process: startProcess({ ...place, command: 'java', args: java }), wrote };
}

/** A switchover, a crash of the next leader, and each example goes on by itself. */
async function followBoth(cluster: AnyCluster, example: Example): Promise<void> {
  const goesOn = async (what: string): Promise<void> => {
    const least = example.wrote().length + ENOUGH;
    await waitFor(() => example.wrote().length >= least, {
      ...{ timeoutMs: 20_000, what: `${example.process.name} to write ${what}` },
      giveUp: () => example.process.obituary(),
    });
  };
  await goesOn('at first');
  await succeed(cluster.tanist, COMMANDS.switchover(cluster));
  await goesOn('after a switchover');
  const { server } = await cluster.leader();
  server.kill('SIGKILL');
  await goesOn('after a crash');
  await cluster.waitUntilWell();
  await example.process.stop();
}

describe('of PostgreSQL', () => {
  let cluster: TanistCluster;
  beforeAll(async () => {
    cluster = await startTanistOn(POSTGRES, { label: 'direct-pg' });
    const { server } = await cluster.leader();
    await server.query('create table client_log (id bigint primary key)');
    await server.query('create role app login');
    await server.query('grant insert, select on client_log to app');
  });
  afterAll(stopAll);

  it.each(['libpq.py', 'node-pg.mjs', 'PostgresJdbc.java'])('%s finds each next leader', async (file) => {
    const addresses = cluster.members.map(({ server }) => `${server.place.address}:${server.port}`).join(',');
    await (await cluster.leader()).server.query('truncate client_log');
    const example = await startExample(cluster.folder, file, JARS.postgres, [addresses, 'app', 'postgres']);
    await followBoth(cluster, example);
    const rows = await (await cluster.leader()).server.query<{ id: string }>('select id from client_log');
    const there = new Set(rows.map(({ id }) => Number(id)));
    expect(example.wrote().filter((id) => !there.has(id))).toEqual([]);
  });
});

describe('of MariaDB', () => {
  let cluster: TanistCluster<MariadbServer>;
  beforeAll(async () => {
    cluster = await startTanistOn(MARIADB, { label: 'direct-mariadb' });
    const { server } = await cluster.leader();
    await server.query('create database direct');
    await server.query('create table direct.client_log (id bigint primary key)');
    await server.query("create user direct@'%'");
    await server.query("grant select, insert on direct.* to direct@'%'");
  });
  afterAll(stopAll);

  it.each(['node-mariadb.mjs', 'MariadbJdbc.java'])('%s finds each next leader', async (file) => {
    const addresses = cluster.members.map(({ server }) => `${server.place.address}:${server.port}`).join(',');
    await (await cluster.leader()).server.query('delete from direct.client_log');
    const example = await startExample(cluster.folder, file, JARS.mariadb, [addresses, 'direct', 'direct']);
    await followBoth(cluster, example);
    const rows = await (
      await cluster.leader()
    ).server.query<{ id: bigint }>('select id from direct.client_log');
    const there = new Set(rows.map(({ id }) => Number(id)));
    expect(example.wrote().filter((id) => !there.has(id))).toEqual([]);
  });
});
