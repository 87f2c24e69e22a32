// What the contract of the MariaDB engine stands on, tried itself: servers that are copied, killed, paused and restarted.
import { existsSync } from 'node:fs';
import { createConnection } from 'mariadb';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { ACCOUNTS, cloneReplica, createPrimary, type MariadbServer } from '#test/cluster/mariadb.js';
import { processesIn } from '#test/cluster/process-table.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';

describe('harness with real MariaDB servers', { timeout: 60_000 }, () => {
  let folder: string;
  let template: string;
  let primary: MariadbServer;
  let replica: MariadbServer;

  beforeAll(async () => {
    folder = createRunFolder('harness');
    const origin = await createPrimary({ dir: folder, name: 'origin' });
    await origin.start();
    await origin.open();
    await origin.query('create table app.chief (name text)');
    await origin.stop();
    template = origin.dir;
    primary = await createPrimary({ dir: folder, name: 'ma-1', template });
    await primary.start();
    await primary.open();
    await primary.query('insert into app.chief values (?)', ['Niall']);
    replica = await cloneReplica(primary, { name: 'ma-2', template });
    await replica.waitUntilStreaming();
  }, 60_000);

  afterAll(stopAll, 30_000);

  const chiefs = async (server: MariadbServer): Promise<string[]> =>
    (await server.query<{ name: string }>('select name from app.chief order by name')).map(
      ({ name }) => name,
    );

  it('a replica made of the same template has what was written since', async () => {
    await replica.waitUntilCaughtUpWith(primary);
    expect(await chiefs(replica)).toEqual(['Niall']);
    const state = 'select @@global.gtid_binlog_state as state';
    expect(await replica.query(state)).toEqual(await primary.query(state));
  });

  it('the primary knows its replica by number and name', async () => {
    expect(await primary.query('show slave hosts')).toMatchObject([
      { Server_id: replica.serverId, Host: 'ma-2', Port: replica.port },
    ]);
  });

  it('a replica made of a backup has it, too, and follows', async () => {
    const other = await cloneReplica(primary, { name: 'ma-3' });
    expect(await chiefs(other)).toEqual(['Niall']);
    await primary.query('insert into app.chief values (?)', ['Conn']);
    await other.waitUntilCaughtUpWith(primary);
    expect(await chiefs(other)).toEqual(['Conn', 'Niall']);
    await other.stop();
  });

  it('a server killed with SIGKILL is gone; started again, it follows nobody until told to', async () => {
    const killed = replica.pid();
    replica.kill('SIGKILL');
    await waitFor(() => replica.pid() === undefined, { timeoutMs: 5_000, what: 'the server to die' });
    await replica.start();
    expect(replica.pid()).not.toBe(killed);
    expect(await replica.query('show slave status')).toMatchObject([
      { Slave_IO_Running: 'No', Slave_SQL_Running: 'No' },
    ]);
    await replica.follow();
    await replica.waitUntilStreaming();
  });

  it('a primary comes up closed, to the application and not to the administrator, until it is opened', async () => {
    await primary.stop('immediate');
    await primary.start();
    const session = await createConnection({ host: '127.0.0.1', port: primary.port, user: ACCOUNTS.app });
    const insert = (name: string): Promise<unknown> =>
      session.query('insert into app.chief values (?)', [name]);
    await expect(insert('Brian')).rejects.toThrow(/read-only/);
    await primary.query('insert into app.chief values (?)', ['Art']);
    await primary.open();
    await insert('Brian');
    await session.end();
    await replica.waitUntilCaughtUpWith(primary);
    expect(await chiefs(replica)).toEqual(['Art', 'Brian', 'Conn', 'Niall']);
  });

  it('a paused server answers nothing until it is resumed', async () => {
    replica.pause();
    const answer = replica.query('select 1').then(() => 'answered');
    const silence = new Promise((resolve) => setTimeout(resolve, 300, 'silent'));
    expect(await Promise.race([answer, silence])).toBe('silent');
    replica.resume();
    expect(await answer).toBe('answered');
  });

  it('stop returns when the server is gone', async () => {
    await replica.stop();
    expect(replica.processes()).toEqual([]);
    await replica.stop();
    await replica.start();
  });

  it('stopAll leaves no process behind, not even a paused one', async () => {
    replica.pause();
    expect(processesIn(folder).length).toBe(2);
    await stopAll();
    expect(processesIn(folder)).toEqual([]);
    expect(existsSync(folder)).toBe(false);
  });
});
