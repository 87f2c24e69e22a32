// A database that is let go is as it was found: byte for byte where nothing happened in care, and sensible where it did.
import { existsSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { conninfoFor } from '#agent/engines/postgres/follow.js';
import { release } from '#agent/engines/postgres/release.js';
import { type PostgresServer, cloneReplica, createPrimary } from '#test/cluster/postgres.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { type History, newHistory } from '#test/contract/engine/history.js';
import { fence, follow, seal, setDurability } from '#test/contract/engine/steps.js';
import {
  type Member,
  boundFor,
  careFor,
  describeMember,
  stopCaring,
} from '#test/contract/postgres-members.js';

const PATIENCE_MS = 10_000;

afterAll(async () => {
  await stopCaring();
  await stopAll();
}, 60_000);

const autoConfOf = ({ dir }: PostgresServer): string => join(dir, 'postgresql.auto.conf');
const textOf = (server: PostgresServer): string => readFileSync(autoConfOf(server), 'utf8');
const isBootClosed = ({ dir }: PostgresServer): boolean => existsSync(join(dir, 'standby.signal'));

async function setting(server: PostgresServer, name: string): Promise<string | undefined> {
  return (await server.query<{ value: string }>('select current_setting($1) as value', [name]))[0]?.value;
}

/** What an administrator wrote by hand, before anybody took the database into care. */
async function writeByHand(server: PostgresServer, lines: readonly string[]): Promise<void> {
  writeFileSync(autoConfOf(server), `${lines.join('\n')}\n`);
  if (server.pid() !== undefined) await server.query('select pg_reload_conf()');
}

/** Nothing of ours: not in the data, not beside it. */
async function expectClean(server: PostgresServer, stateLeft: readonly string[] = []): Promise<void> {
  expect(await server.query(`select from pg_replication_slots where slot_name like 'tanist%'`)).toEqual([]);
  expect(await server.query(`select from pg_namespace where nspname = 'tanist'`)).toEqual([]);
  expect(textOf(server)).not.toContain('tanist');
  expect(readdirSync(`${server.dir}.state`)).toEqual(stateLeft);
}

async function restart(server: PostgresServer): Promise<void> {
  await server.stop('fast');
  await server.start();
}

async function isWritable(server: PostgresServer): Promise<boolean> {
  return (await server.query<{ open: boolean }>('select not pg_is_in_recovery() as open'))[0]?.open === true;
}

interface Released {
  readonly logged: readonly string[];
}

async function letGo(member: Member, peers: readonly Member[], withinMs = PATIENCE_MS): Promise<Released> {
  const server = await describeMember(member.server);
  try {
    await release(
      server,
      peers.map(({ planned }) => planned),
      boundFor(withinMs),
    );
  } finally {
    server.connection.close();
  }
  return { logged: server.logged.map(({ code }) => code) };
}

describe('a cluster that was adopted and is released', { timeout: 60_000 }, () => {
  let ann: Member;
  let bob: Member;
  let before: readonly string[];
  let dataBefore: readonly string[];
  let primary: PostgresServer;
  let replica: PostgresServer;

  beforeAll(async () => {
    primary = await createPrimary({ dir: createRunFolder('release'), name: 'ann' });
    await primary.start();
    await primary.query(`select pg_create_physical_replication_slot('by_hand')`);
    replica = await cloneReplica(primary, { name: 'bob' });
    await writeByHand(primary, [
      `# by hand`,
      `primary_conninfo = 'host=elsewhere'`,
      `work_mem = '5MB' # for reports`,
      `synchronous_standby_names = '*'`,
    ]);
    await writeByHand(replica, [
      `# by hand`,
      `Primary_Conninfo='host=localhost port=${primary.port} user=postgres application_name=mine'`,
      `work_mem = '5MB'`,
      `primary_slot_name by_hand # ours`,
      ``,
      `restore_command = 'cp /nowhere/%f "%p"'`,
    ]);
    await replica.start();
    await replica.waitUntilStreaming();
    before = [textOf(primary), textOf(replica)];
    dataBefore = [...readdirSync(primary.dir), ...readdirSync(replica.dir)];
    [ann, bob] = [careFor(primary), careFor(replica)];
    await newHistory(['ann', 'bob']).open(ann);
    await follow(bob, ann);
    await setDurability(ann, { synchronous: ['bob'], acknowledgements: 1 });
  }, 60_000);

  it('has in care what its administrator had set to fetch log with, and a slot of ours', async () => {
    expect(await setting(replica, 'restore_command')).toBe('cp /nowhere/%f "%p"');
    expect(await setting(replica, 'primary_slot_name')).toBe('tanist_bob');
    expect(await setting(primary, 'synchronous_standby_names')).toBe('ANY 1 ("bob", "tanist:nobody")');
  });

  it('is not released while a replica uses a slot of ours, by the replica’s name', async () => {
    await expect(letGo(ann, [bob])).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      detail: 'tanist_bob is still used by bob',
    });
  });

  it('leaves its replica following, in the words of its administrator', async () => {
    await letGo(bob, [ann]);
    expect(textOf(replica)).toBe(before[1]);
    expect(await setting(replica, 'primary_slot_name')).toBe('by_hand');
    const [receiver] = await replica.query('select status, slot_name, sender_host from pg_stat_wal_receiver');
    expect(receiver).toEqual({ status: 'streaming', slot_name: 'by_hand', sender_host: 'localhost' });
    expect(isBootClosed(replica)).toBe(true);
  });

  it('leaves its leader as it was, and nothing of ours anywhere', async () => {
    await letGo(ann, [bob]);
    expect(textOf(primary)).toBe(before[0]);
    await replica.waitUntilCaughtUpWith(primary);
    await expectClean(primary);
    await expectClean(replica);
    expect([...readdirSync(primary.dir), ...readdirSync(replica.dir)]).toEqual(dataBefore);
  });

  it('may be released again, with nothing more to do', async () => {
    await letGo(ann, [bob]);
    await letGo(bob, [ann]);
    expect([textOf(primary), textOf(replica)]).toEqual(before);
  });

  it('comes up again by itself as it did before', async () => {
    await stopCaring();
    await restart(primary);
    await restart(replica);
    expect(await isWritable(primary)).toBe(true);
    await replica.waitUntilStreaming();
    expect(await isWritable(replica)).toBe(false);
  });
});

describe('a cluster that is released after a failover', { timeout: 60_000 }, () => {
  let ann: Member;
  let bob: Member;
  let cid: Member;
  let history: History;
  let textOfBob: string;

  beforeAll(async () => {
    const dir = createRunFolder('released-later');
    const primary = await createPrimary({ dir, name: 'ann' });
    await primary.start();
    const replicas: PostgresServer[] = [];
    for (const name of ['bob', 'cid']) {
      const replica = await cloneReplica(primary, { name });
      await replica.start();
      await replica.query(`alter system set restore_command = 'cp /nowhere/%f %p'`);
      await replica.query('select pg_reload_conf()');
      await replica.waitUntilStreaming();
      replicas.push(replica);
    }
    [ann, bob, cid] = [primary, ...replicas].map((server) => careFor(server)) as [Member, Member, Member];
    textOfBob = textOf(bob.server);
    history = newHistory(['ann', 'bob', 'cid']);
    await history.open(ann);
    for (const replica of [bob, cid]) await follow(replica, ann);
    ann.server.kill('SIGKILL');
    await ann.until('its death', ({ state }) => state === 'crashed');
    await fence(ann);
    for (const replica of [bob, cid]) await seal(replica);
    await history.open(bob);
    await ann.run({ kind: 'start' });
    for (const replica of [ann, cid]) {
      await seal(replica);
      await follow(replica, bob);
    }
    await ann.server.query(`alter system set work_mem = '7MB'`);
  }, 60_000);

  /** As Tanist points it, and nowhere else. */
  async function expectToFollow(member: Member, leader: Member): Promise<void> {
    const server = await describeMember(member.server);
    expect(await setting(member.server, 'primary_conninfo')).toBe(conninfoFor(server, leader.planned));
    expect(await setting(member.server, 'primary_slot_name')).toBe('');
    const [receiver] = await member.server.query('select status, slot_name from pg_stat_wal_receiver');
    expect(receiver).toEqual({ status: 'streaming', slot_name: null });
    expect(isBootClosed(member.server)).toBe(true);
  }

  it('leaves a replica of the old leader following the new one, and its other settings as they were', async () => {
    await letGo(cid, [ann, bob]);
    await expectToFollow(cid, bob);
    expect(await setting(cid.server, 'restore_command')).toBe('cp /nowhere/%f %p');
  });

  it('leaves the old leader a replica, which takes part in no restart as a leader again', async () => {
    await letGo(ann, [bob, cid]);
    await expectToFollow(ann, bob);
    expect(await setting(ann.server, 'restore_command')).toBe('');
    expect(textOf(ann.server)).not.toContain('restore_command');
    expect(textOf(ann.server)).toContain(`work_mem = '7MB'`);
  });

  it('gives the new leader back what it had as a replica, which does nothing any more', async () => {
    await letGo(bob, [ann, cid]);
    expect(textOf(bob.server)).toBe(textOfBob);
    expect(isBootClosed(bob.server)).toBe(false);
    for (const { server } of [ann, cid]) await server.waitUntilCaughtUpWith(bob.server);
    for (const { server } of [ann, bob, cid]) await expectClean(server);
  });

  it('goes on by itself: the leader accepts writes after a restart, and the replicas follow', async () => {
    await stopCaring();
    for (const { server } of [bob, ann, cid]) await restart(server);
    expect(await isWritable(bob.server)).toBe(true);
    await bob.server.query('create table after_release as select 1 as n');
    for (const { server } of [ann, cid]) {
      await server.waitUntilCaughtUpWith(bob.server);
      expect(await server.query('select n from after_release')).toEqual([{ n: 1 }]);
    }
  });
});

describe('a release', { timeout: 60_000 }, () => {
  let ann: Member;
  let bob: Member;

  beforeAll(async () => {
    const primary = await createPrimary({ dir: createRunFolder('release-odd'), name: 'ann' });
    await primary.start();
    const replica = await cloneReplica(primary, { name: 'bob' });
    await replica.start();
    await replica.waitUntilStreaming();
    [ann, bob] = [careFor(primary), careFor(replica)];
    await newHistory(['ann', 'bob']).open(ann);
  }, 60_000);

  it('refuses a server that is closed and follows nobody', async () => {
    await follow(bob, ann);
    await seal(bob);
    await expect(letGo(bob, [ann])).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      detail: expect.stringContaining('follows nobody'),
    });
    await follow(bob, ann);
  });

  it('says so when no log arrives afterwards, and succeeds once it can', async () => {
    const state = join(`${bob.server.dir}.state`, 'settings.json');
    const originals = JSON.parse(readFileSync(state, 'utf8'));
    const slot = { value: 'dropped_meanwhile', inAutoConf: true };
    writeFileSync(
      state,
      JSON.stringify({ ...originals, settings: { ...originals.settings, primary_slot_name: slot } }),
    );
    await expect(letGo(bob, [ann], 1_000)).rejects.toMatchObject({
      code: 'ENGINE_FAILED',
      detail: expect.stringMatching(/no log arrives from .*"dropped_meanwhile" does not exist/),
    });
    await ann.server.query(`select pg_create_physical_replication_slot('dropped_meanwhile')`);
    await letGo(bob, [ann]);
    expect(await setting(bob.server, 'primary_slot_name')).toBe('dropped_meanwhile');
    await expectCleanReplica();
  });

  async function expectCleanReplica(): Promise<void> {
    expect(textOf(bob.server)).not.toContain('tanist');
    expect(readdirSync(`${bob.server.dir}.state`)).toEqual([]);
  }

  it('that remembers nothing takes out what is ours and leaves what is not', async () => {
    await bob.server.query(`alter system set primary_slot_name = ''`);
    await bob.server.query(`alter system set restore_command = 'cp /nowhere/%f %p'`);
    await bob.server.query('select pg_reload_conf()');
    await follow(bob, ann);
    writeFileSync(autoConfOf(bob.server), `${textOf(bob.server)}recovery_min_apply_delay = '0'\n`);
    await bob.server.query('select pg_reload_conf()');
    rmSync(join(`${bob.server.dir}.state`, 'settings.json'));
    await letGo(bob, [ann]);
    expect(textOf(bob.server)).toContain(`restore_command = 'cp /nowhere/%f %p'`);
    expect(textOf(bob.server)).toContain('application_name');
    expect(textOf(bob.server)).not.toMatch(/primary_slot_name|recovery_min_apply_delay/);
    await expectCleanReplica();
  });

  it('leaves the marks where somebody else has come to rest on them, and says so', async () => {
    await ann.server.query('create view openings as select * from tanist.openings');
    expect(await letGo(ann, [bob])).toEqual({ logged: ['RELEASED_WITH_MARKS', 'RELEASED'] });
    await ann.server.query('drop view openings');
    expect(await letGo(ann, [bob])).toEqual({ logged: ['RELEASED'] });
    await expectClean(ann.server);
  });

  it('does not let a leader follow itself, by whatever name its administrator knew the leader', async () => {
    await writeByHand(ann.server, [
      `primary_conninfo = 'postgresql://postgres@localhost:${ann.server.port}/?application_name=ann'`,
      `primary_slot_name = 'by_hand'`,
    ]);
    await ann.server.query('select pg_reload_conf()');
    await waitFor(async () => (await setting(ann.server, 'primary_slot_name')) === 'by_hand', {
      timeoutMs: 2_000,
      what: 'the settings to be taken up',
    });
    expect(await letGo(ann, [bob])).toEqual({ logged: ['RELEASED_WITHOUT_UPSTREAM', 'RELEASED'] });
    expect(textOf(ann.server)).not.toContain('primary_conninfo');
    expect(textOf(ann.server)).toContain(`primary_slot_name = 'by_hand'`);
  });
});
