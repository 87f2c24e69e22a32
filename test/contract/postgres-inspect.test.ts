// What an inspection finds on real servers, each thing set up as an administrator might have left it; and that it finds nothing where
// nothing is wrong, and changes nothing.
import { chmodSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest';
import type { PlanMember } from '#core/plan.js';
import type { Finding } from '#core/report.js';
import type { PostgresConfig } from '#agent/config.js';
import { inspect } from '#agent/engines/postgres/inspect.js';
import { type PostgresServer, cloneReplica, createPrimary } from '#test/cluster/postgres.js';
import { createRunFolder, runToEnd, startProcess, stopAll, waitFor } from '#test/cluster/processes.js';
import { boundFor, describeMember, plannedAs, stopCaring } from '#test/contract/postgres-members.js';

const PATIENCE_MS = 8_000;
const PASSWORD = 'sesame';

interface Look {
  readonly peers?: readonly PlanMember[];
  readonly changes?: Partial<PostgresConfig>;
  readonly withinMs?: number;
}

async function look(server: PostgresServer, { peers = [], changes = {}, withinMs = PATIENCE_MS }: Look = {}) {
  const member = await describeMember(server, changes);
  try {
    return await inspect(member, peers, boundFor(withinMs));
  } finally {
    member.connection.close();
  }
}

const codesOf = (findings: readonly Finding[]): string[] =>
  findings.map(({ severity, code }) => `${severity} ${code}`);

/** The one finding of that code. */
function only(findings: readonly Finding[], code: string): Finding {
  const found = findings.filter((each) => each.code === code);
  expect(codesOf(findings)).toContain(`${found[0]?.severity ?? 'no'} ${code}`);
  expect(found).toHaveLength(1);
  return found[0]!;
}

/** Until the test is over. */
async function change(server: PostgresServer, name: string, value: string): Promise<void> {
  await server.query(`alter system set ${name} = '${value}'`);
  onTestFinished(async () => {
    await server.query(`alter system reset ${name}`);
    await server.query('select pg_reload_conf()');
  });
  await server.query('select pg_reload_conf()');
  const isThere = `select from pg_settings where name = $1 and setting = $2`;
  await waitFor(async () => (await server.query(isThere, [name, value])).length, {
    timeoutMs: 5_000,
    what: `${name} = ${value}`,
  });
}

afterAll(async () => {
  await stopCaring();
  await stopAll();
}, 60_000);

describe('a leader and its replica', { timeout: 60_000 }, () => {
  let ann: PostgresServer;
  let bob: PostgresServer;
  let both: readonly PlanMember[];

  beforeAll(async () => {
    const settings = { wal_level: 'logical' };
    ann = await createPrimary({ dir: createRunFolder('inspect'), name: 'ann', settings, password: PASSWORD });
    await ann.start();
    bob = await cloneReplica(ann, { name: 'bob' });
    await bob.start();
    await bob.waitUntilStreaming();
    both = [plannedAs(ann), plannedAs(bob)];
  }, 60_000);

  it('that are well have nothing found against them, and are not changed', async () => {
    const files = (): unknown[] =>
      [ann, bob].flatMap(({ dir }) => [
        readdirSync(dir),
        readFileSync(join(dir, 'postgresql.auto.conf'), 'utf8'),
      ]);
    const before = files();
    expect(await look(ann, { peers: both })).toEqual([]);
    expect(await look(bob, { peers: both })).toEqual([]);
    expect(files()).toEqual(before);
    expect(readdirSync(`${ann.dir}.state`)).toEqual([]);
  });

  describe('replicating from each other', () => {
    /** As if nobody had thought of it: what is not `lines` is refused. */
    async function allowOnly(server: PostgresServer, lines: readonly string[]): Promise<void> {
      const path = join(server.dir, 'pg_hba.conf');
      const before = readFileSync(path, 'utf8');
      writeFileSync(path, `${lines.join('\n')}\n`);
      onTestFinished(async () => {
        writeFileSync(path, before);
        await server.query('select pg_reload_conf()');
      });
      await server.query('select pg_reload_conf()');
    }

    const CLIENTS = ['local all all scram-sha-256', 'host all all 127.0.0.1/32 scram-sha-256'];

    it('refused by pg_hba.conf, which the line in the remedy puts right', async () => {
      await allowOnly(ann, CLIENTS);
      const finding = await waitFor(
        async () =>
          (await look(bob, { peers: both })).find(
            ({ code, severity }) => severity === 'blocks' && code === 'cannot-replicate',
          ),
        { timeoutMs: 10_000, what: 'the refusal' },
      );
      expect(finding.text).toMatch(
        /^cannot replicate from ann \(127\.0\.0\.1:\d+\): .*no pg_hba\.conf entry for replication connection from host "127\.0\.0\.1"/,
      );
      const [, line = ''] = /"(.*)"/.exec(finding.remedy) ?? [];
      expect(line).toBe('host replication postgres 127.0.0.1/32 scram-sha-256');
      await allowOnly(ann, [...CLIENTS, line]);
      await waitFor(async () => (await look(bob, { peers: both })).length === 0, {
        timeoutMs: 10_000,
        what: 'no finding',
      });
    });

    it('with a wrong password, and it appears in no text', async () => {
      const replication = { user: 'postgres', password: 'guessed', options: 'connect_timeout=5' };
      const findings = await look(bob, { peers: both, changes: { replication } });
      const finding = only(findings, 'cannot-replicate');
      expect(finding.text).toContain('password authentication failed');
      expect(finding.remedy).toContain('psql "host=');
      expect(JSON.stringify(findings)).not.toContain('guessed');
    });

    it('from nobody, from one that is stopped, and from other data', async () => {
      const eve = await createPrimary({ dir: createRunFolder('eve'), name: 'eve', password: PASSWORD });
      await eve.start();
      const nobody = { ...plannedAs(ann), name: 'nobody', databasePort: 1 };
      const silent = { ...plannedAs(eve), name: 'eve' };
      const blocks = async (peers: readonly PlanMember[], withinMs: number): Promise<Finding[]> =>
        (await look(bob, { peers, withinMs })).filter(({ severity }) => severity === 'blocks');
      expect(await blocks([nobody, silent], PATIENCE_MS)).toMatchObject([
        { code: 'cannot-replicate', text: expect.stringContaining('Connection refused') },
        {
          code: 'other-data',
          text: expect.stringMatching(/eve .* holds other data: .* \d+, here it is \d+/),
        },
      ]);
      eve.kill('SIGSTOP');
      expect(await blocks([silent], 2_000)).toMatchObject([
        { code: 'cannot-replicate', text: expect.stringMatching(/eve .*(no answer within|timeout expired)/) },
      ]);
      eve.kill('SIGCONT');
      await eve.stop('immediate');
    });

    it('from one that is stopped is given up by a fence at once, and leaves no process behind', async () => {
      const member = await describeMember(bob);
      const fence = new AbortController();
      ann.kill('SIGSTOP');
      try {
        const asked = inspect(member, both, boundFor(60_000, fence.signal));
        await waitFor(() => children().length > 0, { timeoutMs: 5_000, what: 'somebody to ask' });
        fence.abort();
        await expect(asked).rejects.toThrow('ended by a fence');
        await waitFor(() => children().length === 0, { timeoutMs: 5_000, what: 'nobody to ask any more' });
      } finally {
        ann.kill('SIGCONT');
      }
    });

    /** Programs that ask ann. */
    const children = (): string[] =>
      readdirSync('/proc').filter((pid) => {
        if (!/^\d+$/.test(pid)) return false;
        try {
          const words = readFileSync(`/proc/${pid}/cmdline`, 'utf8');
          return words.includes('psql') && words.includes(`port='${ann.port}'`);
        } catch {
          return false;
        }
      });

    it('by a role that may not, or is not there', async () => {
      await ann.query(`create role weak login password '${PASSWORD}'`);
      const as = (user: string) => ({
        changes: { replication: { user, password: PASSWORD, options: 'connect_timeout=5' } },
      });
      const weak = only(await look(ann, as('weak')), 'replication-user');
      expect(weak).toMatchObject({ severity: 'hurts', text: expect.stringContaining('may not replicate') });
      await ann.query(weak.remedy);
      expect(await look(ann, as('weak'))).toEqual([]);
      const missing = only(await look(ann, as('nemo')), 'replication-user');
      expect(missing.text).toContain('does not exist');
      await ann.query(missing.remedy);
      expect(await look(ann, as('nemo'))).toEqual([]);
    });

    it('is not tried without psql', async () => {
      const binDir = join(bob.dir, '..', 'few-programs');
      mkdirSync(binDir);
      symlinkSync(join(bob.binDir, 'pg_controldata'), join(binDir, 'pg_controldata'));
      expect(codesOf(await look(bob, { peers: both, changes: { binDir } }))).toEqual(['hurts not-asked']);
    });
  });

  describe('compared', () => {
    it('differ in what is set, but for what belongs to a place', async () => {
      await change(ann, 'work_mem', '8192');
      await change(ann, 'log_directory', 'elsewhere');
      await change(bob, 'statement_timeout', '60000');
      const drift = only(await look(bob, { peers: both }), 'configuration-drift');
      expect(drift.severity).toBe('hurts');
      expect(drift.text).toBe(
        'statement_timeout = 1min (ann: 0), work_mem = 4MB (ann: 8MB): once it leads it would behave differently',
      );
      expect(drift.remedy).toContain(
        `alter system set statement_timeout = '0'; alter system set work_mem = '8MB';`,
      );
      expect(await look(ann, { peers: both })).toEqual([]);
    });

    it('name twenty differences, and count the rest', async () => {
      const names = (
        await ann.query<{ name: string }>(
          `select name from pg_settings where vartype = 'bool' and context = 'user'
            and setting = 'on' and source = 'default' order by name limit 22`,
        )
      ).map(({ name }) => name);
      expect(names.length).toBeGreaterThan(20);
      for (const name of names) await change(bob, name, 'off');
      const drift = only(await look(bob, { peers: both }), 'configuration-drift');
      expect(drift.text.match(/ = off /g)).toHaveLength(20);
      expect(drift.text).toContain(` and ${names.length - 20} more: `);
    });

    it('cannot be where the leader lets no client in, which is noted', async () => {
      const user = 'stranger';
      await ann.query(`create role ${user} superuser login password '${PASSWORD}'`);
      await bob.waitUntilCaughtUpWith(ann);
      const path = join(ann.dir, 'pg_hba.conf');
      const before = readFileSync(path, 'utf8');
      writeFileSync(path, `host all ${user} 127.0.0.1/32 reject\n${before}`);
      await ann.query('select pg_reload_conf()');
      const replication = { user, password: PASSWORD, options: 'connect_timeout=5' };
      const changes = { user, replication };
      try {
        const findings = await waitFor(
          async () => {
            const all = await look(bob, { peers: both, changes });
            return all.some(({ code }) => code === 'settings-not-compared') && all;
          },
          { timeoutMs: 10_000, what: 'the note' },
        );
        expect(codesOf(findings)).toEqual(['note settings-not-compared']);
        expect(findings[0]?.text).toContain('pg_hba.conf rejects connection');
      } finally {
        writeFileSync(path, before);
        await ann.query('select pg_reload_conf()');
      }
      const alone = only(await look(bob, { peers: [plannedAs(bob)] }), 'settings-not-compared');
      expect(alone.text).toContain('no other member accepts writes');
    });
  });

  describe('on its own', () => {
    it('a leader with logical slots: they are named', async () => {
      await ann.query(`select pg_create_logical_replication_slot('to_kafka', 'pgoutput')`);
      const finding = only(await look(ann), 'logical-slots');
      expect(finding).toMatchObject({ severity: 'hurts', text: expect.stringContaining('(to_kafka)') });
      expect(await look(bob, { peers: both })).toEqual([]);
      await ann.query(`select pg_drop_replication_slot('to_kafka')`);
    });

    it('a leader with unlogged tables, in any database', async () => {
      await ann.query('create database app');
      const member = await describeMember(ann, { database: 'app' });
      await member.connection.query('create unlogged table public.cache (n int)');
      const finding = only(await look(ann), 'unlogged-tables');
      expect(finding).toMatchObject({ severity: 'note', remedy: expect.stringContaining('public.cache') });
      expect(finding.text).toContain('(app.public.cache)');
      await member.connection.query('alter table public.cache set logged');
      expect(await look(ann)).toEqual([]);
    });

    it('a replica that holds log back, restores files, and has a slot of its own', async () => {
      await ann.query(`select pg_create_physical_replication_slot('mine')`);
      await change(bob, 'recovery_min_apply_delay', '60000');
      await change(bob, 'restore_command', 'false %f');
      await change(bob, 'primary_slot_name', 'mine');
      expect(codesOf(await look(bob, { peers: both }))).toEqual([
        'note restore-command',
        'hurts apply-delay',
        'hurts slot-left-behind',
      ]);
    });

    it('a leader that waits for somebody who is no member', async () => {
      await change(ann, 'synchronous_standby_names', 'ANY 1 (bob, walreceiver)');
      const finding = only(await look(ann, { peers: both }), 'synchronous-stranger');
      expect(finding).toMatchObject({
        severity: 'hurts',
        text: expect.stringContaining('names walreceiver,'),
      });
    });

    it('a leader whose commits wait for no replica, whatever the durability', async () => {
      await change(ann, 'synchronous_commit', 'remote_write');
      expect(only(await look(ann, { peers: both }), 'durability-lowered')).toMatchObject({
        severity: 'hurts',
        text: expect.stringContaining(
          'all sessions (0 now): synchronous_commit = remote_write set for the server',
        ),
      });
    });

    it('a user that is no superuser, or a server that is not there', async () => {
      await ann.query(`create role plain login password '${PASSWORD}'`);
      expect(await look(ann, { changes: { user: 'plain' } })).toMatchObject([
        { severity: 'blocks', code: 'database-refused', remedy: 'alter role "plain" superuser' },
      ]);
      expect(codesOf(await look(ann, { changes: { port: 1 } }))).toEqual(['blocks database-unreachable']);
    });

    it.runIf(process.getuid?.() !== 0)('a data directory in which nothing can be laid', async () => {
      chmodSync(ann.dir, 0o500);
      try {
        expect(codesOf(await look(ann))).toEqual(['blocks data-directory-not-writable']);
      } finally {
        chmodSync(ann.dir, 0o700);
      }
    });

    it('a replica whose leader has raised a limit stops applying log', async () => {
      await ann.query('alter system set max_connections = 70');
      await ann.stop();
      await ann.start();
      await waitFor(async () => (await bob.query('select where pg_is_wal_replay_paused()')).length, {
        timeoutMs: 15_000,
        what: 'bob to stop',
      });
      const findings = await look(bob, { peers: both });
      const finding = only(findings, 'limits-below-leader');
      expect(finding).toMatchObject({
        severity: 'hurts',
        text: expect.stringContaining('max_connections = 60 (ann: 70)'),
        remedy: expect.stringContaining(`alter system set max_connections = '70'`),
      });
      expect(codesOf(findings)).toEqual(['hurts limits-below-leader']);
    });
  });
});

describe('a server by itself', { timeout: 60_000 }, () => {
  async function start(label: string, settings: Readonly<Record<string, string>>): Promise<PostgresServer> {
    const server = await createPrimary({ dir: createRunFolder(label), name: label, settings });
    await server.start();
    return server;
  }

  const peers = ['ann', 'bob', 'cid'].map((name) => ({
    ...{ name, identity: name, agentAddress: '', databaseHost: '127.0.0.1', databasePort: 1 },
  }));

  it('that was never meant to be replicated', async () => {
    const settings = { wal_level: 'minimal', max_wal_senders: '0', max_replication_slots: '1' };
    const server = await start('plain', {
      ...settings,
      ...{ wal_log_hints: 'off', full_page_writes: 'off', archive_mode: 'off' },
    });
    await server.stop();
    const { dir, name, uid, gid, binDir, logFile } = server;
    const args = ['--disable', '-D', dir];
    await runToEnd({ name, command: join(binDir, 'pg_checksums'), args, cwd: dir, logFile, uid, gid });
    await server.start();
    const findings = await look(server, { peers });
    expect(codesOf(findings.filter(({ code }) => code !== 'cannot-replicate'))).toEqual([
      'blocks wal-level-minimal',
      'hurts no-wal-log-hints',
      'hurts no-full-page-writes',
      'hurts too-few-wal-senders',
      'hurts too-few-slots',
    ]);
    expect(findings.filter(({ code }) => code === 'cannot-replicate')).toHaveLength(3);
    const senders = only(findings, 'too-few-wal-senders');
    expect(senders.text).toBe('max_wal_senders is 0: as the leader of this cluster it needs 4');
    const [statement = ''] = senders.remedy.split(',');
    await server.query(statement);
  });

  it('that archives, or means to', async () => {
    const server = await start('archives', { archive_mode: 'on', archive_command: 'true' });
    expect(codesOf(await look(server))).toEqual(['note archive-mode-on']);
    await change(server, 'archive_command', '');
    expect(codesOf(await look(server))).toEqual(['hurts archiving-unconfigured']);
  });

  it('that cannot be asked while it is closed, or holds on to a setting by its command line', async () => {
    const server = await start('unsuited', {
      hot_standby: 'off',
      archive_mode: 'always',
      archive_command: 'true',
    });
    expect(await look(server)).toMatchObject([
      { severity: 'blocks', code: 'database-unsupported', text: expect.stringContaining('hot_standby') },
    ]);
    await server.stop();
    const { startCommand, name, dir, logFile, uid, gid } = server;
    const [command = ''] = startCommand;
    const args = [...startCommand.slice(1), '--hot_standby=on', '--restore_command=false'];
    startProcess({ name, command, args, cwd: dir, logFile, uid, gid, env: { LC_ALL: 'C.UTF-8' } });
    await server.waitUntilReady();
    const findings = await look(server);
    expect(codesOf(findings)).toEqual([
      'blocks upstream-on-command-line',
      'note archive-mode-always',
      'note restore-command',
    ]);
    expect(findings[0]?.text).toContain('restore_command: set on the server');
  });
});
