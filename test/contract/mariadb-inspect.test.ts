// What would hurt a member of MariaDB at a failover is said before it is taken into care: on real servers, as their administrators set them up.
import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { Finding } from '#core/report.js';
import { cloneReplica, createPrimary } from '#test/cluster/mariadb.js';
import { createRunFolder, stopAll, waitFor } from '#test/cluster/processes.js';
import { type MariadbBeds, prepareMariadbBeds } from '#test/contract/mariadb-bed.js';
import { careFor, createCluster, type Member, stopCaring } from '#test/contract/mariadb-members.js';

let beds: MariadbBeds;
beforeAll(async () => {
  beds = await prepareMariadbBeds();
}, 60_000);
afterEach(async () => {
  await stopCaring();
  await stopAll();
}, 60_000);
afterAll(() => beds.remove());

const codesOf = (findings: readonly Finding[]): string[] =>
  findings.map(({ severity, code }) => `${severity} ${code}`).sort();
const inspect = (member: Member, peers: readonly Member[] = []): Promise<readonly Finding[]> =>
  member.engine.inspect(peers.map(({ planned }) => planned));

describe('a pair that is well set up', { timeout: 60_000 }, () => {
  it('has nothing against it, on either side', async () => {
    const { members } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    expect(await inspect(ann, [ann, bob])).toEqual([]);
    expect(await inspect(bob, [ann, bob])).toEqual([]);
  });
});

describe('what an administrator has done', { timeout: 60_000 }, () => {
  it('to accounts, events and tables is named', async () => {
    const { members } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    for (const sql of [
      "create user boss@'%'",
      "grant super on *.* to boss@'%'",
      "create user filler@'10.%'",
      "grant read_only admin on *.* to filler@'10.%'",
      "create user reader@'%'",
      "grant select on *.* to reader@'%'",
      "create user away@'%' account lock",
      "grant super on *.* to away@'%'",
      'set global event_scheduler = on',
      'create event app.nightly on schedule every 1 day do delete from app.written',
      'create table app.mem (id int primary key) engine=MEMORY',
      'create table app.isam (id int primary key) engine=MyISAM',
      'create table app.keyless (id int)',
      'set global binlog_expire_logs_seconds = 600',
    ])
      await ann.server.query(sql);
    const found = await inspect(ann, [bob]);
    expect(codesOf(found)).toEqual([
      'hurts events-stop',
      'hurts log-expires-soon',
      'hurts memory-tables',
      'hurts tables-without-primary-key',
      'hurts tables-without-transactions',
      'hurts writes-past-read-only',
    ]);
    const textOf = (code: string): string => found.find((each) => each.code === code)?.text ?? '';
    expect(textOf('writes-past-read-only')).toMatch(/does not bind boss@%, filler@10\.%:/);
    expect(textOf('tables-without-transactions')).toContain('app.isam (MyISAM)');
    // The event has come with the log, where nobody runs it.
    await bob.server.waitUntilCaughtUpWith(ann.server);
    await bob.server.query('set global event_scheduler = on');
    expect(codesOf(await inspect(bob, [ann]))).not.toContain('blocks events-on-replica');
    await bob.server.query('set statement sql_log_bin = 0 for alter event app.nightly enable');
    expect(codesOf(await inspect(bob, [ann]))).toContain('blocks events-on-replica');
  });

  it('to the configuration is named: filters, a name that is not its own', async () => {
    const dir = createRunFolder('inspect');
    const primary = await createPrimary({ dir, name: 'ann', template: beds.template });
    await primary.start();
    await primary.open();
    const replica = await cloneReplica(primary, {
      ...{ name: 'bob', template: beds.template },
      settings: { replicate_ignore_db: 'logs', replicate_wild_ignore_table: 'x.%' },
    });
    const ann = careFor(primary);
    await ann.until('an open server', ({ role }) => role === 'writable');
    await ann.engine.check();
    await replica.waitUntilCaughtUpWith(primary);
    const bob = careFor({ ...replica, name: 'robert' });
    await bob.until('the replica', ({ role }) => role === 'replica');
    const found = await inspect(bob, [ann]);
    expect(codesOf(found)).toEqual(['blocks replication-filters', 'hurts report-host']);
    expect(found[0]?.text).toContain('replicate_ignore_db = logs');
  });
});

describe('a peer', { timeout: 60_000 }, () => {
  it('that cannot be replicated from is named, with what to do', async () => {
    const { members } = await createCluster(beds.template, ['ann', 'bob']);
    const [ann, bob] = members as [Member, Member];
    await ann.server.query("revoke connection admin on *.* from replica@'%'");
    expect(codesOf(await inspect(bob, [ann]))).toEqual(['hurts may-be-refused']);
    await ann.server.query("revoke replication slave on *.* from replica@'%'");
    expect(await inspect(bob, [ann])).toMatchObject([
      { severity: 'blocks', code: 'cannot-replicate', remedy: expect.stringContaining('grant') as string },
    ]);
    await ann.server.query("drop user replica@'%'");
    expect(codesOf(await inspect(bob, [ann]))).toEqual(['blocks cannot-replicate']);
    bob.server.kill('SIGKILL');
    const isGone = (): boolean => bob.server.pid() === undefined;
    await waitFor(isGone, { timeoutMs: 5_000, what: 'the server to end' });
    expect(codesOf(await inspect(ann, [bob]))).toEqual(['blocks cannot-replicate']);
    expect(codesOf(await inspect(bob, [ann]))).toEqual(['blocks database-unreachable']);
  });
});
