// After an opening that may lack writes no identifier may be given out again: on a real server, since what a sequence is, and what draws from it, only
// its catalogs know.
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import type { IdentifierReport } from '#core/identifiers.js';
import { stopAll } from '#test/cluster/processes.js';
import type { History } from '#test/contract/engine/history.js';
import { fence, seal } from '#test/contract/engine/steps.js';
import { connect, createPair, type Member, stopCaring } from '#test/contract/postgres-members.js';

const GAP = { bigint: 1_000_000, integer: 10_000 };
const MOST_INTEGER = 2_147_483_647;

afterAll(async () => {
  await stopCaring();
  await stopAll();
}, 60_000);

describe('sequences of a leader that may lack writes', { timeout: 60_000 }, () => {
  let ann: Member;
  let bob: Member;
  let history: History;
  let report: IdentifierReport | undefined;
  const ofAnn: Record<string, string> = {};

  beforeAll(async () => {
    ({ ann, bob, history } = await createPair('identifiers'));
    const { server } = ann;
    for (const sql of [
      'create table of_bigint (id bigint generated always as identity, text text)',
      'create table of_serial (id serial, text text)',
      'create sequence wide',
      "create table narrow (id integer default nextval('wide'), text text)",
      'alter sequence wide owned by narrow.id',
      'create sequence down increment -2 start -1',
      'create sequence tens increment 10',
      'create table few (id smallserial)',
      'create sequence round maxvalue 100000 cycle',
      `create sequence nearly_full maxvalue 1000 start 950`,
      'create sequence "Never drawn" start 77',
      'create schema apart',
      'create sequence apart.other',
      'create database elsewhere',
    ])
      await server.query(sql);
    const elsewhere = await connect(server, 'postgres', 'elsewhere');
    await elsewhere.query('create sequence far');
    await elsewhere.query("select nextval('far')");
    await elsewhere.end();
    await bob.server.waitUntilCaughtUpWith(server);
    await seal(bob);
    for (const name of [
      'of_bigint_id_seq',
      'of_serial_id_seq',
      'wide',
      'down',
      'tens',
      'few_id_seq',
      'round',
      'nearly_full',
      'apart.other',
    ]) {
      const rows = await server.query<{ last: string }>(
        `select max(n) as last from (select nextval('${name}') as n from generate_series(1, 40)) as drawn`,
      );
      ofAnn[name] = rows[0]?.last ?? '';
    }
    await fence(ann);
    ({ identifiers: report } = await history.open(bob, { identifierGap: GAP }));
  }, 60_000);

  const jumpOf = (name: string): { by: bigint; left: string | undefined } | undefined => {
    const found = report?.named.find((one) => one.name === `postgres.${name}`);
    return found && { by: found.to - found.from, left: found.left };
  };
  const next = async (name: string): Promise<bigint> => {
    const [row] = await bob.server.query<{ n: string }>(`select nextval('${name}')::text as n`);
    return BigInt(row?.n ?? '');
  };

  it('jump by the gap of their type, or of the column that they feed', async () => {
    expect(jumpOf('public.of_bigint_id_seq')).toEqual({ by: 1_000_000n, left: undefined });
    expect(jumpOf('public.of_serial_id_seq')).toEqual({ by: 10_000n, left: undefined });
    expect(jumpOf('public.wide')).toEqual({ by: 10_000n, left: undefined });
    expect(jumpOf('public.down')).toEqual({ by: -2_000_000n, left: undefined });
    expect(jumpOf('public.tens')).toEqual({ by: 10_000_000n, left: undefined });
    expect(jumpOf('apart.other')).toEqual({ by: 1_000_000n, left: undefined });
    for (const name of ['of_bigint_id_seq', 'of_serial_id_seq', 'wide', 'tens', 'apart.other'])
      expect(await next(name)).toBeGreaterThan(BigInt(ofAnn[name] ?? ''));
    expect(await next('down')).toBeLessThan(-1_000_000n);
  });

  it('jump in every database, and also where nothing was drawn yet that is known of', async () => {
    expect(report?.named.find(({ name }) => name === 'elsewhere.public.far')?.left).toBeUndefined();
    expect(jumpOf('public."Never drawn"')).toEqual({ by: 1_000_000n, left: undefined });
    expect(await next('"Never drawn"')).toBe(1_000_077n);
  });

  it('are left alone, and named, where a jump would do harm', () => {
    expect(jumpOf('public.few_id_seq')).toEqual({ by: 0n, left: 'it has a few numbers only' });
    expect(jumpOf('public.round')).toEqual({ by: 0n, left: 'it goes round' });
    expect(jumpOf('public.nearly_full')).toEqual({ by: 0n, left: 'it has too few numbers left' });
    expect(report?.more).toBe(0);
    expect(report?.named.some(({ name }) => name.includes('tanist'))).toBe(false);
  });

  it('leave the server as it was: sessions write, and nothing of it stands in its settings', async () => {
    await bob.server.query("insert into of_bigint (text) values ('after')");
    const left = await bob.server.query(
      "select from pg_file_settings where name = 'default_transaction_read_only'",
    );
    expect(left).toEqual([]);
    expect(await bob.server.query('show default_transaction_read_only')).toEqual([
      { default_transaction_read_only: 'off' },
    ]);
  });

  it('jump by a hundredth of what is left at most', async () => {
    await bob.server.query(`select setval('of_serial_id_seq', ${MOST_INTEGER - 50_000})`);
    await fence(bob);
    await bob.run({ kind: 'start' });
    await seal(bob);
    const { identifiers } = await history.open(bob, { identifierGap: GAP });
    const jump = identifiers?.named.find(({ name }) => name === 'postgres.public.of_serial_id_seq');
    expect(jump && jump.to - jump.from).toBe(500n);
  });
});

describe('a sequence that somebody holds', { timeout: 60_000 }, () => {
  let bob: Member;
  let history: History;

  beforeAll(async () => {
    const pair = await createPair('held', { max_prepared_transactions: '4' });
    ({ bob, history } = pair);
    const { server } = pair.ann;
    await server.query('create sequence held');
    await server.query('create database zoo');
    const zoo = await connect(server, 'postgres', 'zoo');
    await zoo.query('create sequence free');
    await zoo.query("select nextval('free')");
    await zoo.end();
    const client = await connect(server);
    for (const sql of ['begin', 'alter sequence held increment 2', "prepare transaction 'holds'"])
      await client.query(sql);
    await client.end();
    await bob.server.waitUntilCaughtUpWith(server);
    await seal(bob);
    await fence(pair.ann);
  }, 60_000);

  it('costs a second, keeps no other database from its jump, and makes nobody take the server for hung', async () => {
    const from = bob.events.length;
    const { identifiers } = await history.open(bob, { identifierGap: GAP });
    await bob.until('to be open', ({ role }) => role === 'writable');
    const left = new Map(identifiers?.named.map(({ name, left }) => [name, left]));
    expect([...left.keys()].sort()).toEqual(['postgres', 'zoo.public.free']);
    expect(left.get('postgres')).toMatch(/lock|terminated/i);
    expect(left.get('zoo.public.free')).toBeUndefined();
    const seen = bob.events.slice(from).map(({ observation }) => observation);
    expect(seen.filter(({ state }) => state !== 'running')).toEqual([]);
    expect(Math.max(...seen.map(({ canaryAgeMs }) => canaryAgeMs ?? 0))).toBeLessThan(600);
  });
});
