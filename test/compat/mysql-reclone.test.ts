// A member whose log left the leader's history gets a copy of its data: on real servers, since what CLONE needs and leaves, and what a
// server makes of a folder that took another one's place, is known only from trying.
import { appendFileSync, existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { createConnection } from 'mariadb';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { asDuration, asEpoch } from '#core/brand.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import type { SalvageRecord, SalvagedRow } from '#core/salvage.js';
import { copyIdOf } from '#agent/engines/mysql-family/identity.js';
import type { SwapMemo } from '#agent/engines/swap-data.js';
import type { ActionResult } from '#agent/ports/engine.js';
import { ACCOUNTS, type MysqlServer } from '#test/cluster/mysql.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import type { History } from '#test/contract/engine/history.js';
import { fence, follow, seal, start } from '#test/contract/engine/steps.js';
import { type MysqlBeds, prepareMysqlBeds } from '#test/compat/mysql-bed.js';
import { createCluster, type Member, stopCaring } from '#test/compat/mysql-members.js';

const WITHIN = asDuration(120_000);

let beds: MysqlBeds;
beforeAll(async () => {
  beds = await prepareMysqlBeds();
}, 60_000);
afterEach(async () => {
  await stopCaring();
  await stopAll();
}, 60_000);
afterAll(() => beds.remove());

interface More {
  readonly source?: Member;
  readonly instead?: readonly Member[];
  readonly wish?: string;
  readonly salvageWaived?: boolean;
}

const reclone = (
  member: Member,
  leader: Member,
  { openings }: History,
  more: More = {},
): Promise<ActionResult> =>
  member.engine.run({
    kind: 'reclone',
    leader: leader.planned,
    source: (more.source ?? leader).planned,
    instead: (more.instead ?? []).map(({ planned }) => planned),
    openings,
    wish: more.wish,
    salvageWaived: more.salvageWaived ?? false,
    timeoutMs: WITHIN,
  });

const stateDir = ({ deps }: Member): string => deps.stateDir;
const folders = (member: Member, name: string): string[] => {
  const folder = join(stateDir(member), name);
  return existsSync(folder) ? readdirSync(folder) : [];
};
const insert = (server: MysqlServer, value: string): Promise<unknown> =>
  server.query('insert into app.written (value) values (?)', [value]);
const values = async (server: MysqlServer): Promise<readonly string[]> =>
  (await server.query<{ value: string }>('select value from app.written order by id')).map(
    ({ value }) => value,
  );

/** The heir lacks what the leader went on to write; the leader is closed. */
async function part(ann: Member, bob: Member, history: History, cat?: Member): Promise<void> {
  await insert(ann.server, 'common');
  for (const replica of [bob, ...(cat === undefined ? [] : [cat])]) {
    await replica.server.waitUntilCaughtUpWith(ann.server);
    await seal(replica);
  }
  await insert(ann.server, 'lost');
  await history.open(bob);
  await insert(bob.server, 'of the heir');
  await fence(ann);
}

async function expectItFollows(member: Member, leader: Member, history: History): Promise<void> {
  await start(member);
  const position = await seal(member);
  expect(['behind', 'equal']).toContain(S2_ancestry(position, history.openings));
  await follow(member, leader, history.openings);
  await insert(leader.server, 'after');
  await member.server.waitUntilCaughtUpWith(leader.server);
  expect(await values(member.server)).toEqual(await values(leader.server));
}

const salvageOf = (member: Member): string =>
  join(stateDir(member), 'salvage', folders(member, 'salvage')[0] ?? '');
const recordOf = (member: Member): SalvageRecord =>
  JSON.parse(readFileSync(join(salvageOf(member), 'salvage.json'), 'utf8')) as SalvageRecord;
const rowsOf = (member: Member): SalvagedRow[] => {
  const text = readFileSync(join(salvageOf(member), 'rows.jsonl'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as SalvagedRow);
};

async function standsOf(member: Member): Promise<readonly string[]> {
  const stands: string[] = [];
  for await (const row of member.engine.compare(each(rowsOf(member)))) stands.push(row.stands);
  return stands;
}

describe('a member whose log left the history of the leader', { timeout: 120_000 }, () => {
  it('gets a copy, keeps its own files, and leaves its writes and its old data behind', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await part(ann, bob, history);
    appendFileSync(join(ann.server.dir, 'mine.pem'), 'mine');
    appendFileSync(join(bob.server.dir, 'theirs.pem'), 'theirs');
    const before = await copyIdOf(ann.server.dir);
    const result = await reclone(ann, bob, history);
    expect(result).toEqual({ kind: 'recloned', copyId: await copyIdOf(ann.server.dir) });
    expect(await copyIdOf(ann.server.dir)).not.toBe(before);
    expect(await ann.engine.check()).toMatchObject({
      copyId: await copyIdOf(ann.server.dir),
      replacedCopyId: before,
    });
    await expectItFollows(ann, bob, history);
    expect(await ann.engine.check()).toMatchObject({ replacedCopyId: undefined });
    expect(readFileSync(join(ann.server.dir, 'mine.pem'), 'utf8')).toBe('mine');
    expect(existsSync(join(ann.server.dir, 'theirs.pem'))).toBe(false);
    const [old = ''] = folders(ann, 'old-data');
    expect(await copyIdOf(join(stateDir(ann), 'old-data', old))).toBe(before);
    expect(folders(ann, 'copying')).toEqual([]);
    const { copying, salvaged } = await ann.until('the salvage', (seen) => seen.salvaged !== undefined);
    expect(copying).toBeUndefined();
    expect(salvaged).toMatchObject({ epoch: 2n, transactions: 1, rows: 1 });
    expect(rowsOf(ann)).toMatchObject([
      { database: 'app', table: 'written', kind: 'inserted', values: { value: 'lost' } },
    ]);
  });

  it('gets a copy of a replica, which the leader does not notice', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob', 'cat']);
    const [ann, bob, cat] = members as [Member, Member, Member];
    await part(ann, bob, history, cat);
    await follow(cat, bob, history.openings);
    await cat.server.waitUntilCaughtUpWith(bob.server);
    expect(await reclone(ann, bob, history, { instead: [cat] })).toMatchObject({ kind: 'recloned' });
    await expectItFollows(ann, bob, history);
    expect(ann.logged).toContainEqual({
      code: 'RECLONED',
      fields: expect.objectContaining({ from: 'cat' }) as object,
    });
  });

  it('gets a copy of the leader where no replica can give one', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob', 'cat']);
    const [ann, bob, cat] = members as [Member, Member, Member];
    await part(ann, bob, history, cat);
    expect(await reclone(ann, bob, history, { instead: [cat] })).toMatchObject({ kind: 'recloned' });
    expect(ann.logged).toContainEqual({
      code: 'COPY_FAILED',
      fields: expect.objectContaining({ from: 'cat' }) as object,
    });
    await expectItFollows(ann, bob, history);
  });

  it('waits for its turn where somebody else is copying the same source', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob', 'cat']);
    const [ann, bob, cat] = members as [Member, Member, Member];
    await part(ann, bob, history, cat);
    // An administrator's own copy, of 1 MiB a second.
    const other = await createConnection({ socketPath: cat.server.socket, user: ACCOUNTS.admin });
    other.on('error', () => undefined); // where the test ends before it
    await other.query('set global clone_max_data_bandwidth = 1');
    await other.query(`set global clone_valid_donor_list = '127.0.0.1:${bob.server.port}'`);
    const elsewhere = join(cat.server.dir, '..', 'tmp', 'elsewhere');
    const copied = other.query(
      `clone instance from ${ACCOUNTS.replication}@'127.0.0.1':${bob.server.port} identified by '' data directory = '${elsewhere}'`,
    );
    expect(await reclone(ann, bob, history)).toMatchObject({ kind: 'recloned' });
    await copied;
    await other.end();
    await expectItFollows(ann, bob, history);
  }, 240_000);

  it('also when it was a replica that wrote by itself', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await bob.server.query('stop replica');
    await bob.server.query('set global super_read_only = 0');
    await insert(bob.server, 'errant');
    await bob.server.query('set global super_read_only = 1');
    await insert(ann.server, 'right');
    await ann.until('the mark', ({ role }) => role === 'writable');
    expect(await reclone(bob, ann, history)).toMatchObject({ kind: 'recloned' });
    expect(rowsOf(bob)).toMatchObject([{ kind: 'inserted', values: { value: 'errant' } }]);
    await expectItFollows(bob, ann, history);
  });

  it('also when what it wrote stands in the way of what it has received', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await bob.server.query('set global super_read_only = 0');
    await insert(bob.server, 'errant');
    await bob.server.query('set global super_read_only = 1');
    await insert(ann.server, 'of the same number');
    await bob.until('an applier that has stopped', ({ streaming }) => !streaming);
    const sealing = await bob.engine.run({ kind: 'seal', epoch: asEpoch(9n) });
    expect(sealing).toMatchObject({ kind: 'failed', code: 'REWIND_IMPOSSIBLE' });
    expect(await reclone(bob, ann, history)).toMatchObject({ kind: 'recloned' });
    expect(rowsOf(bob)).toMatchObject([{ kind: 'inserted', values: { value: 'errant' } }]);
    await expectItFollows(bob, ann, history);
  });

  it('is known by another identifier then, so that no transaction is ever numbered as one that was lost', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    const identifier = async (): Promise<unknown> =>
      (await ann.server.query<{ id: string }>('select @@server_uuid as id'))[0]?.id;
    const before = await identifier();
    await part(ann, bob, history);
    expect(await reclone(ann, bob, history)).toMatchObject({ kind: 'recloned' });
    await start(ann);
    expect(await identifier()).not.toBe(before);
    expect(await identifier()).not.toBe(
      (await bob.server.query<{ id: string }>('select @@server_uuid as id'))[0]?.id,
    );
  });

  it('not where a copy would lack rows: of tables that InnoDB does not keep', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await ann.server.query('create table app.isam (id int primary key) engine=MyISAM');
    await part(ann, bob, history);
    const before = await copyIdOf(ann.server.dir);
    const refused = await reclone(ann, bob, history);
    expect(refused).toMatchObject({ kind: 'failed', code: 'RECLONE_IMPOSSIBLE' });
    expect(refused).toMatchObject({ text: expect.stringContaining('app.isam (MyISAM)') as string });
    expect(await copyIdOf(ann.server.dir)).toBe(before);
  });

  it('not while its writes cannot be saved, unless somebody does without them', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await part(ann, bob, history);
    writeFileSync(join(stateDir(ann), 'salvage'), ''); // where the salvage would be made
    const before = await copyIdOf(ann.server.dir);
    const refused = await reclone(ann, bob, history);
    expect(refused).toMatchObject({ kind: 'failed', code: 'SALVAGE_FAILED' });
    expect(refused).toMatchObject({ text: expect.stringContaining('--waive-salvage') as string });
    expect(await copyIdOf(ann.server.dir)).toBe(before);
    expect(await values(ann.server)).toContain('lost');
    expect(await reclone(ann, bob, history, { salvageWaived: true, wish: '3.7' })).toMatchObject({
      kind: 'recloned',
    });
    await expectItFollows(ann, bob, history);
  });
});

describe('a copy that is being made', { timeout: 120_000 }, () => {
  it('is ended by a seal, leaves the data as it was, and its source can be copied again at once', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await part(ann, bob, history);
    const before = await copyIdOf(ann.server.dir);
    const running = reclone(ann, bob, history);
    await ann.until('a copy', ({ copying }) => copying !== undefined);
    await seal(ann);
    expect(await running).toMatchObject({ kind: 'failed', code: 'ENGINE_FAILED' });
    expect(await copyIdOf(ann.server.dir)).toBe(before);
    expect(await reclone(ann, bob, history)).toMatchObject({ kind: 'recloned' });
    await expectItFollows(ann, bob, history);
  });

  it('ends with its source, and is not taken for whole', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await part(ann, bob, history);
    // So much that a copy of it does not end before anybody has seen it begin.
    await bob.server.query('create table app.large (id int primary key auto_increment, data longblob)');
    for (let n = 0; n < 16; n += 1)
      await bob.server.query(`insert into app.large (data) select repeat('x', 16 << 20)`);
    const before = await copyIdOf(ann.server.dir);
    let isOver = false;
    const running = reclone(ann, bob, history).finally(() => (isOver = true));
    const isCopied = (): boolean => (ann.latest().copying?.totalBytes ?? 0) > 0;
    await waitFor(isCopied, {
      ...{ timeoutMs: 60_000, what: 'the first of the copy', everyMs: 2 },
      giveUp: () => (isOver ? 'the copy has ended' : undefined),
    });
    bob.server.kill('SIGKILL');
    expect(await running).toMatchObject({ kind: 'failed' });
    expect(await copyIdOf(ann.server.dir)).toBe(before);
  });
});

describe('a swap that was interrupted', { timeout: 120_000 }, () => {
  it('between its two renames is ended by an agent that starts, which knows its copy', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await part(ann, bob, history);
    const before = await copyIdOf(ann.server.dir);
    expect(await reclone(ann, bob, history)).toMatchObject({ kind: 'recloned' });
    const memo = JSON.parse(readFileSync(join(stateDir(ann), 'swapping.json'), 'utf8')) as SwapMemo;
    renameSync(ann.server.dir, memo.copy); // as it was then
    expect(await ann.engine.check()).toMatchObject({ copyId: memo.by, replacedCopyId: before });
    await expectItFollows(ann, bob, history);
  });

  it('is ended by whoever comes next, which tells the copy where it stands', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await part(ann, bob, history);
    expect(await reclone(ann, bob, history)).toMatchObject({ kind: 'recloned' });
    // Started by somebody else before the agent does.
    await ann.server.start();
    await ann.until('the server', ({ state, role }) => state === 'running' && role === 'replica');
    const position = await seal(ann);
    expect(['behind', 'equal']).toContain(S2_ancestry(position, history.openings));
    await follow(ann, bob, history.openings);
    await ann.server.waitUntilCaughtUpWith(bob.server);
    expect(await values(ann.server)).toEqual(await values(bob.server));
  });
});

describe('a salvage', { timeout: 120_000 }, () => {
  const TYPES = `create table app.kinds (
    id int unsigned primary key, tiny tinyint, small smallint unsigned, medium mediumint, big bigint unsigned,
    dec1 decimal(20,4), dec2 decimal(65,30), dec3 decimal(9,9), f float, d double, b bit(13), y year, dat date, dt datetime(3), dt6 datetime(6), ts timestamp(6) null, ts0 timestamp null,
    ti time(2), ti0 time, c char(5), c300 char(200) character set utf8mb4, v varchar(20), vl varchar(1000), l1 varchar(300) character set latin1, u16 varchar(20) character set utf16,
    t text, mt mediumtext, bl blob, bin binary(6), vb varbinary(300), e enum('x','it''s','z'), s set('p','q','r'), j json, j2 json, g geometry, vec vector(3),
    nul int, gen int as (tiny + 1) virtual, st int as (tiny + 2) stored, key ((lower(v)))
  ) engine=InnoDB`;
  const NESTED = `json_object('a', json_array(1, -2, 70000, -70000, 5000000000, 18446744073709551615, 1.5, 1e300, 12e0, true, false, null, 'x"\\\\ü\\n'),
    'long key', json_object('b', json_object()), 'long', repeat('y', 70000))`;
  const ROW = `insert into app.kinds (id, tiny, small, medium, big, dec1, dec2, dec3, f, d, b, y, dat, dt, dt6, ts, ts0, ti, ti0, c, c300, v, vl, l1, u16, t, mt, bl, bin, vb, e, s, j, j2, g, vec) values
    (4294967295, -128, 65535, -8388608, 18446744073709551615, -1234567.8901, 12345678901234567890123456789012345.123456789012345678901234567890, -0.000000001, 0.1, 1e0/3, b'1010101010101',
     1999, '2020-02-29', '2020-01-02 03:04:05.678', '1000-01-01 00:00:00.000001', '2026-11-29 12:44:55.123456', '2001-02-03 04:05:06', '-12:13:14.56', '838:59:59', 'ab', repeat('é', 200), 'it''s', repeat('x', 1000),
     'ü\\\\', 'ж', 'a\\\\x0a\\nb''"', 'mé', x'00ff27', x'0100', x'00', 'it''s', 'p,r', ${NESTED}, '[1, {"a": "b"}]', point(1, -2.5), to_vector('[1,2.5,-3]')),
    (2, 0, 0, 0, 0, 0, -0.5, 0, -1.5e10, -2.5e300, b'0', 0, '0000-00-00', '0000-00-00', '9999-12-31 23:59:59.999999', null, null, '00:00:00.5', '-00:00:01', '', '', '', '', '', '', '', '', '', '', '', 'x', '', '[]', '"text"', null, null)`;

  it('holds values of every kind, as the server has them, and statements that bring them back', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await ann.server.query(TYPES);
    await bob.server.waitUntilCaughtUpWith(ann.server);
    await seal(bob);
    await inOneSession(ann.server, ["set session sql_mode = ''", ROW]);
    const sums = 'checksum table app.kinds';
    const [had] = await ann.server.query(sums);
    await history.open(bob);
    await fence(ann);
    expect(await reclone(ann, bob, history)).toMatchObject({ kind: 'recloned' });
    const folder = salvageOf(ann);
    const record = recordOf(ann);
    expect(record).toMatchObject({
      transactions: { count: 1 },
      tables: [{ database: 'app', table: 'kinds', inserted: 2, updated: 0, deleted: 0, notRecoverable: 0 }],
      notes: [],
      statements: { app: 'app.sql' },
    });
    await expectItFollows(ann, bob, history);
    expect(await standsOf(ann)).toEqual(['missing', 'missing']);
    await runStatements(bob.server, join(folder, 'app.sql'));
    expect(await bob.server.query(sums)).toEqual([had]);
    await ann.server.waitUntilCaughtUpWith(bob.server);
    expect(await standsOf(ann)).toEqual(['same', 'same']);
  });

  it('holds JSON values of which the log has only what became of them, also of rows that are packed, and knows dates in them', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await inOneSession(ann.server, [
      'create table app.documents (id int primary key, a json, n int, b json)',
      `insert into app.documents values (1, '{"old": 1, "gone": [1, 2, 3], "long": "${'x'.repeat(500)}"}', 1, '[1, 2, "${'y'.repeat(500)}"]')`,
      `insert into app.documents values (2, '{}', 1, null)`,
    ]);
    await bob.server.waitUntilCaughtUpWith(ann.server);
    await seal(bob);
    await inOneSession(ann.server, [
      "set session binlog_row_value_options = 'partial_json'",
      `update app.documents set a = json_remove(json_set(a, '$."new key"', json_object('b', true), '$.old', 2), '$.gone[1]') where id = 1`,
      'set session binlog_transaction_compression = on',
      `update app.documents set b = json_replace(b, '$[1]', 'two') where id = 1`,
      `insert into app.documents values (3, json_object('decimal', cast(12.340 as decimal(10,3)), 'date', cast('2020-02-29' as date),
        'datetime', cast('2020-02-29 01:02:03.4' as datetime(1)), 'time', cast('-11:22:33.5' as time(1)), 'blob', cast(x'00ff' as binary(2))), null, null)`,
      'begin',
      'insert into app.documents values (4, null, 4, null)',
      'update app.documents set n = 5 where id = 2',
      'commit',
    ]);
    const rows = 'select id, cast(a as char) as a, n, cast(b as char) as b from app.documents order by id';
    const had = await ann.server.query<{ id: number; a: string | null; n: number | null; b: string | null }>(
      rows,
    );
    await history.open(bob);
    await fence(ann);
    expect(await reclone(ann, bob, history)).toMatchObject({ kind: 'recloned' });
    expect(recordOf(ann)).toMatchObject({
      transactions: { count: 4 },
      tables: [{ table: 'documents', inserted: 2, updated: 2, notRecoverable: 0 }],
    });
    const asTexts = ({ id, a, n, b }: (typeof had)[number]): unknown => ({
      ...{ id: String(id), a, b },
      n: n === null ? null : String(n),
    });
    const told = rowsOf(ann).map(({ values: now }) => now);
    expect(told.toSorted((x, y) => Number(x?.['id']) - Number(y?.['id']))).toEqual(had.map(asTexts));
    await expectItFollows(ann, bob, history);
    await runStatements(bob.server, join(salvageOf(ann), 'app.sql'));
    await ann.server.waitUntilCaughtUpWith(bob.server);
    expect(await standsOf(ann)).toEqual(['same', 'same', 'same', 'same']);
  });

  it('tells what became of each row, not every step, and what cannot be a row', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await ann.server.query('create table app.plain (k int, v text)');
    for (const value of ['a', 'b', 'c']) await insert(ann.server, value);
    await ann.server.query("insert into app.plain values (1, 'one')");
    await bob.server.waitUntilCaughtUpWith(ann.server);
    await seal(bob);
    for (const sql of [
      "insert into app.written (id, value) values (10, 'new')",
      "update app.written set value = 'newer' where id = 10",
      "insert into app.written (id, value) values (11, 'gone again')",
      'delete from app.written where id = 11',
      "update app.written set value = 'A' where value = 'a'",
      "update app.written set value = 'AA', id = 77 where value = 'A' collate utf8mb4_bin",
      "update app.written set value = 'b2' where value = 'b'",
      "update app.written set value = 'b' where value = 'b2'",
      "delete from app.written where value = 'c'",
      "update app.plain set v = 'uno'",
      'flush binary logs',
      'create table app.fresh (id int primary key)',
      'insert into app.fresh values (1)',
    ])
      await ann.server.query(sql);
    await history.open(bob);
    await fence(ann);
    expect(await reclone(ann, bob, history)).toMatchObject({ kind: 'recloned' });
    const told = rowsOf(ann).map(({ table, kind, values: now, before }) => ({ table, kind, now, before }));
    expect(told).toEqual([
      { table: 'written', kind: 'inserted', now: { id: '10', value: 'newer' }, before: undefined },
      {
        ...{ table: 'written', kind: 'updated' },
        ...{ now: { id: '77', value: 'AA' }, before: { id: '1', value: 'a' } },
      },
      { table: 'written', kind: 'deleted', now: { id: '3', value: 'c' }, before: undefined },
      { table: 'plain', kind: 'updated', now: { k: '1', v: 'uno' }, before: { k: '1', v: 'one' } },
      { table: 'fresh', kind: 'inserted', now: { id: '1' }, before: undefined },
    ]);
    const folder = salvageOf(ann);
    const record = recordOf(ann);
    expect(record.transactions.count).toBe(12);
    expect(record.notes).toEqual([expect.stringContaining('create table app.fresh') as string]);
    expect(record.files.length).toBeGreaterThan(1);
    // What an update has set is where its counter goes on.
    expect(Number(record.identifiers['app.written.id'])).toBeGreaterThanOrEqual(76);
    await runStatements(bob.server, join(folder, 'app.sql'), ['app.fresh']);
    expect(await bob.server.query('select id, value from app.written order by id')).toEqual([
      { id: 2n, value: 'b' },
      { id: 10n, value: 'newer' },
      { id: 77n, value: 'AA' },
    ]);
  });
});

/** As an operator does it, but for what he leaves out. */
async function runStatements(
  server: MysqlServer,
  path: string,
  without: readonly string[] = [],
): Promise<void> {
  const { execFileSync } = await import('node:child_process');
  const text = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !without.some((name) => line.includes(name.split('.').at(1) ?? name)))
    .join('\n');
  execFileSync(
    join(server.binDir, 'mysql'),
    ['--no-defaults', `--socket=${server.socket}`, '--user=root', '--binary-mode'],
    {
      input: `start transaction;\n${text}\ncommit;\n`,
    },
  );
}

async function inOneSession({ socket }: MysqlServer, statements: readonly string[]): Promise<void> {
  const session = await createConnection({ socketPath: socket, user: ACCOUNTS.admin });
  for (const statement of statements) await session.query(statement);
  await session.end();
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
