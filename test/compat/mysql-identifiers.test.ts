// Numbers that an old leader may have given out are not given out again: on real servers, since which engine rewrites a table for it, and what a
// replica makes of it, is known only from trying.
import { afterAll, afterEach, beforeAll, expect, it } from 'vitest';
import type { IdentifierJump } from '#core/identifiers.js';
import { stopAll } from '#test/cluster/processes.js';
import { fence, follow, seal } from '#test/contract/engine/steps.js';
import { type MysqlBeds, prepareMysqlBeds } from '#test/compat/mysql-bed.js';
import { createCluster, type Member, stopCaring } from '#test/compat/mysql-members.js';

const GAP = { bigint: 1_000_000, integer: 100_000 };

let beds: MysqlBeds;
beforeAll(async () => {
  beds = await prepareMysqlBeds();
}, 60_000);
afterEach(async () => {
  await stopCaring();
  await stopAll();
}, 60_000);
afterAll(() => beds.remove());

it('counters jump before clients write, replicas have jumped too, and what cannot is named', async () => {
  const { members, history } = await createCluster(beds.template, ['ann', 'bob', 'cat']);
  const [ann, bob, cat] = members as [Member, Member, Member];
  for (const sql of [
    'create table app.ints (id int auto_increment primary key)',
    'create table app.small (id smallint auto_increment primary key)',
    'create table app.full (id int auto_increment primary key)',
    'create table app.unused (id bigint unsigned auto_increment primary key)',
    'create table app.old (id int auto_increment primary key) engine=MyISAM',
    "insert into app.written (value) values ('a'), ('b'), ('c')",
    'insert into app.ints values (41)',
    'insert into app.full values (2147483600)',
    'insert into app.old values (7)',
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
  // Of which the leader may have given out some all the same.
  expect(jumpOf('app.unused.id')).toMatchObject({ from: 0n, to: 1_000_000n, left: undefined });
  expect(jumpOf('app.small.id')).toMatchObject({ left: 'it has a few numbers only' });
  expect(jumpOf('app.full.id')).toMatchObject({ left: 'it has too few numbers left' });
  expect(jumpOf('app.old.id')).toMatchObject({ left: 'its engine would have to rewrite the table' });

  await follow(cat, bob, history.openings);
  await cat.server.waitUntilCaughtUpWith(bob.server);
  // The next failover may be a lossless one, after which nothing jumps.
  await seal(cat);
  await fence(bob);
  await history.open(cat);
  await cat.server.query("insert into app.written (value) values ('after')");
  const [row] = await cat.server.query<{ id: bigint }>('select max(id) as id from app.written');
  expect(BigInt(row?.id ?? 0)).toBe(1_000_004n);
  await cat.server.query('insert into app.unused values ()');
  const [first] = await cat.server.query<{ id: bigint }>('select id from app.unused');
  expect(BigInt(first?.id ?? 0)).toBe(1_000_001n);
}, 60_000);
