// The steps of a failover in what only PostgreSQL has: archives, files of the log, readers that hold it up, slots. What every engine
// does is in engine/.
import { appendFileSync, chmodSync, existsSync, mkdirSync, readFileSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_ACKNOWLEDGEMENTS } from '#core/durability.js';
import { asDuration, asEpoch } from '#core/brand.js';
import { comparePositions, ofEngine } from '#core/position.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import { cloneReplica, createPrimary, type PostgresServer } from '#test/cluster/postgres.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { TIMINGS } from '#test/contract/engine/harness.js';
import { type History, newHistory } from '#test/contract/engine/history.js';
import { fence, follow, followStep, seal, takeTail } from '#test/contract/engine/steps.js';
import {
  type Member,
  careFor,
  connect,
  missing,
  stopCaring,
  writeUntilItDies,
} from '#test/contract/postgres-members.js';

const NAMES = ['ann', 'bob', 'cid'] as const;

/** A leader in care and replicas that stream from it. */
async function createMembers(
  label: string,
  size: 2 | 3,
  settings: (dir: string) => Record<string, string> = () => ({}),
  password?: string,
) {
  const dir = createRunFolder(label);
  const options = {
    dir,
    name: NAMES[0],
    settings: settings(dir),
    ...(password !== undefined && { password }),
  };
  const primary = await createPrimary(options);
  await primary.start();
  const servers: PostgresServer[] = [primary];
  for (const name of NAMES.slice(1, size)) {
    const replica = await cloneReplica(primary, { name });
    await replica.start();
    await replica.waitUntilStreaming();
    servers.push(replica);
  }
  const history = newHistory(NAMES.slice(0, size));
  const members = servers.map((server) => careFor(server)) as [Member, Member, Member];
  await history.open(members[0]);
  return { members, history };
}

afterAll(async () => {
  await stopCaring();
  await stopAll();
}, 60_000);

describe('postgres engine, sealing', { timeout: 30_000 }, () => {
  let ann: Member;
  let bob: Member;
  let archive: string;
  let restore: string;

  beforeAll(async () => {
    const { members } = await createMembers('seal', 2, (dir) => {
      archive = join(dir, 'archive');
      mkdirSync(archive);
      chmodSync(archive, 0o777);
      restore = `cp ${archive}/%f %p`;
      const archiving = { archive_mode: 'on', archive_command: `cp %p ${archive}/%f` };
      return { ...archiving, restore_command: restore };
    });
    [ann, bob] = members;
    await ann.server.query('create table written (number bigint primary key)');
    await bob.server.waitUntilCaughtUpWith(ann.server);
  }, 60_000);

  /** Log that reaches the archive. */
  async function writeAndArchive(number: number): Promise<void> {
    await ann.server.query('insert into written values ($1)', [number]);
    const [row] = await ann.server.query<{ file: string }>('select pg_walfile_name(pg_switch_wal()) as file');
    const file = row?.file ?? '';
    await waitFor(() => existsSync(join(archive, file)), {
      timeoutMs: 10_000,
      what: `${file} in the archive`,
    });
  }

  const setting = async (name: string): Promise<string | undefined> =>
    (await bob.server.query<{ value: string }>('select current_setting($1) as value', [name]))[0]?.value;

  it('cuts the stream and the archive: not a byte arrives afterwards', async () => {
    const position = ofEngine(await seal(bob), 'postgres');
    await writeAndArchive(1);
    await bob.server.query('select pg_reload_conf()'); // wakes a server that waits for log
    await new Promise((resolve) => setTimeout(resolve, 500));
    const [row] = await bob.server.query<{ end: string }>(
      'select (pg_last_wal_replay_lsn() - $1)::text as end',
      ['0/0'],
    );
    expect(BigInt(row?.end ?? 0)).toBe(position.lsn);
    expect(await setting('restore_command')).toBe('');
    expect(bob.latest()).toMatchObject({ streaming: false, upstream: undefined });
  });

  it('is undone by following: the stream and the restore_command of the administrator are back', async () => {
    await follow(bob, ann);
    await bob.server.waitUntilCaughtUpWith(ann.server);
    await waitFor(async () => (await setting('restore_command')) === restore, {
      timeoutMs: 2_000,
      what: 'it',
    });
    expect(readFileSync(join(bob.server.dir, 'postgresql.auto.conf'), 'utf8')).not.toContain(
      'restore_command',
    );
  });

  it('ends a following whose settings the server has not taken up yet, and will', async () => {
    await seal(bob);
    // A reload waits for the postmaster; what is set meanwhile no session knows of.
    bob.server.kill('SIGSTOP');
    const autoConf = join(bob.server.dir, 'postgresql.auto.conf');
    const following = bob.engine.run(followStep(bob, ann));
    const isPointed = (): boolean => readFileSync(autoConf, 'utf8').includes(String(ann.server.port));
    await waitFor(isPointed, { timeoutMs: 5_000, what: 'the leader in the settings', everyMs: 2 });
    const position = await seal(bob);
    expect(await following).toMatchObject({ kind: 'failed' });
    await ann.server.query('insert into written values (500)');
    bob.server.kill('SIGCONT');
    const wake = async (): Promise<unknown> => bob.server.query('select pg_reload_conf()');
    await wake();
    await bob.until('to be asked', ({ state }) => state === 'running');
    for (let round = 0; round < 5; round += 1) {
      await wake();
      await new Promise((resolve) => setTimeout(resolve, 200));
      expect(await bob.server.query('select from pg_stat_wal_receiver')).toEqual([]);
    }
    expect(await seal(bob)).toEqual(position);
    await follow(bob, ann);
    await bob.server.waitUntilCaughtUpWith(ann.server);
  });

  it('counts log that is received and not applied yet, up to the last whole record', async () => {
    await bob.server.query('select pg_wal_replay_pause()');
    await ann.server.query('insert into written select generate_series(1000, 2000)');
    const [end] = await ann.server.query<{ lsn: string }>('select pg_current_wal_flush_lsn()::text as lsn');
    const received = `select pg_last_wal_receive_lsn() >= $1::pg_lsn as done`;
    const isReceived = async (): Promise<boolean> =>
      (await bob.server.query<{ done: boolean }>(received, [end?.lsn]))[0]?.done === true;
    await waitFor(isReceived, { timeoutMs: 5_000, what: 'the rows to be received' });
    const position = ofEngine(await seal(bob), 'postgres');
    const ahead = `select ($1::pg_lsn + $2::numeric) - pg_last_wal_replay_lsn() as bytes`;
    const [row] = await bob.server.query<{ bytes: string }>(ahead, ['0/0', position.lsn.toString()]);
    expect(Number(row?.bytes)).toBeGreaterThan(10_000);
    await bob.server.query('select pg_wal_replay_resume()');
    const settled = await waitFor(
      async () => {
        const again = ofEngine(await seal(bob), 'postgres');
        return again.lsn >= position.lsn ? again : undefined;
      },
      { timeoutMs: 5_000, what: 'the rows to be applied' },
    );
    expect(comparePositions(settled, position)).not.toBe('behind');
    expect(await bob.server.query('select from written where number = 2000')).toHaveLength(1);
  });

  it('gives no position after a restart before the local log is applied to its end', async () => {
    await follow(bob, ann);
    await bob.server.waitUntilCaughtUpWith(ann.server);
    await bob.server.query(`alter system set recovery_min_apply_delay = '1h'`);
    await bob.server.query('select pg_reload_conf()');
    await ann.server.query('insert into written values (3000)');
    await new Promise((resolve) => setTimeout(resolve, 300));
    bob.server.kill('SIGKILL');
    await bob.until('its death', ({ state }) => state === 'crashed');
    await bob.run({ kind: 'start' });
    const result = await bob.engine.run({ kind: 'seal', epoch: asEpoch(99n) });
    expect(result).toMatchObject({ kind: 'failed', text: expect.stringContaining('still being applied') });
    await bob.server.query('alter system reset recovery_min_apply_delay');
    await bob.server.query('select pg_reload_conf()');
    await seal(bob);
    expect(await bob.server.query('select from written where number = 3000')).toHaveLength(1);
  });
});

describe('postgres engine, tail', { timeout: 60_000 }, () => {
  let history: History;
  let leader: Member;
  let heir: Member;

  beforeAll(async () => {
    const created = await createMembers('tail', 2);
    history = created.history;
    [leader, heir] = created.members;
  }, 60_000);

  async function crash(): Promise<void> {
    leader.server.kill('SIGKILL');
    await leader.until('its death', ({ state }) => state === 'crashed');
    await fence(leader);
  }

  const refusalOf = (server: PostgresServer): Promise<string> =>
    connect(server).then(
      (client) => client.end().then(() => 'none'),
      (error: unknown) => String(error),
    );

  /** The heir leads, the old leader comes back behind it. */
  async function change(): Promise<void> {
    [leader, heir] = [heir, leader];
    await heir.run({ kind: 'start' });
    const position = await seal(heir);
    expect(S2_ancestry(position, history.openings)).toBe('behind');
    await follow(heir, leader);
    await heir.server.waitUntilCaughtUpWith(leader.server);
  }

  it('spans files: what was written while the heir was cut off arrives whole', async () => {
    await seal(heir);
    const writing = await writeUntilItDies(leader.server, 4);
    await leader.server.query(
      `create table bulk as select n, repeat('x', 1000) as text from generate_series(1, 30000) as n`,
    );
    await crash();
    await writing.ended;
    const { atLeast, bytes } = await takeTail(heir, leader);
    expect(bytes).toBeGreaterThan(25_000_000);
    await history.open(heir, { atLeast });
    expect(await missing(heir.server, writing)).toEqual([]);
    expect(await heir.server.query('select count(*)::int as n from bulk')).toEqual([{ n: 30_000 }]);
    expect(readdirSync(dirname(heir.server.dir)).includes(`${heir.name}.state`)).toBe(true);
    expect(existsSync(join(`${heir.server.dir}.state`, 'tail'))).toBe(false);
    await change();
  });

  it('is had from a server that is just being started', async () => {
    await seal(heir);
    await leader.server.query('create table only_here ()');
    await crash();
    // It asks for each file before it recovers, and lets nobody in meanwhile.
    appendFileSync(join(leader.server.dir, 'postgresql.auto.conf'), "restore_command = 'sleep 0.3; false'\n");
    await leader.server.start({ awaitReady: false });
    await waitFor(async () => /starting up|not yet accepting/.test(await refusalOf(leader.server)), {
      timeoutMs: 5_000,
      what: 'a server that is starting',
      everyMs: 2,
    });
    const { atLeast } = await takeTail(heir, leader);
    await history.open(heir, { atLeast });
    expect(await heir.server.query('select from only_here')).toEqual([]);
    await change();
  });

  const switchFile = async (): Promise<void> => {
    await leader.server.query('select pg_switch_wal()');
  };

  it('goes on after a file that ends before it is full', async () => {
    await seal(heir);
    await leader.server.query('create table before_switch ()');
    await switchFile();
    await leader.server.query('create table after_switch ()');
    await crash();
    const { atLeast } = await takeTail(heir, leader);
    await history.open(heir, { atLeast });
    expect(await heir.server.query('select from before_switch, after_switch')).toEqual([]);
    await change();
  });

  it('is had by one whose log ends with such a file', async () => {
    const isAtBoundary = async (): Promise<boolean> => {
      await seal(heir);
      await follow(heir, leader);
      await switchFile();
      await heir.server.waitUntilCaughtUpWith(leader.server);
      return ofEngine(await seal(heir), 'postgres').lsn % (16n << 20n) === 0n;
    };
    // A canary in between would be in the next file.
    leader.engine.setTimings({
      ...TIMINGS,
      heartbeatMs: asDuration(5_000),
      canaryTimeoutMs: asDuration(30_000),
    });
    await waitFor(isAtBoundary, { timeoutMs: 20_000, what: 'the heir to end with a file' });
    leader.engine.setTimings(TIMINGS);
    await leader.server.query('create table in_next_file ()');
    await crash();
    const { atLeast } = await takeTail(heir, leader);
    await history.open(heir, { atLeast });
    expect(await heir.server.query('select from in_next_file')).toEqual([]);
    await change();
  });

  it('is refused for a fork that its log has elsewhere, and where it does not reach back any more', async () => {
    const position = ofEngine(await seal(heir), 'postgres');
    await fence(leader);
    const forks = position.forks.map((fork, index) => (index === 0 ? { ...fork, end: fork.end + 8n } : fork));
    expect(await leader.engine.readTail({ from: { ...position, forks } })).toMatchObject({ kind: 'refused' });
    const recycled = { ...position, timeline: 1, forks: [], lsn: 0x28n };
    expect(await leader.engine.readTail({ from: recycled })).toMatchObject({
      kind: 'refused',
      text: expect.stringContaining('does not reach back'),
    });
  });
});

describe('postgres engine, opening and following', { timeout: 60_000 }, () => {
  let ann: Member;
  let bob: Member;
  let cid: Member;
  let history: History;

  beforeAll(async () => {
    const settings = {
      max_standby_streaming_delay: '-1',
      max_standby_archive_delay: '-1',
      max_connections: '20',
    };
    const created = await createMembers('open', 3, () => settings, 'sesame');
    [ann, bob, cid] = created.members;
    history = created.history;
    leader = ann;
    await ann.server.query('create table read as select generate_series(1, 1000) as n');
    await bob.server.waitUntilCaughtUpWith(ann.server);
  }, 60_000);

  let leader: Member;

  /** The others are brought up where they are down, and follow. */
  async function followBy(...others: Member[]): Promise<void> {
    for (const other of others) {
      if (other.server.pid() === undefined) await other.run({ kind: 'start' });
      expect(S2_ancestry(await seal(other), history.openings)).toBe('behind');
      await follow(other, leader);
      await other.server.waitUntilCaughtUpWith(leader.server);
    }
  }

  it('seals a replica whose reader holds the log up, and with it the receiver', async () => {
    const reader = await connect(cid.server);
    await reader.query('begin isolation level repeatable read');
    await reader.query('select count(*) from read');
    await ann.server.query('create table held as select generate_series(1, 1000) as n');
    await ann.server.query('delete from read where n > 900');
    await ann.server.query('vacuum read');
    await ann.server.query('insert into held select 2000');
    await cid.until('to fall behind', ({ backlog }) => backlog > 0);
    const position = ofEngine(await seal(cid), 'postgres');
    await ann.server.query('insert into held select 3000');
    await reader.end();
    await new Promise((resolve) => setTimeout(resolve, 300));
    const settled = ofEngine(await seal(cid), 'postgres');
    expect(settled.lsn >= position.lsn && settled.lsn < position.lsn + 100n).toBe(true);
    expect(await cid.server.query('select n from held where n > 1000')).toEqual([{ n: 2000 }]);
    await follow(cid, ann);
  });

  it('opens past a reader that holds the log up', async () => {
    const reader = await connect(bob.server);
    await reader.query('begin isolation level repeatable read');
    await reader.query('select count(*) from read');
    const holder = await connect(bob.server);
    await holder.query('begin');
    await holder.query('select count(*) from read');
    const bystander = await connect(bob.server);
    await ann.server.query('delete from read where n > 500');
    await ann.server.query('vacuum read');
    await ann.server.query('truncate read');
    await ann.server.query('create table after_reader as select 1 as n');
    await new Promise((resolve) => setTimeout(resolve, 200));
    await expect(bob.server.query('select n from after_reader')).rejects.toThrow(/does not exist/);
    await fence(ann);
    await seal(bob);
    await seal(cid);
    const startedAt = performance.now();
    const { atLeast } = await takeTail(bob, ann);
    await history.open(bob, { atLeast });
    expect(performance.now() - startedAt).toBeLessThan(5_000); // as against: for ever
    leader = bob;
    expect(await bob.server.query('select n from after_reader')).toEqual([{ n: 1 }]);
    await expect(reader.query('select 1')).rejects.toThrow();
    // who was in nobody's way goes on
    expect((await bystander.query('select 1')).rowCount).toBe(1);
    await bystander.end();
    await followBy(ann, cid);
  });

  it('opens a server that is full', async () => {
    const crowd: Awaited<ReturnType<typeof connect>>[] = [];
    const fill = async (): Promise<never> => {
      for (;;) crowd.push(await connect(ann.server));
    };
    await expect(fill()).rejects.toMatchObject({ code: '53300' });
    await fence(bob);
    await seal(ann);
    await seal(cid);
    const { atLeast } = await takeTail(ann, bob);
    await history.open(ann, { atLeast });
    await Promise.all(crowd.map((client) => client.end()));
    leader = ann;
    await followBy(bob, cid);
  });

  it('knows the line that a replica has switched to, before any checkpoint and across a restart', async () => {
    const { position } = await cid.until('the new line', (seen) => (seen.position?.marks.length ?? 0) > 0);
    const { timeline } = ofEngine(position!, 'postgres');
    expect(timeline).toBe(ofEngine(history.openings.at(-1)!.position, 'postgres').timeline);
    const sealed = ofEngine(await seal(cid), 'postgres');
    expect(sealed.timeline).toBe(timeline);
    cid.server.kill('SIGKILL');
    await cid.until('its death', ({ state }) => state === 'crashed');
    await cid.run({ kind: 'start' });
    expect(await seal(cid)).toEqual(sealed);
    await follow(cid, leader);
    await cid.server.waitUntilCaughtUpWith(leader.server);
  });

  it('comes up again after it was killed between reserving a number and taking it', async () => {
    const { opening } = {
      opening: { state: 'pending', atLeast: undefined, oldLeader: 'fenced', mayLack: false },
    } as const;
    const position = ofEngine(await seal(cid), 'postgres');
    const [startup] = await cid.server.query<{ pid: number }>(
      `select pid from pg_stat_activity where backend_type = 'startup'`,
    );
    process.kill(startup?.pid ?? 0, 'SIGSTOP');
    const result = await cid.engine.run({
      identifierGap: undefined,
      ...{ kind: 'open', epoch: asEpoch(1000n), mark: 'never', timeline: position.timeline + 4 },
      ...{
        openings: history.openings,
        replicas: [],
        durability: NO_ACKNOWLEDGEMENTS,
        timeoutMs: asDuration(300),
        opening,
        mayOpen: () => true,
      },
    });
    expect(result).toMatchObject({ kind: 'failed' });
    expect(
      readdirSync(join(cid.server.dir, 'pg_wal')).filter((name) => name.endsWith('.history')).length,
    ).toBeGreaterThan(3);
    await fence(cid);
    await cid.run({ kind: 'start' });
    expect(await seal(cid)).toEqual(position);
    await follow(cid, leader);
    await cid.server.waitUntilCaughtUpWith(leader.server);
  });

  it('follows without harm whom it follows already, and says why no log arrives', async () => {
    const [before] = await cid.server.query<{ pid: number }>('select pid from pg_stat_wal_receiver');
    await follow(cid, leader);
    expect(await cid.server.query('select pid from pg_stat_wal_receiver')).toEqual([before]);
    const nobody = { ...leader.planned, databasePort: 1 };
    const result = await cid.engine.run({
      kind: 'follow',
      leader: nobody,
      openings: [],
      slot: 'cid',
      confirms: false,
    });
    expect(result).toMatchObject({
      kind: 'failed',
      text: expect.stringMatching(/no log arrives from 127.0.0.1:1: .*refused/),
    });
    await follow(cid, leader);
    await cid.server.waitUntilCaughtUpWith(leader.server);
  });

  it('keeps a slot for each replica, and drops those of nobody and those that hold back too much', async () => {
    const slots = async (which = 'true'): Promise<string[]> => {
      const names = `select slot_name from pg_replication_slots where ${which} order by 1`;
      return (await leader.server.query<{ slot_name: string }>(names)).map((row) => row.slot_name);
    };
    const used = ['tanist_bob', 'tanist_cid'];
    const wanted = { kind: 'keepSlots', replicas: ['bob', 'cid', 'Dan-1'] } as const;
    await leader.run({ ...wanted, retentionBytes: 1 << 30 });
    const dan = (await slots()).find((name) => name.startsWith('tanist_dan_1_'));
    expect(await slots()).toEqual([...used, dan]);
    const areUsed = async (): Promise<boolean> => (await slots('active')).length === used.length;
    await waitFor(areUsed, { timeoutMs: 8_000, what: 'both to use their slots' });
    await leader.server.query(`insert into after_reader select generate_series(1, 50000)`);
    leader.logged.splice(0);
    await leader.run({ ...wanted, retentionBytes: 1_000_000 });
    expect(await slots()).toEqual(used);
    expect(leader.logged).toMatchObject([{ code: 'SLOT_DROPPED', fields: { slot: dan, wanted: true } }]);
    await leader.run({ kind: 'keepSlots', replicas: [], retentionBytes: 1 << 30 });
    expect(await slots()).toEqual(used); // in use, so not dropped
  });
});

describe('postgres engine, opening in the midst of a checkpoint', { timeout: 60_000 }, () => {
  it('does not wait for its end, and commits wait from the first client on', async () => {
    const { members, history } = await createMembers('midst', 2);
    const [ann, bob] = members;
    await ann.server.query(`create table dirty as select repeat('x', 500) from generate_series(1, 20000)`);
    await ann.server.query('create table written (n int)');
    await ann.server.query('checkpoint'); // of which its replica makes one of its own
    await bob.server.waitUntilCaughtUpWith(ann.server);
    const slow = await connect(bob.server);
    const version = Number(readFileSync(join(bob.server.dir, 'PG_VERSION'), 'utf8'));
    const begin = version >= 15 ? `pg_backup_start('slow', false)` : `pg_start_backup('slow', false, false)`;
    void slow.query(`select ${begin}`).catch(() => undefined);
    const isUnderWay = async (): Promise<boolean> => {
      const at = `select from pg_stat_activity where backend_type = 'checkpointer' and wait_event = 'CheckpointWriteDelay'`;
      return (await bob.server.query(at)).length > 0;
    };
    await waitFor(isUnderWay, { timeoutMs: 10_000, what: 'the checkpoint to have begun' });
    const client = await connect(bob.server);
    await fence(ann);
    await seal(bob);
    const { atLeast } = await takeTail(bob, ann);
    const startedAt = performance.now();
    await history.open(bob, { atLeast, durability: { synchronous: ['ann'], acknowledgements: 1 } });
    expect(performance.now() - startedAt).toBeLessThan(3_000); // as against minutes
    let isAcknowledged = false;
    const written = client.query('insert into written values (1)').then(() => (isAcknowledged = true));
    await new Promise((resolve) => setTimeout(resolve, 300));
    expect(isAcknowledged).toBe(false);
    await ann.run({ kind: 'start' });
    await seal(ann);
    await follow(ann, bob);
    expect(await written).toBe(true);
    await client.end();
  });
});
