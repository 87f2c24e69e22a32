/** What only MariaDB has, tried on real servers; all else is in the contract of the port (engine-mariadb.test.ts). */
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { formatGtids } from '#core/positions/mariadb.js';
import { ofEngine, type Position } from '#core/position.js';
import { MARIADB } from '#agent/engines/mariadb/connection.js';
import { createConnection } from '#agent/engines/mysql-family/connection.js';
import { ACCOUNTS, cloneReplica, createPrimary, type MariadbServer } from '#test/cluster/mariadb.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { newHistory } from '#test/contract/engine/history.js';
import { fence, follow, followStep, seal, start } from '#test/contract/engine/steps.js';
import { asEpoch } from '#core/brand.js';
import { expectNobodyInDoubt } from '#test/contract/family-doubt.js';
import { type MariadbBeds, prepareMariadbBeds } from '#test/contract/mariadb-bed.js';
import { careFor, type Member, stopCaring } from '#test/contract/mariadb-members.js';

let beds: MariadbBeds;
beforeAll(async () => {
  beds = await prepareMariadbBeds();
}, 60_000);
afterEach(async () => {
  await stopCaring();
  await stopAll();
});
afterAll(() => beds.remove());

/** A leader opened at epoch 1, and a replica that has all of it. */
async function createPair(): Promise<{ readonly ann: Member; readonly bob: Member }> {
  const options = { template: beds.template };
  const primary = await createPrimary({ dir: createRunFolder('mariadb'), name: 'ann', ...options });
  await primary.start();
  await primary.open();
  const replica = await cloneReplica(primary, { name: 'bob', template: beds.template });
  const [ann, bob] = [careFor(primary), careFor(replica)];
  await ann.until('an open server', ({ role }) => role === 'writable');
  await newHistory(['ann', 'bob']).open(ann);
  await replica.waitUntilCaughtUpWith(primary);
  return { ann, bob };
}

const insert = (server: MariadbServer, value: string): Promise<unknown> =>
  server.query('insert into app.written (value) values (?)', [value]);
const values = async (server: MariadbServer): Promise<readonly string[]> =>
  (await server.query<{ value: string }>('select value from app.written order by id')).map(
    ({ value }) => value,
  );
const gtidsOf = (position: Position): string => formatGtids(ofEngine(position, 'mariadb').gtids);
const positionOf = async (server: MariadbServer): Promise<string> =>
  (await server.query<{ at: string }>('select @@global.gtid_binlog_pos as at'))[0]?.at ?? '';

/** Received, and not applied. */
async function receiveUnapplied(ann: MariadbServer, bob: MariadbServer, value: string): Promise<string> {
  await bob.query('stop slave sql_thread');
  await insert(ann, value);
  const end = await positionOf(ann);
  const isThere = async (): Promise<boolean> =>
    (await bob.query<{ Gtid_IO_Pos: string }>('show all slaves status'))[0]?.Gtid_IO_Pos === end;
  await waitFor(isThere, { timeoutMs: 10_000, what: 'the replica to have received it' });
  return end;
}

describe('the relay log', { timeout: 30_000 }, () => {
  it('that lies unapplied when the server is killed and started again is applied by the seal, and not thrown away', async () => {
    const { ann, bob } = await createPair();
    const end = await receiveUnapplied(ann.server, bob.server, 'received');
    await fence(ann);
    bob.server.kill('SIGKILL');
    await bob.until('its death', ({ state }) => state === 'crashed');
    await start(bob);
    expect(await values(bob.server)).toEqual([]);
    expect(gtidsOf(await seal(bob))).toBe(end);
    expect(await values(bob.server)).toEqual(['received']);
    expect(gtidsOf(await seal(bob))).toBe(end);
  });

  it('is not thrown away where an administrator has stopped both threads', async () => {
    const { ann, bob } = await createPair();
    const end = await receiveUnapplied(ann.server, bob.server, 'received');
    await bob.server.query('stop slave');
    expect(gtidsOf(await seal(bob))).toBe(end);
    expect(await values(bob.server)).toEqual(['received']);
  });
});

describe('a fence', { timeout: 30_000 }, () => {
  it('leaves nobody in doubt who was writing, though somebody reads for long', async () => {
    const { ann } = await createPair();
    await expectNobodyInDoubt(ann, ACCOUNTS.app);
  });

  it('ends a server that somebody else has opened', async () => {
    const { bob } = await createPair();
    await seal(bob);
    await bob.server.query('set global read_only = 0');
    expect(await fence(bob)).toMatchObject({ kind: 'fenced', clientSessions: 0 });
    expect(bob.server.processes()).toEqual([]);
  });

  it('ends a leader whose commit waits for a replica, in time, though read_only could not be set', async () => {
    const { ann } = await createPair();
    await ann.server.query("set global rpl_semi_sync_master_wait_point = 'AFTER_SYNC'");
    await ann.server.query('set global rpl_semi_sync_master_timeout = 4294967295');
    await ann.server.query('set global rpl_semi_sync_master_enabled = 1');
    const held = insert(ann.server, 'held').catch(() => 'ended');
    const isHeld = async (): Promise<boolean> =>
      (await ann.server.query("select 1 from information_schema.processlist where state like '%semi-sync%'"))
        .length > 0;
    await waitFor(isHeld, { timeoutMs: 10_000, what: 'the commit to wait' });
    expect(await fence(ann)).toMatchObject({ kind: 'fenced', clientSessions: 0 });
    expect(await held).toBe('ended');
  });
});

describe('the identity of the data', { timeout: 30_000 }, () => {
  it('is the same on leader and replica, and is known while the server is down', async () => {
    const { ann, bob } = await createPair();
    const [one, other] = await Promise.all([ann, bob].map(({ engine }) => engine.check()));
    expect(other?.dataId).toBe(one?.dataId);
    expect(other?.copyId).not.toBe(one?.copyId);
    await ann.server.stop();
    expect(await ann.another().check()).toEqual(one);
  });
});

describe('a replica whose server was started again', { timeout: 30_000 }, () => {
  it('stands, and is said to follow nobody until it is told to', async () => {
    const { ann, bob } = await createPair();
    await bob.until('that it follows', ({ streaming }) => streaming);
    bob.server.kill('SIGKILL');
    await bob.until('its death', ({ state }) => state === 'crashed');
    await start(bob);
    await bob.until('its server', ({ state }) => state === 'running');
    const { streaming, upstream } = await bob.until('a look', ({ position }) => position !== undefined);
    expect({ streaming, upstream }).toEqual({ streaming: false, upstream: undefined });
    await follow(bob, ann);
    await bob.until('that it follows', (seen) => seen.streaming && seen.upstream !== undefined);
  });
});

describe('a replica that wrote by itself', { timeout: 30_000 }, () => {
  it('is neither sealed nor followed with where its log goes no further: it needs a copy', async () => {
    const { ann, bob } = await createPair();
    await bob.server.query('stop slave sql_thread');
    await insert(ann.server, 'received');
    await insert(bob.server, 'errant');
    const step = { kind: 'seal', epoch: asEpoch(99n) } as const;
    expect(await bob.engine.run(step)).toMatchObject({ kind: 'failed', code: 'REWIND_IMPOSSIBLE' });
    expect(await bob.engine.run(followStep(bob, ann))).toMatchObject({
      ...{ kind: 'failed', code: 'REWIND_IMPOSSIBLE' },
    });
  });

  it('has diverged, though its number is smaller', async () => {
    const { ann, bob } = await createPair();
    await bob.server.query('stop slave');
    await insert(bob.server, 'errant');
    for (const value of ['one', 'two', 'three']) await insert(ann.server, value);
    const [leader, own] = [(await ann.until('three more', () => true)).position, await seal(bob)];
    const { comparePositions } = await import('#core/position.js');
    expect(leader && comparePositions(own, leader)).toBe('diverged');
  });
});

describe('the session on the server', { timeout: 30_000 }, () => {
  it('owes nobody an answer once it is closed: who waits for one looks no more, for as long as it waits', async () => {
    const { ann } = await createPair();
    const { socket, port, password } = ann.server;
    const address = { host: '127.0.0.1', port, socket, user: ACCOUNTS.admin, password };
    const connection = createConnection(MARIADB, address, () => undefined);
    expect(await connection.connect(5_000)).toEqual({ kind: 'ready' });
    const asked = connection.query('select sleep(20)', { timeoutMs: 20_000 });
    asked.catch(() => undefined);
    const isAsked = async (): Promise<boolean> =>
      (await ann.server.query("select 1 from information_schema.processlist where info = 'select sleep(20)'"))
        .length > 0;
    await waitFor(isAsked, { timeoutMs: 5_000, what: 'the question to be there' });
    const closedAt = performance.now();
    connection.close();
    await expect(asked).rejects.toThrow('the session has ended');
    expect(performance.now() - closedAt).toBeLessThan(1_000);
  });
});
