// What only an old leader had is saved before it is rewound: on real servers, since what the log says of a row, and where the row lies then, differs
// from version to version and from one way of writing to another.
import { readFileSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { parseLsn } from '#core/positions/postgres.js';
import type { SalvagedRow, SalvageRecord } from '#core/salvage.js';
import { findChanges } from '#agent/engines/postgres/salvage-changes.js';
import { cloneReplica, createPrimary, type PostgresServer } from '#test/cluster/postgres.js';
import { createRunFolder, stopAll } from '#test/cluster/processes.js';
import { type History, newHistory } from '#test/contract/engine/history.js';
import { fence, seal } from '#test/contract/engine/steps.js';
import { boundFor, careFor, connect, type Member, stopCaring } from '#test/contract/postgres-members.js';

const REWIND_WITHIN_MS = 60_000;

afterAll(async () => {
  await stopCaring();
  await stopAll();
}, 60_000);

const KINDS = `select id::text, n::text, b, e::text, d::text, a::text, t::text, f::text, r::text, case when c is not null then format('%s', c) end as c, "Ünï ""c""" from every_type where n is not null order by id`;

interface Salvaged {
  readonly record: SalvageRecord;
  readonly rows: readonly SalvagedRow[];
  readonly sql: string;
}

function salvagedBy({ server }: Member): Salvaged {
  const root = `${server.dir}.state/salvage`;
  const folder = join(root, readdirSync(root).sort().at(-1) ?? '');
  const read = (name: string): string => readFileSync(join(folder, name), 'utf8');
  const lines = read('rows.jsonl')
    .split('\n')
    .filter((line) => line !== '');
  return {
    record: JSON.parse(read('salvage.json')) as SalvageRecord,
    rows: lines.map((line) => JSON.parse(line) as SalvagedRow),
    sql: read('postgres.sql'),
  };
}

const ofTable = ({ rows }: Salvaged, table: string, kind: SalvagedRow['kind']): readonly SalvagedRow[] =>
  rows.filter((row) => row.table === table && row.kind === kind);

describe('what an old leader wrote alone', { timeout: 120_000 }, () => {
  let ann: Member;
  let bob: Member;
  let history: History;
  let saved: Salvaged;
  /** The rows as ann had them, in every type's own words. */
  let had: readonly Record<string, string | null>[];

  const alone = async (server: PostgresServer): Promise<void> => {
    const query = (sql: string): Promise<unknown> => server.query(sql);
    await query(`insert into every_type (n, b, e, d, a, t, f, r, c) values
      (123456789012345678901234567890.12345, 'Ünïcödé ' || chr(9731) || ' ''quoted'' \\ ' || chr(10) || ' 日本語', '\\xdeadbeef00ff', '{"a": [1, null, "x"]}',
        '{1,NULL,3}', '2026-02-28 23:59:59.999999+05:30', 0.1::float8 + 0.2, '[1,5)', 'x'),
      ('NaN', '', '', 'null', '{}', '-infinity', '-0', 'empty', null)`);
    await query(
      `insert into every_type (n, b) select 7, string_agg(md5(i::text), '') from generate_series(1, 31250) as i`,
    );
    await query(`update kept set text = 'twice' where id in (1, 2)`);
    await query(`update kept set text = 'twice and again' where id = 1`);
    await query(`update kept set id = 1000 where id = 3`);
    await query(`delete from kept where id = 4`);
    await query(`insert into kept values (2000, 'in vain')`);
    await query(`delete from kept where id = 2000`);
    await query(`insert into parted values (1, 'low'), (150, 'high')`);
    await query(`update parted set id = 160 where id = 50`);
    await query(`insert into nameless values ('a'), (null)`);
    await query(`begin; insert into nameless values ('first'); savepoint one; insert into nameless values ('rolled back'); rollback to one;
      savepoint two; insert into nameless values ('second'); release two; commit`);
    await query(`begin; insert into nameless values ('never'); rollback`);
    await query(`copy nameless from program 'seq 1 3'`);
    await query(`insert into emptied values (1)`);
    await query(`truncate emptied`);
    await query(`create table made (id serial primary key, text text)`);
    await query(`insert into made (text) values ('new')`);
  };

  beforeAll(async () => {
    const server = await createPrimary({ dir: createRunFolder('salvage'), name: 'ann' });
    await server.start();
    const replica = await cloneReplica(server, { name: 'bob' });
    await replica.start();
    await replica.waitUntilStreaming();
    [ann, bob] = [careFor(server), careFor(replica)];
    history = newHistory();
    await history.open(ann);
    await server.query(`create table every_type (id bigint generated always as identity primary key, n numeric, b text, e bytea, d jsonb,
      a int[], t timestamptz, f float8, r int4range, c char(3), "Ünï ""c""" text, twice numeric generated always as (n * 2) stored)`);
    await server.query(`create table kept (id int primary key, text text)`);
    await server.query(`insert into kept select n, 'once' from generate_series(1, 10) as n`);
    await server.query(`create table parted (id int primary key, text text) partition by range (id)`);
    await server.query(`create table parted_low partition of parted for values from (0) to (100)`);
    await server.query(`create table parted_high partition of parted for values from (100) to (200)`);
    await server.query(`insert into parted values (50, 'moves')`);
    await server.query(`create table nameless (text text)`);
    await server.query(`create table emptied (id int)`);
    await server.query(`create table begun (text text)`);
    const straddling = await connect(server);
    await straddling.query(`begin; insert into begun values ('before a checkpoint')`);
    await server.query('checkpoint');
    await straddling.query(`savepoint part; insert into begun values ('before'); release part`);
    await server.query('select pg_switch_wal()');
    await replica.waitUntilCaughtUpWith(server);
    await seal(bob);
    await alone(server);
    await straddling.query(`insert into begun values ('after'); commit`);
    await straddling.end();
    await server.query(`update kept set text = 'five' where id = 5; delete from kept where id = 5`);
    had = await server.query(KINDS);
    await history.open(bob);
    await replica.query(`update kept set text = 'by bob' where id in (2, 5)`);
    await fence(ann);
    await ann.run({ kind: 'start' });
    await seal(ann);
    await ann.run({
      ...{ kind: 'rewind', leader: bob.planned, openings: history.openings },
      timeoutMs: REWIND_WITHIN_MS as never,
    });
    saved = salvagedBy(ann);
  }, 90_000);

  it('is saved row by row, every value in its own words', () => {
    const rows = ofTable(saved, 'public.every_type', 'inserted').map(({ values }) => values);
    expect(rows.map(withoutGenerated)).toEqual(had);
    expect(rows.map((row) => row?.['twice'])).toEqual(['246913578024691357802469135780.24690', 'NaN', '14']);
    expect(rows[2]?.['b']).toHaveLength(1_000_000);
  });

  it('is one version of a row, the last, with what the new leader has in its place', () => {
    const changed = ofTable(saved, 'public.kept', 'updated').map(({ values, before }) => [before, values]);
    const once = (id: number): object => ({ id: String(id), text: 'once' });
    expect(changed).toEqual(
      expect.arrayContaining([
        [once(1), { id: '1', text: 'twice and again' }],
        [once(3), { id: '1000', text: 'once' }],
        // bob has changed it since.
        [null, { id: '2', text: 'twice' }],
      ]),
    );
    expect(changed).toHaveLength(3);
    expect(ofTable(saved, 'public.kept', 'inserted')).toEqual([]);
  });

  it('is what was deleted, as the new leader has it, or the place alone', () => {
    const deleted = ofTable(saved, 'public.kept', 'deleted').map(({ values }) => values);
    expect(deleted).toEqual(expect.arrayContaining([{ id: '4', text: 'once' }, null]));
    expect(deleted).toHaveLength(2);
    expect(tableOf(saved, 'public.kept')).toMatchObject({ deleted: 2, notRecoverable: 1 });
    // A row that goes to another partition leaves the one that it was in.
    expect(ofTable(saved, 'public.parted_low', 'deleted')).toMatchObject([{ values: { id: '50' } }]);
    expect(ofTable(saved, 'public.parted_high', 'inserted').map(({ values }) => values?.['id'])).toEqual(
      expect.arrayContaining(['150', '160']),
    );
  });

  it('is not what was rolled back, in whole or in part', () => {
    const texts = ofTable(saved, 'public.nameless', 'inserted').map(({ values }) => values?.['text']);
    expect(texts.sort()).toEqual(['1', '2', '3', 'a', 'first', 'second', null].sort());
  });

  it('is also what a transaction wrote before the logs parted that was committed after', () => {
    const rows = ofTable(saved, 'public.begun', 'inserted').map(({ values }) => values?.['text']);
    expect(rows).toEqual(expect.arrayContaining(['before a checkpoint', 'before', 'after']));
    expect(rows).toHaveLength(3);
  });

  it('is told where it cannot be replayed', () => {
    expect(saved.record.notes).toEqual([
      expect.stringMatching(
        /^in postgres the schema was changed, and is not replayed: .*pg_catalog.pg_class/,
      ),
      'in postgres 1 tables were dropped, truncated or rewritten after rows of theirs had been written',
    ]);
    expect(ofTable(saved, 'public.made', 'inserted')).toMatchObject([{ values: { id: '1', text: 'new' } }]);
    expect(saved.record.transactions.count).toBeGreaterThan(20);
  });

  it('can be run on the new leader, in one transaction, and is there then', async () => {
    await bob.server.query('create table made (id int primary key, text text)');
    expect(await standings(bob, saved, 'public.every_type')).toEqual(['missing', 'missing', 'missing']);
    expect(new Set(await standings(bob, saved, 'public.nameless'))).toEqual(new Set(['missing']));
    // Row 2 was changed by bob; of row 5 nobody knows any more what it was.
    expect((await standings(bob, saved, 'public.kept')).sort()).toEqual(
      ['conflicting', 'missing', 'missing', 'missing', 'unknown'].sort(),
    );
    await runSql(bob.server, saved.sql);
    expect(new Set(await standings(bob, saved))).toEqual(new Set(['same', 'unknown']));
    expect((await standings(bob, saved)).filter((stands) => stands === 'unknown')).toHaveLength(1);
    expect(await bob.server.query(KINDS)).toEqual(had);
    expect(await bob.server.query('select id, text from kept where id <> 5 order by id')).toEqual([
      { id: 1, text: 'twice and again' },
      { id: 2, text: 'twice' },
      ...[6, 7, 8, 9, 10].map((id) => ({ id, text: 'once' })),
      { id: 1000, text: 'once' },
    ]);
    expect(await bob.server.query('select id from parted order by id')).toEqual(
      [1, 150, 160].map((id) => ({ id })),
    );
    expect(await bob.server.query('select text from nameless order by text')).toHaveLength(7);
  });
});

// A log that is switched ends its file in nothing, and the heir may have been sealed right there.
it(
  'is read back across the end of a file that was left before it was full',
  { timeout: 60_000 },
  async () => {
    const server = await createPrimary({ dir: createRunFolder('salvage-switch'), name: 'cid' });
    await server.start();
    await server.query('create table begun (text text)');
    const straddling = await connect(server);
    await straddling.query(`begin; insert into begun values ('before')`);
    const [switched] = await server.query('select pg_switch_wal()::text as lsn');
    await straddling.query('commit');
    await straddling.end();
    const [now] = await server.query('select pg_current_wal_flush_lsn()::text as lsn');
    const segment = BigInt(16 * 2 ** 20);
    const end = (lsnOf(switched) / segment + 1n) * segment;
    const files = {
      ...{ binDir: server.binDir, logDir: join(server.dir, 'pg_wal') },
      sizes: { segmentBytes: Number(segment), pageBytes: 8192 },
    };
    const own = {
      engine: 'postgres',
      dataId: '',
      timeline: 1,
      lsn: lsnOf(now),
      forks: [],
      marks: [],
    } as const;
    const found = await findChanges(files, own, { timeline: 1, end }, boundFor(20_000));
    expect(found.gap).toBeUndefined();
    expect([...found.changes.pages.values()].flatMap((pages) => [...pages])).toContain(0);
  },
);

const lsnOf = (row: unknown): bigint => parseLsn((row as { lsn: string }).lsn) ?? 0n;

/** What is computed from the others is no part of it. */
function withoutGenerated(values: SalvagedRow['values']): object {
  const { twice: _, ...rest } = values ?? {};
  return rest;
}

const tableOf = ({ record }: Salvaged, table: string): unknown =>
  record.tables.find((one) => one.table === table);

/** How each of the rows stands to what that member has now. */
async function standings({ engine }: Member, { rows }: Salvaged, table?: string): Promise<string[]> {
  async function* some(): AsyncGenerator<SalvagedRow> {
    for (const row of rows) if (table === undefined || row.table === table) yield Promise.resolve(row);
  }
  const found: string[] = [];
  for await (const { stands } of engine.compare(some())) found.push(stands);
  return found;
}

/** As the file itself says. */
async function runSql(server: PostgresServer, sql: string): Promise<void> {
  const client = await connect(server);
  try {
    await client.query(`begin; ${sql}; commit`);
  } finally {
    await client.end();
  }
}
