// What only PostgreSQL does when it dies, hangs, is stopped and comes back: postmasters and backends apart, lock files, commands
// that start it. What every engine does is in engine/.
import { existsSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { NO_ACKNOWLEDGEMENTS } from '#core/durability.js';
import { asDuration, asEpoch, asMonotonic, asWall } from '#core/brand.js';
import type { ServerControl } from '#agent/config.js';
import { createPostgresEngine } from '#agent/engines/postgres/engine.js';
import { cloneReplica, createPrimary } from '#test/cluster/postgres.js';
import { createRunFolder, sendSignal, stopAll, waitFor } from '#test/cluster/processes.js';
import { type History, newHistory } from '#test/contract/engine/history.js';
import { FENCE_MS, fence, seal } from '#test/contract/engine/steps.js';
import { type Member, careFor, connect, stopCaring } from '#test/contract/postgres-members.js';

describe('postgres engine', { timeout: 30_000 }, () => {
  let ann: Member;
  let bob: Member;
  let history: History;

  beforeAll(async () => {
    const dir = createRunFolder('engine');
    const primary = await createPrimary({ dir, name: 'ann' });
    await primary.start();
    const replica = await cloneReplica(primary, { name: 'bob' });
    await replica.start();
    await replica.waitUntilStreaming();
    ann = careFor(primary);
    bob = careFor(replica);
    history = newHistory();
    await history.open(ann);
    await ann.server.query('create table counted (n bigint)');
  }, 60_000);

  afterAll(async () => {
    await stopCaring();
    await stopAll();
  }, 30_000);

  /** The leader comes back after whatever was done to it. */
  async function reopen(): Promise<void> {
    await ann.run({ kind: 'start' });
    await seal(ann);
    await history.open(ann);
    await ann.until('to be writable', ({ role, state }) => role === 'writable' && state === 'running');
  }

  describe('observes', () => {
    it('a server as hung that answers old sessions but takes no new ones', async () => {
      ann.server.kill('SIGSTOP'); // the postmaster alone
      await ann.until('to be hung', ({ state }) => state === 'hung');
      ann.server.kill('SIGCONT');
      await ann.until('to run again', ({ state }) => state === 'running');
    });

    it('a server that is full as one that answers', async () => {
      await ann.server.query('alter system set superuser_reserved_connections = 0');
      const crowd = [];
      try {
        for (;;) crowd.push(await connect(ann.server));
      } catch (error) {
        expect(error).toMatchObject({ code: '53300' });
      }
      const from = ann.events.length;
      await new Promise((resolve) => setTimeout(resolve, 2_200));
      const seen = ann.events.slice(from).map(({ observation }) => observation);
      expect(seen.filter(({ state }) => state !== 'running')).toEqual([]);
      expect(Math.max(...seen.map(({ canaryAgeMs }) => canaryAgeMs ?? 999))).toBeLessThan(600);
      await Promise.all(crowd.map((client) => client.end()));
    });

    it('a smart stop, which waits for its clients, is not kept waiting by the agent', async () => {
      await bob.server.stop('smart');
      await bob.until('to have stopped', ({ state }) => state === 'stopped');
      await bob.server.start();
      await bob.until('to stream again', ({ streaming }) => streaming);
    });

    it('a death within 50 ms of the end of its sessions', async () => {
      // After what any session of it noticed: a busy machine takes its time to end a server.
      const noticed: number[] = [];
      for (let round = 0; round < 3; round += 1) {
        const session = await connect(ann.server);
        session.on('error', () => undefined);
        const ended = new Promise<number>((resolve) => session.once('end', () => resolve(performance.now())));
        ann.server.kill('SIGKILL');
        const told = ann.until('its death', ({ state }) => state === 'crashed').then(() => performance.now());
        noticed.push((await told) - (await ended));
        await ann.until(
          'its last process gone',
          ({ processesGone, ownTail }) => processesGone && ownTail === 'readable',
        );
        await reopen();
      }
      // The machine may be busy with other things once; not three times.
      expect(Math.min(...noticed)).toBeLessThan(50);
      expect(Math.max(...noticed)).toBeLessThan(500);
    });
  });

  describe('keeps a leader that it has opened closed at boot', () => {
    it('after a backend killed with SIGKILL, when the server recovers without a restart', async () => {
      const victim = await connect(ann.server);
      const [row] = (await victim.query<{ pid: number }>('select pg_backend_pid() as pid')).rows;
      const postmaster = ann.server.pid();
      sendSignal(row?.pid ?? 0, 'SIGKILL');
      await ann.until('to be closed', ({ role, state }) => role === 'replica' && state === 'running');
      expect(ann.server.pid()).toBe(postmaster);
      await expect(ann.server.query('insert into counted values (1)')).rejects.toThrow(/read-only/);
      await reopen();
    });
  });

  describe('fences', () => {
    it('a leader in time, and an agent that is started afterwards says so too', async () => {
      expect([ann, bob].map(({ engine }) => engine.isLeftOpen())).toEqual([true, false]);
      const startedAt = performance.now();
      expect(await fence(ann)).toEqual({ kind: 'fenced', clientSessions: 0, orphans: 0 });
      expect(performance.now() - startedAt).toBeLessThan(FENCE_MS);
      const restarted = engineFor(ann, {});
      const seen = new Promise((resolve) => restarted.start(({ observation }) => resolve(observation.state)));
      expect(await seen).toBe('fenced');
      await restarted.stop();
      expect(ann.engine.isLeftOpen()).toBe(false);
      await reopen();
    });

    it('a server that hangs in its stop', async () => {
      const client = await connect(ann.server);
      const [row] = (await client.query<{ pid: number }>('select pg_backend_pid() as pid')).rows;
      sendSignal(row?.pid ?? 0, 'SIGSTOP');
      const startedAt = performance.now();
      expect(await fence(ann)).toEqual({ kind: 'fenced', clientSessions: 0, orphans: 0 });
      expect(performance.now() - startedAt).toBeLessThan(FENCE_MS + 100);
      expect(ann.server.processes()).toEqual([]);
      await reopen();
    });

    it('a replica whose promotion was asked for and has not gone through: it is stopped', async () => {
      await seal(bob);
      const [startup] = await bob.server.query<{ pid: number }>(
        `select pid from pg_stat_activity where backend_type = 'startup'`,
      );
      sendSignal(startup?.pid ?? 0, 'SIGSTOP');
      const opened = await bob.engine.run({
        ...{
          kind: 'open',
          epoch: asEpoch(51n),
          mark: 'never',
          timeline: undefined,
          openings: [],
          replicas: [],
          durability: NO_ACKNOWLEDGEMENTS,
        },
        opening: { state: 'pending', atLeast: undefined, oldLeader: 'fenced', mayLack: false },
        identifierGap: undefined,
        timeoutMs: asDuration(300),
        mayOpen: () => true,
      });
      expect(opened).toMatchObject({ kind: 'failed' });
      expect(await fence(bob)).toEqual({ kind: 'fenced', clientSessions: 0, orphans: 0 });
      expect(bob.server.processes()).toEqual([]);
    });

    it('a replica that somebody promoted by hand', async () => {
      await bob.run({ kind: 'start' });
      await bob.server.query('select pg_promote()');
      await bob.until('to be writable', ({ role }) => role === 'writable');
      expect(await fence(bob)).toEqual({ kind: 'fenced', clientSessions: 0, orphans: 0 });
      expect(bob.server.pid()).toBeUndefined();
    });
  });

  describe('starts', () => {
    it('a server whose lock file is stale and whose orphans live, closed, and behind nobody', async () => {
      await bob.run({ kind: 'start' });
      const [row] = await bob.server.query<{ upstream: string }>(
        `select current_setting('primary_conninfo') as upstream`,
      );
      expect(row?.upstream).toBe('');
      const busy = await connect(ann.server);
      void busy.query('select count(*) from generate_series(1, 1000000000)').catch(() => undefined);
      await new Promise((resolve) => setTimeout(resolve, 100));
      ann.server.kill('SIGKILL');
      await ann.until('its death', ({ state }) => state === 'crashed');
      expect(ann.server.processes().length).toBeGreaterThan(0);
      await ann.run({ kind: 'start' });
      expect((await ann.until('to run', ({ state }) => state === 'running')).role).toBe('replica');
    });

    it('a server by a command that stays in the foreground', async () => {
      await fence(bob);
      await bob.server.stop();
      const { uid, gid, startCommand } = bob.server;
      const asOwner =
        uid === undefined ? '' : `setpriv --reuid=${uid} --regid=${String(gid)} --clear-groups `;
      const engine = engineFor(bob, {
        server: { kind: 'commands', start: `exec ${asOwner}${startCommand.join(' ')}` },
      });
      expect(await engine.run({ kind: 'start' })).toEqual({ kind: 'started' });
      await engine.stop();
      expect(await bob.server.query('select pg_is_in_recovery() as closed')).toEqual([{ closed: true }]);
    });

    it('a server that outlives the agent: it is in no group of ours', () => {
      const stat = readFileSync(`/proc/${ann.server.pid() ?? 0}/stat`, 'utf8');
      const [, , group, session] = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
      expect(Number(session)).toBe(ann.server.pid());
      expect(Number(group)).toBe(ann.server.pid());
    });
  });

  describe('opens', () => {
    it('so that its control file soon knows the new line of history, for pg_rewind', async () => {
      await fence(ann);
      await reopen();
      const knows = async (): Promise<boolean> => {
        const [row] = await ann.server.query<{ known: number; is: string }>(
          'select timeline_id as known, substr(pg_walfile_name(pg_current_wal_lsn()), 1, 8) as is from pg_control_checkpoint()',
        );
        return row?.known === Number.parseInt(row?.is ?? '', 16);
      };
      await waitFor(knows, { timeoutMs: 10_000, what: 'the control file to know its line' });
    });
  });

  describe('checks', () => {
    it('its server and data, also while the server is down', async () => {
      const identity = await ann.engine.check();
      expect(identity.copyId).not.toBe((await bob.engine.check()).copyId);
      expect(identity).toMatchObject({ engine: 'postgres', dataId: expect.stringMatching(/^\d{10,}$/) });
      await fence(ann);
      await ann.server.stop();
      expect(await ann.engine.check()).toEqual(identity);
    });

    it.each([
      { what: 'a folder that holds no data', change: { dataDir: '/tmp' }, code: 'NOT_A_DATA_DIRECTORY' },
      { what: 'a user that does not exist', change: { user: 'nobody_such' }, code: 'DATABASE_REFUSED' },
      {
        what: 'a state folder whose name a shell would mangle',
        change: { stateDir: "/tmp/it's" },
        code: 'CONFIG_INVALID',
      },
    ])('and refuses $what', async ({ change, code }) => {
      await expect(engineFor(bob, change).check()).rejects.toMatchObject({ code });
    });

    it('and takes a login that a fence ended in its midst for no refusal', async () => {
      await bob.server.query('alter system set post_auth_delay = 2');
      bob.server.kill('SIGHUP');
      const asked = engineFor(bob, {}).check();
      let isOver = false;
      void asked.finally(() => (isOver = true)).catch(() => undefined);
      let ended = 0;
      await waitFor(
        () => {
          const logins = bob.server.processes().filter(isLogin);
          for (const pid of logins) sendSignal(pid, 'SIGTERM');
          ended += logins.length;
          return isOver;
        },
        { timeoutMs: 10_000, what: 'the check to end' },
      );
      expect(await asked).toMatchObject({ engine: 'postgres' });
      expect(ended).toBeGreaterThan(0);
      await bob.server.query('alter system reset post_auth_delay');
      bob.server.kill('SIGHUP');
    });

    it("and refuses another server's address", async () => {
      await expect(engineFor(bob, { dataDir: ann.server.dir }).check()).rejects.toMatchObject({
        code: 'DATA_DIRECTORY_MISMATCH',
      });
    });
  });

  /** One more engine beside a server, with a configuration that differs in a point. */
  function engineFor(
    { server }: Member,
    {
      stateDir = `${server.dir}.state`,
      ...change
    }: { dataDir?: string; user?: string; stateDir?: string; server?: ServerControl },
  ) {
    return createPostgresEngine(
      {
        ...{
          kind: 'postgres',
          dataDir: server.dir,
          binDir: server.binDir,
          host: server.socketDir,
          port: server.port,
        },
        ...{ user: 'postgres', password: undefined, database: 'postgres' },
        replication: { user: 'postgres', password: undefined, options: '' },
        rewind: { user: 'postgres', password: undefined },
        server: { kind: 'commands', start: 'true' },
        ...change,
      },
      {
        ...{ member: server.name, stateDir, log: () => undefined, now: () => asMonotonic(performance.now()) },
        wallNow: () => asWall(Date.now()),
        tailSource: { fetch: () => Promise.reject(new Error('not asked for')) },
        copySource: { fetch: () => Promise.reject(new Error('not asked for')) },
      },
    );
  }

  it('leaves no memo and no half-written file behind', () => {
    for (const { server } of [ann, bob]) {
      expect(existsSync(join(server.dir, '.standby.signal.tanist'))).toBe(false);
      expect(existsSync(join(server.dir, '.postgresql.auto.conf.tanist'))).toBe(false);
    }
  });
});

/** A session that the server has let in and that asks nothing yet. */
function isLogin(pid: number): boolean {
  try {
    return / startup[ \0]*$/.test(readFileSync(`/proc/${pid}/cmdline`, 'latin1'));
  } catch {
    return false; // it has ended
  }
}
