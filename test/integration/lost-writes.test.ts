/**
 * What befell a large site in 2012: a leader dies with rows that its heir never got, the heir gives the same numbers to others, and an outside store
 * that had seen the first ones shows people what belongs to somebody else. Here no number is given out twice, and the rows are saved.
 */
import { existsSync, readdirSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, expect, it, onTestFinished } from 'vitest';
import type { LedgerEntry } from '#core/ledger.js';
import type { SalvagedRow } from '#core/salvage.js';
import { watchFailovers } from '#proto/failovers.js';
import { startChaos } from '#test/chaos/cluster.js';
import { loseHost } from '#test/chaos/faults/processes.js';
import { succeed } from '#test/cluster/command-line.js';
import { POSTGRES } from '#test/cluster/engines.js';
import { whyNoNetwork } from '#test/cluster/network.js';
import type { PostgresServer } from '#test/cluster/postgres.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import type { Member, TanistCluster } from '#test/cluster/tanist.js';
import { describeUnless } from '#test/contract/unless.js';

const ORDERS = ['id', 'amount', 'who', 'proof', 'paper', 'tags', 'at', 'since'] as const;
const ROUNDS = 20;
const DRAWN_AT_ONCE = 500;

describeUnless(whyNoNetwork(), 'a leader with rows that no replica has', () => {
  afterEach(stopAll, 60_000);

  it('loses them, to a salvage that holds exactly these; its heir gives out no number twice', async () => {
    const chaos = await startChaos(POSTGRES, {
      ...{ members: 3, profile: 'fast', durability: { mode: 'async', acknowledgements: 0 } },
      ...{ equipment: undefined, progress: () => undefined },
    });
    const { cluster, network } = chaos;
    const old = await cluster.leader();
    const heard = listen(cluster);
    await makeShop(old.server);
    for (const { server } of chaos.replicas(old)) await server.waitUntilCaughtUpWith(old.server);

    network.cutBothWays([chaos.hostOf(old)], chaos.hostsOf(chaos.replicas(old)));
    const seen = await sellAlone(old.server);
    const had = { orders: await textsOf(old.server), lines: await old.server.query(LINES) };
    const bringBack = await loseHost(chaos, old);
    const heir = await heirOf(cluster, old);
    const drawn = await drawOn(heir.server);
    for (const kind of ['orders', 'lines'] as const) {
      const before = new Set(seen[kind]);
      expect(drawn[kind].filter((number) => before.has(number))).toEqual([]);
      expect(new Set(drawn[kind]).size).toBe(drawn[kind].length);
    }

    await bringBack();
    const { clusters } = await cluster.waitUntilWell({ timeoutMs: 60_000 });
    const epoch = String(clusters[0]?.epoch);
    const shown = await succeed(cluster.tanist, ['salvage', 'show', cluster.name, epoch, '--json']);
    const rows = shown
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as SalvagedRow);
    const of = (table: RegExp, kind: SalvagedRow['kind']): readonly SalvagedRow[] =>
      rows.filter((row) => table.test(row.table) && row.kind === kind);
    const byId = (all: readonly SalvagedRow[]) =>
      all.map(({ values }) => values).sort((a, b) => Number(a?.['id']) - Number(b?.['id']));
    expect(byId(of(/\.orders$/, 'inserted'))).toEqual(had.orders);
    expect(byId(of(/\.lines_/, 'inserted'))).toEqual(had.lines);
    expect(of(/\.stock$/, 'updated').map(({ values, before }) => [before, values])).toEqual([
      [
        { thing: 'apples', left: '10' },
        { thing: 'apples', left: '8' },
      ],
    ]);
    expect(of(/\.stock$/, 'deleted').map(({ values }) => values)).toEqual([{ thing: 'pears', left: '10' }]);

    const entry = (await cluster.history()).find((one) => String(one.epoch) === epoch);
    expect(entry).toMatchObject({ previousLeader: old.name, loss: { kind: 'exactly' } });
    expect(entry?.salvaged).toMatchObject([{ member: old.name }]);
    // Whoever keeps this database's keys elsewhere is told of it as it happens, and again when it is known what is gone.
    const events = heard.filter((each) => String(each.epoch) === epoch);
    expect(events.map(({ loss }) => loss.kind)).toEqual(['at-most', 'exactly']);
    expect(events.at(-1)).toEqual(entry);
    expect(clusters[0]?.change).toMatchObject({ from: old.name, loss: 'exactly', salvagedBy: [old.name] });
    // As it is stored, where nothing is null.
    expect(JSON.stringify(entry?.identifiers)).not.toMatch(/"left":"/);

    // Whoever would rather have a new copy asks for one.
    const [other = old] = cluster.members.filter((member) => member !== old && member !== heir);
    await succeed(cluster.tanist, ['reinit', cluster.name, old.name, '--from', other.name]);
    const oldData = join(`${old.server.dir}.tanist`, 'old-data');
    await waitFor(() => existsSync(oldData) && readdirSync(oldData).length === 1, {
      ...{ timeoutMs: 60_000, everyMs: 50, what: 'the copy to take the place of the data' },
    });
    await cluster.waitUntilWell({ timeoutMs: 60_000 });
    await old.server.waitUntilCaughtUpWith(heir.server);
    expect(await textsOf(old.server)).toEqual(await textsOf(heir.server));
  }, 180_000);
});

/** Failover events, as they come and as they are stored. */
function listen({ controllerAddresses, name }: TanistCluster): readonly LedgerEntry[] {
  const heard: LedgerEntry[] = [];
  const request = { controllers: controllerAddresses, cluster: name, fromEpoch: 0n };
  const over = new AbortController();
  onTestFinished(() => over.abort());
  void (async () => {
    for await (const text of watchFailovers(request, over.signal, () => undefined))
      heard.push(JSON.parse(text) as LedgerEntry);
  })();
  return heard;
}

const LINES = 'select id::text, note from lines where id > 2 order by lines.id';

async function makeShop(server: PostgresServer): Promise<void> {
  for (const statement of [
    `create table orders (id bigint generated always as identity primary key, amount numeric, who text, proof bytea, paper jsonb,
       tags text[], at timestamptz, since interval)`,
    `create table lines (id serial, note text) partition by range (id)`,
    `create table lines_low partition of lines for values from (0) to (5)`,
    `create table lines_high partition of lines for values from (5) to (100000000)`,
    `create table stock (thing text primary key, "left" int)`,
    `insert into stock values ('apples', 10), ('pears', 10)`,
    `insert into orders (who) select 'everybody has it' from generate_series(1, 3)`,
    `insert into lines (note) values ('a'), ('b')`,
  ])
    await server.query(statement);
}

interface Numbers {
  readonly orders: readonly string[];
  readonly lines: readonly string[];
}

/** What an outside store has seen of it: rolled back, deleted and changed rows too. */
async function sellAlone(server: PostgresServer): Promise<Numbers> {
  const ids = async (sql: string): Promise<readonly string[]> =>
    (await server.query<{ id: string | number }>(sql)).map(({ id }) => String(id));
  const orders = [
    ...(await ids(`insert into orders (amount, who, proof, paper, tags, at, since) values
       (12345678901234567890.123456789, 'Ünïcödé 日本語 العربية ''quoted''', '\\xdeadbeef00ff', '{"a": [1, null, "x"]}', '{a,NULL,"b c"}',
        '2012-09-10 23:59:59.999999+05:30', '1 year 2 days 03:04:05.6'), (null, null, null, null, null, null, null) returning id`)),
    ...(await ids(
      `insert into orders (who) select string_agg(md5(n::text), '') from generate_series(1, 32768) as n returning id`,
    )),
    ...(await ids(
      `insert into orders (who) select 'order ' || n from generate_series(1, 200) as n returning id`,
    )),
    ...(await ids(`insert into orders (who) values ('deleted again') returning id`)),
  ];
  await server.query(`update orders set who = who || ', changed' where who like 'order 1%'`);
  await server.query(`update orders set who = who || ' twice' where who like 'order 1%'`);
  await server.query(`delete from orders where who = 'deleted again'`);
  await server.query(`update stock set "left" = "left" - 1 where thing = 'apples'`);
  await server.query(`update stock set "left" = "left" - 1 where thing = 'apples'`);
  await server.query(`delete from stock where thing = 'pears'`);
  const lines = await ids(
    `insert into lines (note) select 'line ' || n from generate_series(1, 10) as n returning id`,
  );
  return { orders, lines };
}

/** Rows that only this server has, every value in its type's own text. */
const textsOf = (server: PostgresServer): Promise<readonly Record<string, string | null>[]> =>
  server.query(
    `select ${ORDERS.map((name) => `${name}::text`).join(', ')} from orders where id > 3 order by orders.id`,
  );

function heirOf(cluster: TanistCluster, old: Member): Promise<Member> {
  const found = async (): Promise<Member | undefined> => {
    const [seen] = (await cluster.status()).clusters;
    const isProved = seen?.leader !== old.name && seen?.state !== 'failing-over';
    return isProved && seen?.leader ? cluster.member(seen.leader) : undefined;
  };
  return waitFor(found, { timeoutMs: 30_000, everyMs: 50, what: 'an heir' });
}

/** As fast as it can, from the moment at which it may. */
async function drawOn(server: PostgresServer): Promise<Numbers> {
  const ids = async (sql: string): Promise<readonly string[]> =>
    (await server.query<{ id: string | number }>(sql)).map(({ id }) => String(id));
  const drawn = { orders: [] as string[], lines: [] as string[] };
  for (let round = 0; round < ROUNDS; round++) {
    const rows = `from generate_series(1, ${DRAWN_AT_ONCE}) as n returning id`;
    drawn.orders.push(...(await ids(`insert into orders (who) select 'new ' || n ${rows}`)));
    drawn.lines.push(...(await ids(`insert into lines (note) select 'new ' || n ${rows}`)));
  }
  return drawn;
}
