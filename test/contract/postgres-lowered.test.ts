// Which sessions are seen to be outside of the cluster's durability on a real server, and by what they are named.
import { Client } from 'pg';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import { type LoweredSessions, NOBODY_LOWERED } from '#core/report.js';
import { readLowered } from '#agent/engines/postgres/lowered.js';
import type { Server } from '#agent/engines/postgres/server.js';
import { type PostgresServer, cloneReplica, createPrimary } from '#test/cluster/postgres.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { newHistory } from '#test/contract/engine/history.js';
import { follow, setDurability } from '#test/contract/engine/steps.js';
import { type Member, careFor, describeMember, stopCaring } from '#test/contract/postgres-members.js';

const PATIENCE_MS = 20_000;

describe('sessions that lower their own durability', { timeout: 60_000 }, () => {
  let primary: PostgresServer;
  let server: Server;

  beforeAll(async () => {
    primary = await createPrimary({ dir: createRunFolder('lowered'), name: 'ann' });
    await primary.start();
    for (const role of ['app', 'bulk']) await primary.query(`create role ${role} login`);
    await primary.query('create database shop');
    server = await describeMember(primary);
  }, 60_000);

  afterAll(async () => {
    await stopCaring();
    await stopAll();
  }, 30_000);

  const read = (): Promise<LoweredSessions> => readLowered(server.connection, 5_000);

  /** Until the test is over. */
  async function connect(user: string, database = 'postgres', application = 'loader'): Promise<Client> {
    const place = { host: '127.0.0.1', port: primary.port };
    const client = new Client({ ...place, user, database, application_name: application });
    await client.connect();
    onTestFinished(() => client.end());
    return client;
  }

  /** Until the test is over. */
  async function set(what: string, value: string): Promise<void> {
    await primary.query(`alter ${what} set synchronous_commit = ${value}`);
    onTestFinished(async () => {
      await primary.query(`alter ${what} reset synchronous_commit`);
      await primary.query('select pg_reload_conf()');
    });
    await primary.query('select pg_reload_conf()');
  }

  it('are none where nobody does', async () => {
    const client = await connect('app');
    await client.query('set synchronous_commit = remote_apply');
    await client.query('select 1');
    expect(await read()).toEqual(NOBODY_LOWERED);
  });

  it('by default of their role, of their database, and of both, of which the narrowest counts', async () => {
    await set('role bulk', 'local');
    await set('database shop', `'Remote_Write'`);
    await set('role app in database shop', 'off');
    for (const user of ['bulk', 'bulk', 'app']) await connect(user);
    await connect('app', 'shop');
    await connect('postgres', 'shop', '');
    const [where, sessions] = ['loader at 127.0.0.1', 1];
    expect(await read()).toEqual({
      sessions: 4,
      named: [
        { who: 'bulk in postgres', where, by: 'synchronous_commit = local set for role bulk', sessions: 2 },
        {
          ...{ who: 'app in shop', where, sessions },
          by: 'synchronous_commit = off set for role app in database shop',
        },
        {
          ...{ who: 'postgres in shop', where: '127.0.0.1', sessions },
          by: 'synchronous_commit = Remote_Write set for database shop',
        },
      ],
    });
  });

  it('by the server: all of them, also before anybody has connected, but who has a default of its own', async () => {
    await set('role app', 'on');
    await set('system', 'local');
    const by = 'synchronous_commit = local set for the server';
    const all = (sessions: number): LoweredSessions => ({
      sessions,
      named: [{ who: 'all sessions', where: '', by, sessions }],
    });
    await waitFor(async () => (await read()).named.length > 0, { timeoutMs: 5_000, what: 'the reload' });
    expect(await read()).toEqual(all(0));
    await Promise.all([connect('app'), connect('bulk'), connect('bulk', 'shop')]);
    expect(await read()).toEqual(all(2));
    // The agent's own role no longer shows what others have.
    await set('role postgres', 'on');
    const again = await describeMember(primary);
    expect(await readLowered(again.connection, 5_000)).toEqual(all(2));
  });

  it.each([
    'SET synchronous_commit TO off',
    "/* nightly */ set session synchronous_commit='off'",
    'begin; set local synchronous_commit = off; create temporary table t (n int)',
    "select set_config('synchronous_commit', 'off', false)",
  ])('by a last statement that says so: %s', async (statement) => {
    const client = await connect('app');
    await client.query(statement);
    expect(await read()).toMatchObject({
      sessions: 1,
      named: [{ who: 'app in postgres', by: 'synchronous_commit = off set by its last statement' }],
    });
    await client.query('select 1');
    expect(await read(), 'what is seen no longer').toEqual(NOBODY_LOWERED);
  });

  it.each([
    'set synchronous_commit = on',
    'set synchronous_commit to default',
    'alter role app set synchronous_commit = off',
    "select 'set synchronous_commit = off'",
  ])('not by a last statement that does not: %s', async (statement) => {
    await (await connect('postgres')).query(statement);
    onTestFinished(() => primary.query('alter role app reset synchronous_commit').then(() => undefined));
    expect(await read()).toEqual(NOBODY_LOWERED);
  });

  it('of many kinds are counted, and a few are named', async () => {
    await set('role bulk', 'off');
    for (let n = 1; n <= 8; n += 1) await connect('bulk', 'postgres', `loader ${n}`);
    const { sessions, named } = await read();
    expect([sessions, named.length]).toEqual([8, 5]);
  });

  describe('beside an open leader', () => {
    let ann: Member;

    beforeAll(async () => {
      const replica = await cloneReplica(primary, { name: 'bob' });
      await replica.start();
      await replica.waitUntilStreaming();
      ann = careFor(primary);
      const bob = careFor(replica);
      await newHistory(['ann', 'bob']).open(ann);
      await follow(bob, ann);
    }, 60_000);

    it('are told while replicas confirm its writes, and once in the log', async () => {
      await set('role bulk', 'local');
      await connect('bulk');
      const seen = (wanted: number) => () => ann.latest().lowered.sessions === wanted;
      await setDurability(ann, { synchronous: ['bob'], acknowledgements: 1 });
      await waitFor(seen(1), { timeoutMs: PATIENCE_MS, what: 'the session to be seen' });
      expect(ann.latest()).toMatchObject({ role: 'writable', state: 'running' });
      await setDurability(ann, { synchronous: [], acknowledgements: 0 });
      await waitFor(seen(0), { timeoutMs: PATIENCE_MS, what: 'nobody to be outside of nothing' });
      await setDurability(ann, { synchronous: ['bob'], acknowledgements: 1 });
      await waitFor(seen(1), { timeoutMs: PATIENCE_MS, what: 'the session to be seen again' });
      const fields = {
        sessions: 1,
        because: 'bulk in postgres: synchronous_commit = local set for role bulk',
      };
      expect(ann.logged.filter(({ code }) => code === 'DURABILITY_LOWERED')).toEqual([
        { code: 'DURABILITY_LOWERED', fields },
      ]);
    });
  });
});
