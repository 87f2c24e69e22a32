// What an agent has saved, asked for as `tanist salvage` does: over real sockets, from a real folder.
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { describe, expect, it, onTestFinished } from 'vitest';
import { asEpoch, asWall } from '#core/brand.js';
import type { LedgerEntry } from '#core/ledger.js';
import { reason } from '#core/reasons.js';
import type { ComparedRow, SalvagedRow, SalvageRecord } from '#core/salvage.js';
import { createPeerServer } from '#agent/adapters/grpc/peers.js';
import { createSalvages } from '#agent/adapters/salvages.js';
import type { Operator } from '#cli/operator.js';
import { ledgerEntryToJson } from '#proto/codec/json.js';
import { type Agent, salvageSource } from '#cli/salvage/agents.js';
import { listSalvages, showSalvage, type ShowRequest } from '#cli/salvage/show.js';
import { notAskedFor, startFrozenServer } from '#test/contract/grpc-fixtures.js';

const record = (name: string, epoch: number, more: Partial<SalvageRecord> = {}): SalvageRecord => ({
  ...{
    name,
    member: 'pg-1',
    dataId: '7',
    epoch,
    leader: 'pg-2',
    from: 'timeline 1 0/100',
    to: 'timeline 1 0/900',
  },
  ...{
    bytes: 2048,
    transactions: { count: 2, first: '2026-05-04 03:02:01.5', last: '2026-05-04 03:02:05.1' },
  },
  tables: [
    {
      ...{ database: 'shop', table: 'public.orders' },
      inserted: 2,
      updated: 1,
      deleted: 1,
      notRecoverable: 1,
    },
  ],
  identifiers: {
    'shop.public.orders_id_seq': '120',
    'shop.public.lines_id_seq': '900',
    'shop.public.new': '1',
  },
  ...{ notes: ['in shop the schema was changed'], statements: { shop: 'shop.sql' }, files: [] },
  ...more,
});

const ROWS: readonly SalvagedRow[] = [
  {
    ...{ database: 'shop', table: 'public.orders', kind: 'inserted', place: '(0,1)', transaction: 7 },
    ...{ committed: '2026-05-04 03:02:01.5', values: { id: '1', note: 'x'.repeat(100_000) } },
  },
  {
    ...{ database: 'shop', table: 'public.orders', kind: 'updated', place: '(0,2)', transaction: 7 },
    ...{
      committed: '2026-05-04 03:02:01.5',
      values: { id: '2', note: null },
      before: { id: '2', note: 'was' },
    },
  },
  {
    ...{ database: 'shop', table: 'public.orders', kind: 'deleted', place: '(0,3)', transaction: 8 },
    ...{ committed: '2026-05-04 03:02:05.1', values: null },
  },
];

/** As an engine would, of a database in which somebody has changed the second row. */
async function* compared(rows: AsyncIterable<SalvagedRow>): AsyncGenerator<ComparedRow> {
  for await (const row of rows) {
    if (row.kind === 'inserted') yield { ...row, stands: 'same', now: row.values };
    else if (row.kind === 'deleted') yield { ...row, stands: 'unknown', now: null };
    else yield { ...row, stands: 'conflicting', now: { id: '2', note: 'by others' } };
  }
}

/** An agent that has saved these, and whose other folders are unfinished. */
async function startAgent(member: string, records: readonly SalvageRecord[]): Promise<Agent> {
  const stateDir = mkdtempSync(join(tmpdir(), 'tanist-salvages-'));
  onTestFinished(() => {
    rmSync(stateDir, { recursive: true });
  });
  writeFileSync(join(stateDir, 'secret'), 'no business of anybody');
  for (const one of records) {
    const folder = join(stateDir, 'salvage', one.name);
    mkdirSync(folder, { recursive: true });
    writeFileSync(join(folder, 'salvage.json'), JSON.stringify(one));
    writeFileSync(join(folder, 'rows.jsonl'), ROWS.map((row) => `${JSON.stringify(row)}\n`).join(''));
    writeFileSync(join(folder, 'shop.sql'), '-- read it first\n');
  }
  mkdirSync(join(stateDir, 'salvage', 'unfinished'), { recursive: true });
  const server = await createPeerServer({
    ...{ host: '127.0.0.1', port: 0, cluster: 'orders', salvages: createSalvages(stateDir, compared) },
    handler: { readTail: notAskedFor, readCopy: notAskedFor, vouch: notAskedFor },
  });
  onTestFinished(() => server.stop());
  return { member, address: `127.0.0.1:${server.port}` };
}

/** The epoch at which sequences jumped. */
const ENTRY: LedgerEntry = {
  ...{ cluster: 'orders', epoch: asEpoch(7n), kind: 'failover', leader: 'pg-2', previousLeader: 'pg-1' },
  ...{ at: asWall(0), controller: 'c1', term: '0.1', reason: reason('MEMBER_LOST'), candidates: [] },
  ...{ tail: { kind: 'not-needed' }, loss: { kind: 'none' }, salvaged: [], phases: [], outcome: 'proved' },
  identifiers: {
    named: [
      { name: 'shop.public.orders_id_seq', from: 100n, to: 1_000_100n, left: undefined },
      { name: 'shop.public.lines_id_seq', from: 500n, to: 500n, left: 'it goes round' },
    ],
    more: 0,
  },
};

const operatorOf = (agents: readonly Agent[]): Pick<Operator, 'status' | 'history'> => ({
  history: () =>
    Promise.resolve([ledgerEntryToJson({ ...ENTRY, epoch: asEpoch(6n) }), ledgerEntryToJson(ENTRY)]),
  status: () =>
    Promise.resolve(
      JSON.stringify({
        ...{ controller: 'c1', active: true, term: '0.1' },
        clusters: [
          {
            name: 'orders',
            members: agents.map(({ member, address }) => ({ name: member, agentAddress: address })),
          },
        ],
      }),
    ),
});

const said = (): { texts: string[]; terminal: Parameters<typeof showSalvage>[2] } => {
  const texts: string[] = [];
  const print = (text: string): unknown => texts.push(text);
  return {
    texts,
    terminal: { print, tell: print, ask: undefined, isInteractive: false, hasColours: false, rows: () => 40 },
  };
};

const notThere: Agent = { member: 'pg-9', address: '127.0.0.1:1' };

async function list(agents: readonly Agent[], json = false): Promise<string> {
  const { texts, terminal } = said();
  const request = { controllers: ['c1:1'], cluster: 'orders', json };
  await listSalvages(request, { operator: operatorOf(agents), salvages: salvageSource }, terminal);
  return texts.join('');
}

async function show(agents: readonly Agent[], more: Partial<ShowRequest> = {}): Promise<string> {
  const { texts, terminal } = said();
  const request = {
    controllers: ['c1:1'],
    cluster: 'orders',
    epoch: 7,
    member: undefined,
    database: undefined,
  };
  await showSalvage(
    { ...request, as: 'text', compared: false, limit: 2, ...more },
    { operator: operatorOf(agents), salvages: salvageSource },
    terminal,
  );
  return texts.join('');
}

describe('what agents have saved', () => {
  it('is listed, newest first, with those that do not answer', { timeout: 10_000 }, async () => {
    const one = await startAgent('pg-1', [record('7-1', 7), record('9-1', 9)]);
    const other = await startAgent('pg-2', []);
    const frozen = { member: 'pg-3', address: (await startFrozenServer()).address };
    const lines = (await list([one, other, frozen])).trimEnd().split('\n');
    expect(lines).toEqual([
      '  EPOCH  MEMBER  COMMITTED (UTC)                  TRANSACTIONS  INSERTED  UPDATED  DELETED  LOG',
      '  9      pg-1    2026-05-04 03:02:01 to 03:02:05  2             2         1        1        2.0 KiB',
      '  7      pg-1    2026-05-04 03:02:01 to 03:02:05  2             2         1        1        2.0 KiB',
      expect.stringMatching(/^what pg-3 may have saved is not known: .*: no answer within 3000 ms$/),
    ]);
    expect(await list([other])).toBe('nothing is saved of cluster orders\n');
    const document = JSON.parse(await list([one, frozen], true)) as object;
    expect(document).toMatchObject({ salvages: [{ name: '7-1' }, { name: '9-1' }], silent: ['pg-3'] });
  });

  it('is shown: what it is, and its first rows', async () => {
    const agents = [await startAgent('pg-1', [record('7-1', 7)])];
    expect((await show(agents)).trimEnd().split('\n')).toEqual([
      'what pg-1 had committed and pg-2 lacks, which leads since epoch 7',
      '  log           timeline 1 0/100 to timeline 1 0/900, 2.0 KiB',
      '  transactions  2, committed 2026-05-04 03:02:01 to 03:02:05 UTC',
      '',
      '  DATABASE  TABLE          INSERTED  UPDATED  DELETED',
      '  shop      public.orders  2         1        1',
      '',
      'of the deleted rows 1 are not recoverable',
      'in shop the schema was changed',
      'of 1 sequences no number was given out twice',
      'shop.public.lines_id_seq: the old leader gave out numbers up to 900, the new one those after 500: what lies between may have been given out twice',
      '',
      `+ 2026-05-04 03:02:01.5  public.orders  id=1 note=${'x'.repeat(60)}… (100000 characters)`,
      '~ 2026-05-04 03:02:01.5  public.orders  id=2 note=null  (there: id=2 note=was)',
      'and 1 more: --limit, --json or --sql',
    ]);
    expect(await show(agents, { limit: 3 })).toContain(
      '- 2026-05-04 03:02:05.1  public.orders  not recoverable\n',
    );
  });

  it('is held against what is there now: what differs, and how much does not', async () => {
    const agents = [await startAgent('pg-1', [record('7-1', 7)])];
    const lines = (await show(agents, { compared: true })).trimEnd().split('\n');
    expect(lines.slice(-5)).toEqual([
      '',
      'conflicting ~ 2026-05-04 03:02:01.5  public.orders  id=2 note=null  (now: id=2 note=by others)',
      'unknown     - 2026-05-04 03:02:05.1  public.orders  not recoverable',
      '',
      '1 same, 0 missing, 1 conflicting, 1 unknown',
    ]);
    expect(await show(agents, { compared: true, limit: 1 })).toContain('\nand 1 more: --limit or --json\n');
    const rows = (await show(agents, { compared: true, as: 'json' })).trimEnd().split('\n');
    expect(rows.map((row) => (JSON.parse(row) as ComparedRow).stands)).toEqual([
      'same',
      'conflicting',
      'unknown',
    ]);
    const gone = salvageSource.compare('orders', agents[0] ?? notThere, '8-1');
    await expect(gone[Symbol.asyncIterator]().next()).rejects.toMatchObject({ code: 'SALVAGE_UNAVAILABLE' });
  });

  it('is given out whole, rows and statements', async () => {
    const agents = [await startAgent('pg-1', [record('7-1', 7)])];
    const rows = (await show(agents, { as: 'json' })).trimEnd().split('\n');
    expect(rows.map((row) => JSON.parse(row) as SalvagedRow)).toEqual(ROWS);
    expect(await show(agents, { as: 'sql' })).toBe('-- read it first\n');
    expect(await show(agents, { as: 'sql', database: 'shop' })).toBe('-- read it first\n');
  });

  it.each([
    [{ epoch: 8 }, /none of orders at epoch 8/],
    [{ member: 'pg-9' }, /none of orders at epoch 7/],
    [{ as: 'sql', database: 'other' }, /no rows of other were saved.*shop/],
  ] as const)('is not there: %j', async (more, text) => {
    const agents = [await startAgent('pg-1', [record('7-1', 7)])];
    await expect(show(agents, more)).rejects.toThrow(text);
  });

  it('by several members is shown of one that is named', async () => {
    const agents = [
      await startAgent('pg-1', [record('7-1', 7)]),
      await startAgent('pg-3', [record('7-3', 7, { member: 'pg-3' })]),
    ];
    await expect(show(agents)).rejects.toThrow(/there are 2 .*: pg-1, pg-3 .*--member/);
    expect(await show(agents, { member: 'pg-3' })).toContain('what pg-3 had committed');
  });

  it('is all that an agent gives out, to its own cluster', async () => {
    const agent = await startAgent('pg-1', [record('7-1', 7)]);
    for (const [name, file] of [
      ['7-1', '../../secret'],
      ['..', 'secret'],
      ['.', 'secret'],
      ['7-1', 'missing'],
      ['7-1/..', 'secret'],
    ] as const) {
      const read = async (): Promise<void> => {
        for await (const _ of salvageSource.read('orders', agent, name, file)) return;
      };
      await expect(read()).rejects.toMatchObject({ code: 'SALVAGE_UNAVAILABLE' });
    }
    const [answer] = await salvageSource.list('shop', [agent]);
    expect(answer).toMatchObject({ kind: 'silent', text: 'this is a member of orders' });
  });
});
