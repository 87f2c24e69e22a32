// Numbers that an old leader may have given out are not given out again: on real servers, since which engine rewrites a table for it, and what a
// replica makes of it, is known only from trying.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { IdentifierJump } from '#core/identifiers.js';
import { stopAll } from '#test/cluster/processes.js';
import { fence, follow, seal } from '#test/contract/engine/steps.js';
import { type MariadbBeds, prepareMariadbBeds } from '#test/contract/mariadb-bed.js';
import { createCluster, type Member, stopCaring } from '#test/contract/mariadb-members.js';

const GAP = { bigint: 1_000_000, integer: 100_000 };

let beds: MariadbBeds;
beforeAll(async () => {
  beds = await prepareMariadbBeds();
}, 60_000);
afterEach(async () => {
  await stopCaring();
  await stopAll();
}, 60_000);
afterAll(() => beds.remove());

it('counters and sequences jump before clients write, replicas have jumped too, and what cannot is named', async () => {
  const { members, history } = await createCluster(beds.template, ['ann', 'bob', 'cat']);
  const [ann, bob, cat] = members as [Member, Member, Member];
  for (const sql of [
    'create table app.ints (id int auto_increment primary key)',
    'create table app.small (id smallint auto_increment primary key)',
    'create table app.full (id int auto_increment primary key)',
    'create table app.old (id int auto_increment primary key) engine=MyISAM',
    'create sequence app.seq',
    'create sequence app.round maxvalue 10 cycle',
    "insert into app.written (value) values ('a'), ('b'), ('c')",
    'insert into app.ints values (41)',
    'insert into app.full values (2147483600)',
    'insert into app.old values (7)',
    'select nextval(app.seq)',
  ])
    await ann.server.query(sql);
  for (const replica of [bob, cat]) {
    await replica.server.waitUntilCaughtUpWith(ann.server);
    await seal(replica);
  }
  await fence(ann);
  const { identifiers } = await history.open(bob, { identifierGap: GAP });
  const jumps = new Map(identifiers?.named.map((jump) => [jump.name, jump]));
  const jumpOf = (name: string): IdentifierJump | undefined => jumps.get(name);
  expect(jumpOf('app.written.id')).toMatchObject({ from: 3n, to: 1_000_003n, left: undefined });
  expect(jumpOf('app.ints.id')).toMatchObject({ from: 41n, to: 100_041n, left: undefined });
  // A session takes a thousand at once.
  expect(jumpOf('app.seq')).toMatchObject({ from: 1000n, to: 1_001_000n, left: undefined });
  expect(jumpOf('app.small.id')).toMatchObject({ left: 'it has a few numbers only' });
  expect(jumpOf('app.full.id')).toMatchObject({ left: 'it has too few numbers left' });
  expect(jumpOf('app.old.id')).toMatchObject({ left: 'its engine would have to rewrite the table' });
  expect(jumpOf('app.round')).toMatchObject({ left: 'it goes round' });

  await follow(cat, bob, history.openings);
  await cat.server.waitUntilCaughtUpWith(bob.server);
  // The next failover may be a lossless one, after which nothing jumps.
  await seal(cat);
  await fence(bob);
  await history.open(cat);
  await cat.server.query("insert into app.written (value) values ('after')");
  const [row] = await cat.server.query<{ id: bigint }>('select max(id) as id from app.written');
  expect(BigInt(row?.id ?? 0)).toBe(1_000_004n);
  const [next] = await cat.server.query<{ n: bigint }>('select nextval(app.seq) as n');
  expect(BigInt(next?.n ?? 0)).toBeGreaterThan(1_001_000n);
}, 60_000);
