/** What only MySQL has, tried on real servers; all else is in the contract of the port (engine-mysql.test.ts). */
import { readFileSync, statSync, truncateSync } from 'node:fs';
import { basename, join } from 'node:path';
import { createConnection } from 'mariadb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { asEpoch } from '#core/brand.js';
import { comparePositions, ofEngine, type Position } from '#core/position.js';
import { formatGtidSet } from '#core/positions/gtid-set.js';
import { type MysqlBeds, prepareMysqlBeds } from '#test/compat/mysql-bed.js';
import { careFor, type Member, stopCaring } from '#test/compat/mysql-members.js';
import { ACCOUNTS, cloneReplica, createPrimary, type MysqlServer } from '#test/cluster/mysql.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { expectNobodyInDoubt } from '#test/contract/family-doubt.js';
import { newHistory } from '#test/contract/engine/history.js';
import { fence, follow, followStep, seal, start, takeTail } from '#test/contract/engine/steps.js';

let beds: MysqlBeds;
beforeAll(async () => {
  beds = await prepareMysqlBeds();
}, 60_000);
afterEach(async () => {
  await stopCaring();
  await stopAll();
});
afterAll(() => beds.remove());

const IN_CARE_MS = 60_000;

/** A leader opened at epoch 1, and a replica that has all of it. */
async function createPair(settings: Readonly<Record<string, string>> = {}) {
  const { template } = beds;
  const primary = await createPrimary({ dir: createRunFolder('mysql'), name: 'ann', template, settings });
  await primary.start();
  await primary.open();
  const replica = await cloneReplica(primary, { name: 'bob', template });
  const [ann, bob] = [careFor(primary), careFor(replica)];
  await ann.until('an open server', ({ role }) => role === 'writable');
  const history = newHistory(['ann', 'bob']);
  await history.open(ann);
  await replica.waitUntilCaughtUpWith(primary);
  return { ann, bob, history };
}

const insert = (server: MysqlServer, value: string): Promise<unknown> =>
  server.query('insert into app.written (value) values (?)', [value]);
const values = async (server: MysqlServer): Promise<readonly string[]> =>
  (await server.query<{ value: string }>('select value from app.written order by id')).map(
    ({ value }) => value,
  );
const gtidsOf = (position: Position): string => formatGtidSet(ofEngine(position, 'mysql').gtids);
const executed = async (server: MysqlServer): Promise<string> =>
  ((await server.query<{ at: string }>('select @@global.gtid_executed as at'))[0]?.at ?? '').replace(
    /\s/g,
    '',
  );

/** Received, and not applied. */
async function receiveUnapplied({ ann, bob }: Record<'ann' | 'bob', Member>, value: string): Promise<string> {
  await bob.server.query('stop replica sql_thread');
  await insert(ann.server, value);
  const end = await executed(ann.server);
  await bob.until('the replica to have received it', ({ backlog }) => backlog > 0);
  return end;
}

/** The leader stands still while the replica has a part of a transaction of some 60 MB. */
async function beginToReceive({ ann, bob }: Record<'ann' | 'bob', Member>): Promise<void> {
  const place = async (): Promise<{ read: number; applied: number }> => {
    const [row] = await bob.server.query<Record<string, bigint | number>>('show replica status');
    return { read: Number(row?.['Read_Source_Log_Pos']), applied: Number(row?.['Exec_Source_Log_Pos']) };
  };
  const { read: before } = await place();
  ann.server
    .query(
      `insert into app.written (value)
         with recursive n as (select 1 as i union all select i + 1 from n where i < 1000) select repeat('x', 60000) from n`,
    )
    .catch(() => undefined); // it is killed
  const isSent = async (): Promise<boolean> => (await place()).read > before;
  await waitFor(isSent, { timeoutMs: 30_000, what: 'a part of it to arrive', everyMs: 1 });
  ann.server.pause();
  const settled = async (): Promise<boolean> => {
    const first = (await place()).read;
    await new Promise((resolve) => setTimeout(resolve, 200));
    return (await place()).read === first;
  };
  await waitFor(settled, { timeoutMs: 10_000, what: 'what was on its way' });
  const { read, applied } = await place();
  expect(read).toBeGreaterThan(applied);
}

describe('received log', { timeout: IN_CARE_MS }, () => {
  it('that lies unapplied when the server is killed and started again is applied by the seal', async () => {
    const { ann, bob } = await createPair();
    const end = await receiveUnapplied({ ann, bob }, 'received');
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
    const end = await receiveUnapplied({ ann, bob }, 'received');
    await bob.server.query('stop replica');
    expect(gtidsOf(await seal(bob))).toBe(end);
    expect(await values(bob.server)).toEqual(['received']);
  });

  it('that ends in the midst of a transaction holds up no seal, though MySQL itself would wait a minute for the rest', async () => {
    const { ann, bob } = await createPair();
    await insert(ann.server, 'whole');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    await beginToReceive({ ann, bob });
    const received = await executed(bob.server);
    ann.server.kill('SIGKILL');
    // The step itself gives up after 5 s.
    expect(gtidsOf(await seal(bob))).toBe(received);
    expect(await values(bob.server)).toEqual(['whole']);
    expect(await bob.server.query('show replica status')).toEqual([]);
  });

  it('that cannot be applied is named, and kept', async () => {
    const { ann, bob } = await createPair();
    await insert(ann.server, 'in the way');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    await bob.server.query('set global super_read_only = 0');
    await inOneSession(bob.server, ['set session sql_log_bin = 0', 'drop table app.written']);
    await bob.server.query('set global super_read_only = 1');
    await insert(ann.server, 'stuck');
    await bob.until('an applier that has stopped', ({ streaming }) => !streaming);
    const refused = await bob.engine.run({ kind: 'seal', epoch: asEpoch(9n) });
    expect(refused).toMatchObject({ kind: 'failed', code: 'ENGINE_FAILED' });
    expect(refused).toHaveProperty(
      'text',
      expect.stringMatching(/has received .+ and not applied it: .*error/s),
    );
    const [row] = await bob.server.query<{ Retrieved_Gtid_Set: string }>('show replica status');
    expect(row?.Retrieved_Gtid_Set).not.toBe('');
  });
});

describe('the tail', { timeout: IN_CARE_MS }, () => {
  it('goes across files of the log and tags, without what is there already, and the server stays closed meanwhile', async () => {
    const { ann, bob, history } = await createPair();
    await insert(ann.server, 'both');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    await seal(bob);
    await insert(ann.server, 'one');
    await ann.server.query('flush binary logs');
    await ann.server.query("set global binlog_transaction_compression = 'ON'");
    await insert(ann.server, 'two');
    await ann.server.query('flush binary logs');
    await insert(ann.server, 'three');
    await insertTagged(ann.server, 'four');
    const end = await executed(ann.server);
    await fence(ann);
    const seen = bob.events.length;
    const { atLeast } = await takeTail(bob, ann);
    expect(gtidsOf(atLeast)).toBe(end);
    expect(await values(bob.server)).toEqual(['both', 'one', 'two', 'three', 'four']);
    expect(bob.events.slice(seen).every(({ observation }) => observation.role === 'replica')).toBe(true);
    expect(await bob.server.query('show replica status')).toEqual([]);
    await history.open(bob, { atLeast });
  });

  it('ends before a transaction that a dying server had not written to its end', async () => {
    const { ann, bob, history } = await createPair();
    await seal(bob);
    await insert(ann.server, 'whole');
    const whole = await executed(ann.server);
    await insert(ann.server, 'torn');
    await fence(ann);
    const log = newestLog(ann.server);
    truncateSync(log, statSync(log).size - 10);
    const { atLeast } = await takeTail(bob, ann);
    expect(gtidsOf(atLeast)).toBe(whole);
    expect(await values(bob.server)).toEqual(['whole']);
    await history.open(bob, { atLeast });
  });

  it('that a try before has left half applied is taken anew', async () => {
    const { ann, bob } = await createPair();
    await seal(bob);
    await insert(ann.server, 'missing');
    await fence(ann);
    await bob.server.query(
      "change replication source to source_host = 'tail.invalid' for channel 'tanist_tail'",
    );
    await takeTail(bob, ann);
    expect(await values(bob.server)).toEqual(['missing']);
  });
});

async function insertTagged(server: MysqlServer, value: string): Promise<void> {
  await inOneSession(server, [
    "set session gtid_next = 'automatic:nightly'",
    `insert into app.written (value) values ('${value}')`,
  ]);
}

async function inOneSession({ socket }: MysqlServer, statements: readonly string[]): Promise<void> {
  const session = await createConnection({ socketPath: socket, user: ACCOUNTS.admin });
  for (const statement of statements) await session.query(statement);
  await session.end();
}

function newestLog({ dir }: MysqlServer): string {
  return join(dir, readFileSync(join(dir, 'binlog.index'), 'utf8').trim().split('\n').at(-1) ?? '');
}

describe('a fence', { timeout: IN_CARE_MS }, () => {
  it('leaves nobody in doubt who was writing, though somebody reads for long', async () => {
    const { ann } = await createPair();
    await expectNobodyInDoubt(ann, ACCOUNTS.app);
  });

  it('ends a server that somebody else has opened', async () => {
    const { bob } = await createPair();
    await seal(bob);
    await bob.server.query('set global super_read_only = 0');
    expect(await fence(bob)).toMatchObject({ kind: 'fenced', clientSessions: 0 });
    expect(bob.server.processes()).toEqual([]);
  });

  it('ends a leader whose commit waits for a replica, in time, though super_read_only could not be set', async () => {
    const { ann } = await createPair();
    await ann.server.query('set global rpl_semi_sync_source_timeout = 4294967295');
    await ann.server.query('set global rpl_semi_sync_source_enabled = 1');
    const held = insert(ann.server, 'held').catch(() => 'ended');
    const isHeld = async (): Promise<boolean> =>
      (await ann.server.query<{ State: string | null }>('show processlist')).some(({ State }) =>
        /semi-sync/i.test(State ?? ''),
      );
    await waitFor(isHeld, { timeoutMs: 10_000, what: 'the commit to wait' });
    let isSet = false;
    const setting = ann.server.query('set global super_read_only = 1').then(
      () => (isSet = true),
      () => undefined,
    );
    await waitFor(async () => (await ann.server.query('show processlist')).length > 2, {
      timeoutMs: 10_000,
      what: 'the setting to be asked for',
    });
    expect(await fence(ann)).toMatchObject({ kind: 'fenced', clientSessions: 0 });
    expect(await held).toBe('ended');
    await setting;
    expect(isSet).toBe(false);
  });
});

describe('a check', { timeout: IN_CARE_MS }, () => {
  it.each([
    ['relay_log_recovery', 'ON', 'relay_log_recovery is ON'],
    ['sync_binlog', '0', 'sync_binlog is 0'],
    ['replica_preserve_commit_order', 'OFF', 'replica_preserve_commit_order is OFF'],
    ['super_read_only', 'OFF', 'super_read_only and skip_replica_start'],
    ['skip_replica_start', 'OFF', 'super_read_only and skip_replica_start'],
    ['gtid_mode', 'ON_PERMISSIVE', 'gtid_mode is ON_PERMISSIVE'],
    ['rpl_semi_sync_source_enabled', 'ON', 'no rpl_semi_sync_…_enabled'],
    ['loose_rpl_semi_sync_replica_en', '1', 'no rpl_semi_sync_…_enabled'],
  ])('refuses %s = %s, and says so', async (name, value, text) => {
    const { ann } = await createAlone({ [name]: value });
    await expect(ann.engine.check()).rejects.toThrow(text);
  });

  it.each(['super_read_only = 0', 'rpl_semi_sync_replica_enabled = 1'])(
    'refuses %s that was persisted in the server against its configuration',
    async (setting) => {
      const { ann } = await createAlone();
      await ann.server.query(`set persist ${setting}`);
      await expect(ann.engine.check()).rejects.toThrow('none of them persisted otherwise');
    },
  );

  it('refuses a channel with a name', async () => {
    const { ann } = await createAlone();
    await ann.server.query("change replication source to source_host = 'elsewhere' for channel 'other'");
    await expect(ann.engine.check()).rejects.toThrow('replication channels with names');
  });
});

async function createAlone(settings: Readonly<Record<string, string>> = {}) {
  const { template } = beds;
  const server = await createPrimary({ dir: createRunFolder('mysql'), name: 'ann', template, settings });
  await server.start();
  return { ann: careFor(server) };
}

describe('the identity of the data', { timeout: IN_CARE_MS }, () => {
  it('is the same on leader and replica, and is known while the server is down', async () => {
    const { ann, bob } = await createPair();
    const [one, other] = await Promise.all([ann, bob].map(({ engine }) => engine.check()));
    expect(other?.dataId).toBe(one?.dataId);
    expect(other?.copyId).not.toBe(one?.copyId);
    await ann.server.stop();
    expect(await ann.another().check()).toEqual(one);
  });
});

describe('a replica whose server was started again', { timeout: IN_CARE_MS }, () => {
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

describe('a replica that wrote by itself', { timeout: IN_CARE_MS }, () => {
  it('has diverged, and does not follow its leader, which MySQL itself would let it do', async () => {
    const { ann, bob, history } = await createPair();
    await bob.server.query('stop replica');
    await bob.server.query('set global super_read_only = 0');
    await insert(bob.server, 'errant');
    await bob.server.query('set global super_read_only = 1');
    await insert(ann.server, 'one');
    const { position } = await ann.until('one more', () => true);
    expect(position && comparePositions(await seal(bob), position)).toBe('diverged');
    const refused = await bob.engine.run(followStep(bob, ann, history.openings));
    expect(refused).toMatchObject({
      kind: 'failed',
      text: expect.stringContaining('ann lacks what is here'),
    });
    expect(await bob.server.query('show replica status')).toEqual([]);
  });

  it('whose leader has purged what comes next is told that the log is gone', async () => {
    const { ann, bob, history } = await createPair();
    await seal(bob);
    await insert(ann.server, 'gone');
    await ann.server.query('flush binary logs');
    await ann.server.query('purge binary logs to ?', [basename(newestLog(ann.server))]);
    expect(await bob.engine.run(followStep(bob, ann, history.openings))).toMatchObject({ code: 'LOG_GONE' });
  });
});
