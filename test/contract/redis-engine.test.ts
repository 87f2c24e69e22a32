/** What only Redis has, tried on real servers; all else is in the contract of the port (engine-redis.test.ts). */
import { readFileSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterEach, describe, expect, it } from 'vitest';
import { asDuration } from '#core/brand.js';
import { comparePositions, ofEngine } from '#core/position.js';
import { UNKNOWN } from '#core/positions/lineage.js';
import { ROWS_FILE, type SalvageRecord, type SalvagedRow } from '#core/salvage.js';
import { createFencer } from '#agent/engines/redis/fencer.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { newRedisClient, type RedisClient } from '#test/cluster/redis-client.js';
import { type RedisServer, startRedisServers } from '#test/cluster/redis.js';
import { newHistory } from '#test/contract/engine/history.js';
import {
  fence,
  follow,
  followStep,
  rewindStep,
  run,
  seal,
  start,
  STEP_MS,
  takeTail,
} from '#test/contract/engine/steps.js';
import {
  careFor,
  createCluster,
  createPair,
  type Member,
  type Pair,
  type Settings,
  stopCaring,
} from '#test/contract/redis-members.js';

afterEach(async () => {
  await stopCaring();
  await stopAll();
});

/** Everything is in memory, and nothing else. */
const IN_MEMORY: Settings = { appendonly: 'no', save: '""' };
const SNAPSHOTS: Settings = { appendonly: 'no', save: '3600 1' };

const set = (server: RedisServer, key: string, value = '1'): Promise<unknown> =>
  server.send('SET', key, value);
const keys = async (server: RedisServer): Promise<readonly string[]> =>
  ((await server.send('KEYS', '*')) as readonly string[]).filter((key) => !key.startsWith('tanist:')).sort();
const isClosed = async (server: RedisServer): Promise<boolean> =>
  (await server.replication('role')) === 'slave' && (await server.replication('slave_read_only')) === '1';

function salvagedBy({ stateDir }: Member): { readonly record: SalvageRecord; readonly folder: string } {
  const [name = ''] = readdirSync(join(stateDir, 'salvage'));
  const folder = join(stateDir, 'salvage', name);
  return {
    folder,
    record: JSON.parse(readFileSync(join(folder, 'salvage.json'), 'utf8')) as SalvageRecord,
  };
}

async function openClient({ port }: RedisServer): Promise<RedisClient> {
  const client = newRedisClient({ host: '127.0.0.1', port, withinMs: 5_000 });
  await client.connect();
  return client;
}

describe('a fence of Redis', { timeout: 30_000 }, () => {
  it('closes the server and keeps it, with its data and its log, though nothing of it is on any disk', async () => {
    const { ann, bob } = await createPair(IN_MEMORY);
    const pid = ann.server.pid();
    await seal(bob);
    await set(ann.server, 'only here');
    await fence(ann);
    expect(ann.server.pid()).toBe(pid);
    expect(await isClosed(ann.server)).toBe(true);
    await takeTail(bob, ann);
    expect(await keys(bob.server)).toEqual(['only here']);
    expect(comparePositions(await seal(bob), await seal(ann))).toBe('equal');
  });

  it('ends clients that block, that are in a transaction, and that listen', async () => {
    const { ann } = await createPair();
    const [blocked, transacting, listening] = await Promise.all([1, 2, 3].map(() => openClient(ann.server)));
    const waiting = blocked!.sendCommand(['BLPOP', 'never', '0']).then(String, () => 'ended');
    await transacting!.sendCommand(['MULTI']);
    await transacting!.sendCommand(['SET', 'in a transaction', '1']);
    await listening!.subscribe('news', () => undefined);
    await fence(ann);
    expect(await waiting).toBe('ended');
    await expect(transacting!.sendCommand(['EXEC'])).rejects.toThrow();
    await waitFor(() => !listening!.isOpen, { timeoutMs: 5_000, what: 'the listener to be ended' });
    expect(await keys(ann.server)).toEqual([]);
  });

  it('ends scripts that run on and on, one after the other, and kills a server whose script has written', async () => {
    const { ann } = await createPair({ 'busy-reply-threshold': '10' });
    const runOn = async (...scripts: readonly string[]): Promise<void> => {
      const client = await openClient(ann.server);
      for (const script of scripts) client.sendCommand(['EVAL', script, '0']).catch(() => undefined);
      const isBusy = (): Promise<boolean> =>
        ann.server.send('GET', 'any').then(
          () => false,
          (error: unknown) => String(error).includes('BUSY'),
        );
      await waitFor(isBusy, { timeoutMs: 5_000, what: 'a busy server' });
    };
    const pid = ann.server.pid();
    await runOn('while true do end', 'while true do end', 'while true do end');
    await fence(ann, asDuration(2_000));
    expect(ann.server.pid()).toBe(pid);
    expect(await isClosed(ann.server)).toBe(true);
    await ann.server.open();
    await ann.until('an open server', ({ role }) => role === 'writable');
    await runOn("redis.call('SET', 'half', '1') while true do end");
    await fence(ann, asDuration(1_000));
    expect(ann.server.pid()).toBeUndefined();
  });

  it('leaves nothing to the guard, which kills what its agent has opened and not closed', async () => {
    const { ann } = await createPair();
    const fencer = createFencer(ann.server.dir, {
      ...{ stateDir: ann.stateDir, log: () => undefined },
      now: () => performance.now() as never,
    });
    expect(fencer.isClosed()).toBe(false);
    await fence(ann);
    expect(fencer.isClosed()).toBe(true);
    await fencer.fence(asDuration(500));
    expect(ann.server.pid()).toBeDefined();
    await ann.server.open(); // by somebody else: the agent sees that, and the guard does not
    await fence(ann);
    expect(await isClosed(ann.server)).toBe(true);
  });

  it('changes nothing any more afterwards: keys do not expire, and the log stands', async () => {
    const { ann } = await createPair();
    await ann.server.send('SET', 'short', '1', 'PX', '200');
    await fence(ann);
    const position = await seal(ann);
    await new Promise((resolve) => setTimeout(resolve, 1_500));
    expect(await seal(ann)).toEqual(position);
  });
});

describe('a restart of Redis', { timeout: 30_000 }, () => {
  it('with snapshots, in order: line and place are known, and log goes on from there', async () => {
    const { ann, bob, history } = await createPair(SNAPSHOTS);
    const position = await seal(bob);
    await bob.server.stop();
    await set(ann.server, 'meanwhile');
    await start(bob);
    expect(await seal(bob)).toEqual(position);
    await follow(bob, ann, history.openings);
    expect(readFileSync(ann.server.logFile, 'utf8')).toContain('Partial resynchronization request from');
    expect(await keys(bob.server)).toEqual(['meanwhile']);
  });

  it('from a snapshot, of a leader that was killed: its file is no tail, for nothing tells what came after it', async () => {
    const { ann, bob } = await createPair(SNAPSHOTS);
    const from = await seal(bob);
    await set(ann.server, 'saved');
    await ann.server.send('SAVE');
    await set(ann.server, 'acknowledged');
    ann.server.kill('SIGKILL');
    await ann.until('a crash', ({ state }) => state === 'crashed');
    await start(ann);
    expect(await keys(ann.server)).toEqual(['saved']);
    expect(ofEngine(await seal(ann), 'redis').at).toBeGreaterThan(UNKNOWN);
    const refused = { kind: 'refused', text: expect.stringContaining('was started since it led') as string };
    expect(await ann.engine.readTail({ from })).toEqual(refused);
  });

  it('from an append-only file: the line is known by its history, the place is not', async () => {
    const { ann, bob } = await createPair();
    const position = await seal(bob);
    bob.server.kill('SIGKILL');
    await bob.until('a crash', ({ state }) => state === 'crashed');
    await start(bob);
    const again = ofEngine(await seal(bob), 'redis');
    expect(again).toEqual({ ...position, at: UNKNOWN });
    expect(comparePositions(again, ann.latest().position!)).toBe('behind');
  });

  it('with nothing: it is no candidate, is never opened, and its replica keeps its data', async () => {
    const { ann, bob, history } = await createPair(IN_MEMORY);
    await set(ann.server, 'precious');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    ann.server.kill('SIGKILL');
    await ann.until('a crash', ({ state }) => state === 'crashed');
    await start(ann);
    expect(await seal(ann)).toMatchObject({ dataId: '', at: UNKNOWN });
    await new Promise((resolve) => setTimeout(resolve, 1_500)); // a replica asks its leader anew every second
    expect(await keys(bob.server)).toEqual(['precious']);
    expect(await ann.engine.run(history.openStep(ann))).toMatchObject({
      kind: 'failed',
      text: 'it has no data',
    });
    expect(await isClosed(ann.server)).toBe(true);
    await seal(bob);
    await history.open(bob);
    await follow(ann, bob, history.openings);
    expect(await keys(ann.server)).toEqual(['precious']);
  });

  it('with less than it had, opened anew: its replica does not copy that over what it has, and follows once it is told', async () => {
    const { ann, bob, history } = await createPair(SNAPSHOTS);
    const before = history.openings.slice();
    await follow(bob, ann, before);
    await ann.server.send('SAVE');
    await set(ann.server, 'only at bob');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    ann.server.kill('SIGKILL');
    await ann.until('a crash', ({ state }) => state === 'crashed');
    await start(ann);
    await history.open(ann, { atLeast: await seal(ann) });
    const isRefused = (): boolean => readFileSync(bob.server.logFile, 'utf8').includes('WRONGPASS');
    await waitFor(isRefused, { timeoutMs: 5_000, what: 'bob to be refused' });
    expect(await keys(bob.server)).toEqual(['only at bob']);
    // Nor when its agent, which knows of no other opening, points it there again.
    await seal(bob);
    expect(await bob.engine.run(followStep(bob, ann, before))).toMatchObject({
      kind: 'failed',
      text: 'no log arrives from ann',
    });
    expect(await keys(bob.server)).toEqual(['only at bob']);
    await seal(bob);
    expect(await bob.engine.run(rewindStep(ann, history.openings))).toEqual({ kind: 'rewound' });
    await follow(bob, ann, history.openings);
    expect(await keys(bob.server)).toEqual([]);
    const { record } = salvagedBy(bob);
    expect(record.transactions.count).toBe(1);
  });

  it('of all that there is, opened from an append-only file: what follows it counts, and is told apart', async () => {
    const { ann, history } = await createPair();
    await set(ann.server, 'before');
    ann.server.kill('SIGKILL');
    await ann.until('a crash', ({ state }) => state === 'crashed');
    await start(ann);
    const before = await seal(ann);
    const { position } = await history.open(ann, { atLeast: before });
    expect(comparePositions(before, position)).toBe('behind');
    const at = ofEngine(position, 'redis').at;
    await set(ann.server, 'after');
    // Without a backlog nothing would be counted.
    expect(ofEngine((await ann.until('a look', () => true)).position!, 'redis').at).toBeGreaterThanOrEqual(
      at,
    );
    expect(BigInt(await ann.server.replication('master_repl_offset'))).toBeGreaterThan(at);
  });
});

describe('an opening of Redis', { timeout: 30_000 }, () => {
  it('ends those who were connected, so that they look for the leader anew', async () => {
    const { ann, bob, history } = await createPair();
    const [reader, listener] = await Promise.all([openClient(bob.server), openClient(bob.server)]);
    await listener.subscribe('news', () => undefined);
    await fence(ann);
    await seal(bob);
    await history.open(bob);
    await waitFor(() => !reader.isOpen && !listener.isOpen, { timeoutMs: 5_000, what: 'sessions to end' });
  });

  it('lets other replicas of the old leader go on without a copy', async () => {
    const dir = createRunFolder('redis');
    const servers = await startRedisServers(['ann', 'bob', 'cid'], () => ({ dir }));
    const [ann, bob, cid] = servers.map((server) => careFor(server)) as [Member, Member, Member];
    await Promise.all([ann, bob, cid].map(({ engine }) => engine.check()));
    const history = newHistory(['ann', 'bob', 'cid']);
    await history.open(ann);
    await fence(ann);
    await Promise.all([seal(bob), seal(cid)]);
    await takeTail(bob, ann);
    await history.open(bob);
    for (const each of [ann, cid]) await follow(each, bob, history.openings);
    expect(readFileSync(bob.server.logFile, 'utf8')).not.toContain('Full resync requested');
    expect(await bob.server.replication('connected_slaves')).toBe('2');
  });

  it('lets its replicas in again whose user an administrator has taken away', async () => {
    const { ann, bob, history } = await createPair();
    await follow(bob, ann, history.openings);
    await ann.server.send('ACL', 'DELUSER', 'tanist-replica');
    const names = [bob.name];
    await run(ann, { kind: 'keepSlots', replicas: names, retentionBytes: 1 });
    expect(await ann.server.send('ACL', 'USERS')).toEqual(['default', 'tanist-replica']);
    await seal(bob);
    await follow(bob, ann, history.openings);
    await set(ann.server, 'after');
    await bob.server.waitUntilCaughtUpWith(ann.server);
  });

  it('comes up closed again although somebody rewrote the configuration, and is seen to', async () => {
    const { ann, bob } = await createPair();
    for (const { server } of [ann, bob]) await server.send('CONFIG', 'REWRITE');
    for (const member of [ann, bob]) {
      await member.until('a configuration that was mended', ({ bootClosed }) => bootClosed);
      expect(readFileSync(member.server.configFile, 'utf8')).toMatch(/\nreplicaof 127\.0\.0\.1 1\n$/);
      const isTold = (): boolean => member.logged.some(({ code }) => code === 'BOOT_CLOSED_RESTORED');
      await waitFor(isTold, { timeoutMs: 5_000, what: 'it to be said' });
    }
  });

  it('keeps its history when the application deletes everything', async () => {
    const { ann, bob } = await createPair();
    await ann.server.send('FLUSHALL');
    const isBack = async (): Promise<boolean> =>
      Number(await bob.server.send('EXISTS', 'tanist:history')) === 1;
    await waitFor(isBack, { timeoutMs: 5_000, what: 'the history to be back, on the replica too' });
    expect(comparePositions(await seal(bob), ann.latest().position!)).not.toBe('diverged');
  });

  it('is refused where writes are to wait for replicas, and says what to do instead', async () => {
    const { ann, history } = await createPair();
    const durability = { synchronous: ['bob'], acknowledgements: 1 };
    const refused = await ann.engine.run(history.openStep(ann, { durability }));
    expect(refused).toMatchObject({ kind: 'failed', text: expect.stringContaining('async') as string });
  });
});

describe('a rejoin of Redis', { timeout: 30_000 }, () => {
  /** Ann is killed, and only her file has `lost`; bob leads. */
  async function loseLeader(): Promise<Pair> {
    const pair = await createPair();
    const { ann, bob, history } = pair;
    await seal(bob);
    await set(ann.server, 'lost');
    ann.server.kill('SIGKILL');
    await ann.until('a crash', ({ state }) => state === 'crashed');
    await history.open(bob);
    return pair;
  }

  /** Both have `both`; only ann has what `lost` wrote, and bob leads. */
  async function part(
    { ann, bob, history }: Pair,
    lost: (server: RedisServer) => Promise<void>,
  ): Promise<void> {
    await set(ann.server, 'both');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    await seal(bob);
    await lost(ann.server);
    await history.open(bob);
    await set(bob.server, 'newer');
    await fence(ann);
  }

  it('saves what only the old leader has as commands, which can be read and replayed', async () => {
    const pair = await createPair(IN_MEMORY);
    const { ann, bob, history } = pair;
    await part(pair, async (server) => {
      await set(server, 'lost', 'a "value"');
      const client = await openClient(server);
      await client.sendCommand(['SELECT', '3']);
      await client.multi().addCommand(['SET', 'x', '1']).addCommand(['DEL', 'x']).exec();
      client.destroy();
    });
    expect(await ann.engine.run(followStep(ann, bob, history.openings))).toMatchObject({ code: 'DIVERGED' });
    await run(ann, rewindStep(bob, history.openings));
    expect(await keys(ann.server)).toEqual(['both', 'newer']);
    const { record, folder } = salvagedBy(ann);
    expect(record).toMatchObject({ member: 'ann', epoch: 2, leader: 'bob', transactions: { count: 2 } });
    expect(record.tables).toMatchObject([
      { database: 'db0', updated: 1, deleted: 0 },
      { database: 'db3', updated: 1, deleted: 1 },
    ]);
    const rows = readFileSync(join(folder, ROWS_FILE), 'utf8').trim().split('\n');
    expect(rows.map((row) => (JSON.parse(row) as SalvagedRow).values?.['command'])).toEqual([
      'SET lost a "value"',
      'SET x 1',
      'DEL x',
    ]);
    const seen = await ann.until('the salvage to be told', ({ salvaged }) => salvaged !== undefined);
    expect(seen.salvaged).toMatchObject({ epoch: 2n, transactions: 2, rows: 3 });
    // replayed on the new leader
    const stream = readFileSync(join(folder, 'commands.resp'));
    await replay(bob.server, stream);
    expect(await bob.server.send('GET', 'lost')).toBe('a "value"');
  });

  it('saves all of the data where the backlog does not go back so far', async () => {
    const pair = await createPair({ ...IN_MEMORY, 'repl-backlog-size': '16kb' });
    const { ann, bob, history } = pair;
    await part(pair, async (server) => {
      for (let n = 0; n < 40; n += 1) await set(server, `big ${n}`, 'x'.repeat(1_000));
    });
    await run(ann, rewindStep(bob, history.openings));
    const { record, folder } = salvagedBy(ann);
    expect(record.files).toEqual(['data.rdb']);
    // Valkey's begins otherwise from 9 on.
    expect(readFileSync(join(folder, 'data.rdb')).subarray(0, 5).toString()).toMatch(/^(REDIS|VALKE)$/);
    expect(record.notes[0]).toContain('All of its data is in data.rdb');
  });

  it('saves all of the data of an old leader that comes back from an append-only file', async () => {
    const { ann, bob, history } = await loseLeader();
    await start(ann);
    await seal(ann);
    await follow(ann, bob, history.openings);
    expect(salvagedBy(ann).record.files).toEqual(['data.rdb']);
    expect(await keys(ann.server)).toEqual([]);
  });

  it('saves all of the data of a replica that had more of an old leader than its heir, and comes back from such a file', async () => {
    const { members, history } = await createCluster(['ann', 'bob', 'cid']);
    const [ann, bob, cid] = members as [Member, Member, Member];
    await seal(bob);
    await set(ann.server, 'of ann and cid');
    await cid.server.waitUntilCaughtUpWith(ann.server);
    cid.server.kill('SIGKILL');
    await cid.until('a crash', ({ state }) => state === 'crashed');
    await history.open(bob);
    await start(cid);
    await follow(cid, bob, history.openings);
    expect(salvagedBy(cid).record.files).toEqual(['data.rdb']);
    expect(await keys(cid.server)).toEqual([]);
  });

  it('puts the files aside of a member whose server cannot load its data', async () => {
    const { ann, bob, history } = await loseLeader();
    await set(bob.server, 'newer');
    const folder = join(ann.server.dir, 'appendonlydir');
    const file = readdirSync(folder).find((name) => name.endsWith('.incr.aof'));
    if (file === undefined) throw new Error('no append-only file');
    writeFileSync(join(folder, file), 'no command at all\r\n', { flag: 'a' });
    writeFileSync(join(folder, file), '*1\r\n$4\r\nPING\r\n', { flag: 'a' });
    expect(await ann.engine.run({ kind: 'start' })).toMatchObject({
      kind: 'failed',
      code: 'REWIND_IMPOSSIBLE',
      text: expect.stringContaining('Bad file format reading the append only file') as string,
    });
    await run(ann, {
      ...{ kind: 'reclone', leader: bob.planned, source: bob.planned, instead: [] },
      ...{ openings: history.openings, wish: undefined, salvageWaived: false, timeoutMs: STEP_MS },
    });
    await follow(ann, bob, history.openings);
    expect(await keys(ann.server)).toEqual(['newer']);
    const { record, folder: saved } = salvagedBy(ann);
    expect(record.files).toContain('appendonlydir');
    expect(readFileSync(join(saved, 'appendonlydir', file), 'utf8')).toContain('lost');
  });
});

async function replay(server: RedisServer, stream: Buffer): Promise<void> {
  const { connect } = await import('node:net');
  await new Promise<void>((resolve, reject) => {
    const socket = connect(server.port, '127.0.0.1', () => socket.end(stream));
    socket.on('data', (data) => data.includes('-ERR') && reject(new Error(data.toString())));
    socket.on('close', () => resolve());
    socket.on('error', reject);
  });
}

describe('the check of Redis', { timeout: 30_000 }, () => {
  it('takes a server with a password, and works on it', async () => {
    const { ann, bob, history } = await createPair({}, 'secret');
    await seal(bob);
    await set(ann.server, 'only here');
    await fence(ann);
    await takeTail(bob, ann);
    await history.open(bob);
    await follow(ann, bob, history.openings);
    expect(await keys(bob.server)).toEqual(['only here']);
  });

  it('refuses a server that answers nothing once its leader is gone', async () => {
    const dir = createRunFolder('redis');
    const [server] = await startRedisServers(['ann'], () => ({ dir }));
    await server!.send('CONFIG', 'SET', 'replica-serve-stale-data', 'no');
    await expect(careFor(server!).engine.check()).rejects.toThrow('replica-serve-stale-data');
  });

  it('refuses one that would not come up closed', async () => {
    const dir = createRunFolder('redis');
    const [server] = await startRedisServers(['ann'], () => ({ dir }));
    const text = readFileSync(server!.configFile, 'utf8');
    writeFileSync(server!.configFile, text.replace(/replicaof.*\n/, ''));
    await expect(careFor(server!).engine.check()).rejects.toThrow('come up closed');
  });
});
