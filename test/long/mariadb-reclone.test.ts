// A member whose log left the leader's history gets a copy of its data: on real servers, since what mariadb-backup needs and leaves, and what a
// server makes of a folder that took another one's place, is known only from trying.
import { appendFileSync, existsSync, readFileSync, readdirSync, renameSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { setTimeout } from 'node:timers/promises';
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import { asDuration } from '#core/brand.js';
import { timingsOf } from '#core/timings.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import type { SalvageRecord, SalvagedRow } from '#core/salvage.js';
import { copyIdOf } from '#agent/engines/mysql-family/identity.js';
import type { SwapMemo } from '#agent/engines/swap-data.js';
import type { ActionResult } from '#agent/ports/engine.js';
import type { MariadbServer } from '#test/cluster/mariadb.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import type { History } from '#test/contract/engine/history.js';
import { fence, follow, seal, start } from '#test/contract/engine/steps.js';
import { type MariadbBeds, prepareMariadbBeds } from '#test/contract/mariadb-bed.js';
import { createCluster, type Member, stopCaring } from '#test/contract/mariadb-members.js';

const WITHIN = asDuration(60_000);

let beds: MariadbBeds;
beforeAll(async () => {
  beds = await prepareMariadbBeds();
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
const insert = (server: MariadbServer, value: string): Promise<unknown> =>
  server.query('insert into app.written (value) values (?)', [value]);
const values = async (server: MariadbServer): Promise<readonly string[]> =>
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

const rowsOf = (member: Member): SalvagedRow[] => {
  const [salvage = ''] = folders(member, 'salvage');
  const text = readFileSync(join(stateDir(member), 'salvage', salvage, 'rows.jsonl'), 'utf8');
  return text
    .trim()
    .split('\n')
    .map((line) => JSON.parse(line) as SalvagedRow);
};

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
    expect(bob.logged.filter(({ code }) => code === 'COPY_GIVEN')).toEqual([]);
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

  it('also when it was a replica that wrote by itself', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await bob.server.query('stop slave');
    await insert(bob.server, 'errant');
    await insert(ann.server, 'right');
    await ann.until('the mark', ({ role }) => role === 'writable');
    expect(await reclone(bob, ann, history)).toMatchObject({ kind: 'recloned' });
    expect(rowsOf(bob)).toMatchObject([{ kind: 'inserted', values: { value: 'errant' } }]);
    await expectItFollows(bob, ann, history);
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
    const before = await copyIdOf(ann.server.dir);
    const running = reclone(ann, bob, history);
    await ann.until('a copy', ({ copying }) => (copying?.doneBytes ?? 0) > 0);
    bob.server.kill('SIGKILL');
    expect(await running).toMatchObject({ kind: 'failed' });
    expect(await copyIdOf(ann.server.dir)).toBe(before);
  });

  it('is not given twice at a time', async () => {
    const { members } = await createCluster(beds.template, ['ann']);
    const [ann] = members as [Member];
    const over = new AbortController();
    const first = await ann.engine.giveCopy(over.signal);
    expect(first).toMatchObject({ kind: 'copy' });
    expect(await ann.engine.giveCopy(over.signal)).toMatchObject({ kind: 'refused' });
    over.abort(); // nobody has asked for the first piece
    if (first.kind === 'refused') throw new Error(first.text);
    const reading = (async () => {
      await setTimeout(500); // long enough for it to have ended
      for await (const piece of first.pieces) expect(piece.kind).toBe('data');
    })();
    await expect(reading).rejects.toThrow('mariadb-backup failed');
    const givesAgain = async (): Promise<boolean> => {
      const again = new AbortController();
      const { kind } = await ann.engine.giveCopy(again.signal);
      again.abort();
      return kind === 'copy';
    };
    await waitFor(givesAgain, { timeoutMs: 10_000, what: 'the first to end' });
  });
});

describe('commits of the source', { timeout: 120_000 }, () => {
  it('do not wait for an asker that takes nothing, and for an instant only at its end', async () => {
    const { members } = await createCluster(beds.template, ['ann']);
    const [ann] = members as [Member];
    ann.engine.setTimings(timingsOf('balanced'));
    const over = new AbortController();
    const answer = await ann.engine.giveCopy(over.signal);
    if (answer.kind === 'refused') throw new Error(answer.text);
    let slowest = 0;
    let taken = 0;
    // As slowly as can be: a commit after each piece.
    for await (const piece of answer.pieces) {
      taken += piece.kind === 'data' ? piece.data.length : 0;
      const begin = performance.now();
      await insert(ann.server, `beside ${taken}`);
      slowest = Math.max(slowest, performance.now() - begin);
    }
    expect(taken).toBeGreaterThan(1_000_000);
    // By itself the program would sleep for 1 s meanwhile.
    expect(slowest).toBeLessThan(800);
    over.abort();
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
    t text, mt mediumtext, bl blob, bin binary(6), vb varbinary(300), e enum('x','it''s','z'), s set('p','q','r'), j json, u uuid, i6 inet6, g geometry,
    z text compressed, nul int, gen int as (tiny + 1) virtual, st int as (tiny + 2) persistent
  ) engine=InnoDB`;
  const ROW = `insert into app.kinds (id, tiny, small, medium, big, dec1, dec2, dec3, f, d, b, y, dat, dt, dt6, ts, ts0, ti, ti0, c, c300, v, vl, l1, u16, t, mt, bl, bin, vb, e, s, j, u, i6, g, z) values
    (4294967295, -128, 65535, -8388608, 18446744073709551615, -1234567.8901, 12345678901234567890123456789012345.123456789012345678901234567890, -0.000000001, 0.1, 1e0/3, b'1010101010101',
     1999, '2020-02-29', '2020-01-02 03:04:05.678', '1000-01-01 00:00:00.000001', '2026-11-29 12:44:55.123456', '2001-02-03 04:05:06', '-12:13:14.56', '838:59:59', 'ab', repeat('é', 200), 'it''s', repeat('x', 1000),
     'ü\\\\', 'ж', 'a\\\\x0a\\nb''"', 'mé', x'00ff27', x'0100', x'00', 'it''s', 'p,r', '{"a": "\\\\n"}', '123e4567-e89b-12d3-a456-426614174000', '2001:db8::ff00:42:8329', point(1, -2.5), repeat('z', 500)),
    (2, 0, 0, 0, 0, 0, -0.5, 0, -1.5e10, -2.5e300, b'0', 0, '0000-00-00', '0000-00-00', '9999-12-31 23:59:59.999999', null, null, '00:00:00.5', '-00:00:01', '', '', '', '', '', '', '', '', '', '', '', 'x', '', '[]', '01890a5d-ac96-774b-bcce-b302099a8057', '::ffff:1.2.3.4', null, '')`;

  it('holds values of every kind, as the server has them, and statements that bring them back', async () => {
    const { members, history } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await ann.server.query(TYPES);
    await bob.server.waitUntilCaughtUpWith(ann.server);
    await seal(bob);
    await ann.server.query(`set statement sql_mode = '' for ${ROW}`);
    const sums = 'checksum table app.kinds';
    const [had] = await ann.server.query(sums);
    await history.open(bob);
    await fence(ann);
    expect(await reclone(ann, bob, history)).toMatchObject({ kind: 'recloned' });
    const [salvage = ''] = folders(ann, 'salvage');
    const folder = join(stateDir(ann), 'salvage', salvage);
    const record = JSON.parse(readFileSync(join(folder, 'salvage.json'), 'utf8')) as SalvageRecord;
    expect(record).toMatchObject({
      transactions: { count: 1 },
      tables: [{ database: 'app', table: 'kinds', inserted: 2, updated: 0, deleted: 0, notRecoverable: 0 }],
      notes: [],
      statements: { app: 'app.sql' },
    });
    await expectItFollows(ann, bob, history);
    const compared = async (): Promise<readonly string[]> => {
      const stands: string[] = [];
      for await (const row of ann.engine.compare(each(rowsOf(ann)))) stands.push(row.stands);
      return stands;
    };
    expect(await compared()).toEqual(['missing', 'missing']);
    await runStatements(bob.server, join(folder, 'app.sql'));
    expect(await bob.server.query(sums)).toEqual([had]);
    await ann.server.waitUntilCaughtUpWith(bob.server);
    expect(await compared()).toEqual(['same', 'same']);
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
    const [salvage = ''] = folders(ann, 'salvage');
    const folder = join(stateDir(ann), 'salvage', salvage);
    const record = JSON.parse(readFileSync(join(folder, 'salvage.json'), 'utf8')) as SalvageRecord;
    expect(record.transactions.count).toBe(12);
    expect(record.notes).toEqual([expect.stringContaining('create table app.fresh') as string]);
    expect(record.files.length).toBeGreaterThan(1);
    expect(Number(record.identifiers['app.written.id'])).toBeGreaterThanOrEqual(77);
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
  server: MariadbServer,
  path: string,
  without: readonly string[] = [],
): Promise<void> {
  const { execFileSync } = await import('node:child_process');
  const text = readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => !without.some((name) => line.includes(name.split('.').at(1) ?? name)))
    .join('\n');
  execFileSync('mariadb', ['--no-defaults', `--socket=${server.socket}`, '--user=root', '--binary-mode'], {
    input: `start transaction;\n${text}\ncommit;\n`,
  });
}

async function* each<T>(items: readonly T[]): AsyncGenerator<T> {
  yield* items;
}
