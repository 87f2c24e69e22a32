// A member comes back with writes that nobody else has, and is rewound to the leader's history: on real servers, since what
// pg_rewind takes, what it overwrites and what it leaves undone is known only from trying.
import { execFile, execFileSync } from 'node:child_process';
import {
  chmodSync,
  lchownSync,
  lstatSync,
  mkdirSync,
  readFileSync,
  readdirSync,
  readlinkSync,
  renameSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { TanistError } from '#core/errors.js';
import { comparePositions, ofEngine } from '#core/position.js';
import type { SalvageRecord } from '#core/salvage.js';
import { S2_ancestry } from '#core/rules/sealing.js';
import type { PostgresConfig } from '#agent/config.js';
import { boundBy } from '#agent/engines/bounds.js';
import { createConnection } from '#agent/engines/postgres/connection.js';
import { copyIdOf } from '#agent/engines/postgres/copy-id.js';
import { moveAside, ownFiles } from '#agent/engines/postgres/own-files.js';
import { timelineAt } from '#agent/engines/postgres/reach.js';
import { rewind } from '#agent/engines/postgres/rewind.js';
import { type RewindMemo, noteRewind } from '#agent/engines/postgres/rewind-memo.js';

import { type Server, describeServer } from '#agent/engines/postgres/server.js';
import { cloneReplica, type PostgresServer } from '#test/cluster/postgres.js';
import { stopAll, waitFor } from '#test/cluster/processes.js';
import type { History } from '#test/contract/engine/history.js';
import { fence, follow, seal, takeTail } from '#test/contract/engine/steps.js';
import {
  type Member,
  careFor,
  connect,
  createPair,
  missing,
  part,
  stopCaring,
  writeUntilItDies,
} from '#test/contract/postgres-members.js';

const REWIND_WITHIN_MS = 60_000;

afterAll(async () => {
  await stopCaring();
  await stopAll();
}, 60_000);

/** The step on a server of its own description, as the engine would run it. */
async function withServer<Result>(
  { config, deps }: Member,
  change: Partial<PostgresConfig>,
  work: (server: Server) => Promise<Result>,
): Promise<Result> {
  const connection = createConnection({ ...config, ...change }, () => undefined);
  try {
    return await work(describeServer({ ...config, ...change }, deps, connection));
  } finally {
    connection.close();
  }
}

const rewindTo = (
  leader: Member,
  member: Member,
  history: History,
  change: Partial<PostgresConfig> = {},
): Promise<void> =>
  withServer(member, change, (server) => {
    const bounds = boundBy(server.now, REWIND_WITHIN_MS, new AbortController().signal);
    return rewind(server, leader.planned, history.openings, bounds);
  });

async function errorOf(work: Promise<unknown>): Promise<TanistError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  );
  if (error instanceof TanistError) return error;
  throw new Error(`no error with a code, but ${String(error)}`);
}

async function crash(member: Member): Promise<void> {
  member.server.kill('SIGKILL');
  await member.until('its death', ({ state }) => state === 'crashed');
  await fence(member);
}

/** What INV-7 asks for before a member may follow, and then that it does. */
async function followsFrom(member: Member, leader: Member, history: History): Promise<void> {
  await member.run({ kind: 'start' });
  expect(S2_ancestry(await seal(member), history.openings)).toBe('behind');
  await leader.run({ kind: 'keepSlots', replicas: [member.name], retentionBytes: 1 << 30 });
  await follow(member, leader);
  await member.server.waitUntilCaughtUpWith(leader.server);
  const rows =
    'select (select array_agg(text order by text) from kept) as kept, (select count(*) from lost) as lost';
  expect(await member.server.query(rows)).toEqual(await leader.server.query(rows));
}

/** Name, kind, mode, owner and content of every file that is the member's own. */
function ownFilesOf({ dir }: PostgresServer): Record<string, object> {
  const describeFile = (name: string): [string, object][] => {
    const path = join(dir, name);
    const stat = lstatSync(path);
    const { mode, uid, gid } = stat;
    if (stat.isDirectory())
      return [
        [name, { mode, uid, gid }],
        ...readdirSync(path).flatMap((each) => describeFile(join(name, each))),
      ];
    const content = stat.isSymbolicLink() ? readlinkSync(path) : readFileSync(path, 'latin1');
    return [[name, { mode, uid, gid, content }]];
  };
  return Object.fromEntries(ownFiles(dir).flatMap(describeFile));
}

function write({ dir, uid, gid }: PostgresServer, name: string, content: string, mode = 0o600): void {
  const path = join(dir, name);
  writeFileSync(path, content, { mode });
  chmodSync(path, mode);
  if (uid !== undefined && gid !== undefined) lchownSync(path, uid, gid);
}

function makeFolder({ dir, uid, gid }: PostgresServer, name: string): void {
  mkdirSync(join(dir, name), { mode: 0o700 });
  if (uid !== undefined && gid !== undefined) lchownSync(join(dir, name), uid, gid);
}

const stateDir = ({ server }: Member): string => `${server.dir}.state`;
const salvaged = (member: Member): string[] => readdirSync(join(stateDir(member), 'salvage')).sort();
const readSalvage = (member: Member, name: string): SalvageRecord =>
  JSON.parse(readFileSync(join(stateDir(member), 'salvage', name, 'salvage.json'), 'utf8')) as SalvageRecord;

/** Nothing of a rewind is left but what was salvaged. */
function expectTidy(member: Member): void {
  const left = readdirSync(stateDir(member)).filter((name) => name === 'rewinding');
  expect(left).toEqual([]);
  expect(statSync(member.server.dir).mode & 0o777).toBe(0o700);
  expect(readdirSync(member.server.dir)).toContain('standby.signal');
}

describe('a leader that went on writing after its heir was cut off', { timeout: 90_000 }, () => {
  let ann: Member;
  let bob: Member;
  let history: History;

  beforeAll(async () => {
    ({ ann, bob, history } = await createPair('rewind'));
    await ann.server.query(`create role rewinder login`);
    await ann.server.query(`
      grant execute on function pg_catalog.pg_ls_dir(text, boolean, boolean), pg_catalog.pg_stat_file(text, boolean),
        pg_catalog.pg_read_binary_file(text), pg_catalog.pg_read_binary_file(text, bigint, bigint, boolean) to rewinder`);
    await bob.server.waitUntilCaughtUpWith(ann.server);
  }, 60_000);

  it('is rewound to a leader under load, by a user with few rights, and comes up closed by itself', async () => {
    const copyId = await copyIdOf(ann.server.dir);
    await part(ann, bob, history);
    const [file] = await ann.server.query<{ path: string }>(`select pg_relation_filepath('lost') as path`);
    await fence(ann);
    await ann.run({ kind: 'start' });
    await seal(ann);
    const writing = await writeUntilItDies(bob.server, 4);
    await bob.server.query('checkpoint'); // so that the one that pg_rewind needs, which this user may not ask for, is there
    await rewindTo(bob, ann, history, { rewind: { user: 'rewinder', password: undefined } });
    expectTidy(ann);
    // E5: it is the member that it was, beside the same copy of its data.
    expect(await copyIdOf(ann.server.dir)).toBe(copyId);
    await followsFrom(ann, bob, history);
    await writing.stop();
    await ann.server.waitUntilCaughtUpWith(bob.server);
    expect(writing.acknowledged.length).toBeGreaterThan(100);
    expect(await missing(ann.server, writing)).toEqual([]);
    expect(await ann.server.query('select from lost')).toEqual([]);

    const [name = ''] = salvaged(ann);
    const record = readSalvage(ann, name);
    expect(record).toMatchObject({ member: 'ann', leader: 'bob', epoch: 2 });
    expect(record.from).toMatch(/^timeline 1 /);
    expect(await insertsIn(ann, name, file?.path ?? '')).toBe(500);
  });

  /** Rows of a table that the salvaged log inserts, as PostgreSQL's own program reads it. */
  async function insertsIn(member: Member, name: string, path: string): Promise<number> {
    const { from, to } = readSalvage(member, name);
    const folder = join(stateDir(member), 'salvage', name);
    const [[, , start = ''], [, timeline = '', end = '']] = [from.split(' '), to.split(' ')] as const;
    const range = ['--timeline', timeline, '--start', start, '--end', end];
    const { stdout } = await promisify(execFile)(
      join(member.server.binDir, 'pg_waldump'),
      ['--path', folder, ...range, '--rmgr=Heap'],
      { maxBuffer: 1 << 26 },
    );
    const relation = path.split('/').slice(1).join('/');
    return stdout
      .split('\n')
      .filter((line) => line.includes('desc: INSERT') && line.includes(`/${relation} `)).length;
  }

  it('is left as it is when it is rewound already', async () => {
    await seal(ann);
    const pid = ann.server.pid();
    await rewindTo(bob, ann, history);
    expect(ann.server.pid()).toBe(pid);
    expect(salvaged(ann)).toHaveLength(1);
    await followsFrom(ann, bob, history);
  });

  it('keeps every file of its own, and gets none of the leader', async () => {
    makeFolder(ann.server, 'conf.d');
    write(ann.server, 'conf.d/other.conf', `log_line_prefix = 'ann %p '\n`, 0o640);
    write(
      ann.server,
      'postgresql.conf',
      `${readFileSync(join(ann.server.dir, 'postgresql.conf'), 'utf8')}\ninclude_dir 'conf.d'\n`,
    );
    write(ann.server, 'server.key', "ann's key", 0o400);
    symlinkSync('/etc/hostname', join(ann.server.dir, 'linked'));
    const hba = join(bob.server.dir, 'pg_hba.conf');
    writeFileSync(hba, `${readFileSync(hba, 'utf8')}# bob's\n`);
    makeFolder(bob.server, 'conf.d');
    write(bob.server, 'conf.d/bobs.conf', "work_mem = '5MB'\n");
    write(bob.server, 'bobs.crt', "bob's certificate");

    await part(bob, ann, history);
    await fence(bob);
    const bobs = ownFilesOf(bob.server);
    expect(Object.keys(bobs)).toEqual(
      expect.arrayContaining(['postgresql.conf', 'conf.d/bobs.conf', 'bobs.crt']),
    );
    await bob.run({ kind: 'start' });
    await seal(bob);
    const closed = ownFilesOf(bob.server);
    expect({ ...closed, 'postgresql.auto.conf': bobs['postgresql.auto.conf'] }).toEqual(bobs);
    await rewindTo(ann, bob, history);
    expect(ownFilesOf(bob.server)).toEqual(closed);
    expectTidy(bob);
    await followsFrom(bob, ann, history);
  });

  it('is brought up and down in order when it crashed', async () => {
    await part(ann, bob, history);
    await crash(ann);
    const before = ownFilesOf(ann.server);
    await rewindTo(bob, ann, history);
    expect({ ...ownFilesOf(ann.server), 'postgresql.auto.conf': before['postgresql.auto.conf'] }).toEqual(
      before,
    );
    expectTidy(ann);
    await followsFrom(ann, bob, history);
    expect(salvaged(ann)).toHaveLength(2);
  });

  it('whose configuration lies outside its data, as on Debian, has none inside afterwards', async () => {
    await part(bob, ann, history);
    await fence(bob);
    const outside = `${bob.server.dir}.etc`;
    mkdirSync(outside);
    for (const name of ['postgresql.conf', 'pg_hba.conf', 'pg_ident.conf', 'conf.d'])
      renameSync(join(bob.server.dir, name), join(outside, name));
    const files = ['hba', 'ident'].map((each) => `${each}_file = '${outside}/pg_${each}.conf'\n`);
    writeFileSync(
      join(outside, 'postgresql.conf'),
      `data_directory = '${bob.server.dir}'\n${files.join('')}`,
      { flag: 'a' },
    );
    await bob.engine.stop();
    bob = careFor(bob.server, { options: `-c config_file=${outside}/postgresql.conf` });
    await bob.run({ kind: 'start' });
    await seal(bob);
    const before = ownFilesOf(bob.server);
    expect(Object.keys(before)).toEqual(['bobs.crt', 'postgresql.auto.conf']);
    await rewindTo(ann, bob, history);
    expect(ownFilesOf(bob.server)).toEqual(before);
    await followsFrom(bob, ann, history);
    expect(await bob.server.query('show config_file')).toEqual([
      { config_file: `${outside}/postgresql.conf` },
    ]);
  });

  describe('stays closed, and untouched, when', () => {
    let pid: number | undefined;

    beforeAll(async () => {
      await part(ann, bob, history);
      await fence(ann);
      await ann.run({ kind: 'start' });
      await seal(ann);
      pid = ann.server.pid();
    }, 60_000);

    const isUntouched = async (): Promise<void> => {
      expect(ann.server.pid()).toBe(pid);
      expect(
        await ann.server.query('select count(*)::int as n, pg_is_in_recovery() as closed from lost'),
      ).toEqual([{ n: 500, closed: true }]);
      expectTidy(ann);
    };

    it('the leader cannot be reached', async () => {
      const nobody = { ...bob, planned: { ...bob.planned, databasePort: 1 } };
      const error = await errorOf(rewindTo(nobody, ann, history));
      expect(error).toMatchObject({ code: 'ENGINE_FAILED', detail: expect.stringContaining('refused') });
      await isUntouched();
    });

    it('what answers there is not the leader', async () => {
      const self = { ...bob, planned: { ...bob.planned, databasePort: ann.server.port } };
      const error = await errorOf(rewindTo(self, ann, history));
      expect(error).toMatchObject({
        code: 'ENGINE_FAILED',
        detail: expect.stringContaining('accepts no writes'),
      });
      await isUntouched();
    });

    it.each([
      ['the leader refuses the login', 'nobody_here', /refused login.*nobody_here/, /postgres\.rewind/],
      ['the user lacks rights there', 'powerless', /powerless lacks rights.*pg_ls_dir/, /superuser/],
    ])('%s', async (_, user, detail, next) => {
      await bob.server.query('drop role if exists powerless');
      await bob.server.query('create role powerless login');
      const error = await errorOf(rewindTo(bob, ann, history, { rewind: { user, password: undefined } }));
      expect(error.code).toBe('REWIND_IMPOSSIBLE');
      expect(error.detail).toMatch(detail);
      expect(error.next).toMatch(next);
      await isUntouched();
    });

    it('pg_rewind is not installed', async () => {
      const binDir = programsWith(ann, 'rewindless', undefined);
      const error = await errorOf(rewindTo(bob, ann, history, { binDir }));
      expect(error).toMatchObject({
        code: 'REWIND_IMPOSSIBLE',
        detail: expect.stringContaining('no pg_rewind'),
      });
      await isUntouched();
    });

    it('pg_rewind finds nothing to rewind, and the marks say otherwise', async () => {
      const says = ['servers diverged at WAL location 0/5000000 on timeline 2', 'no rewind required'];
      const script = says.map((line) => `echo 'pg_rewind: ${line}' >&2`).join('\n');
      const binDir = programsWith(ann, 'unneeded', script);
      const error = await errorOf(rewindTo(bob, ann, history, { binDir }));
      expect(error).toMatchObject({
        code: 'REWIND_IMPOSSIBLE',
        detail: expect.stringMatching(/the logs part at .* but pg_rewind says: .* no rewind required/),
      });
      await ann.run({ kind: 'start' });
      pid = ann.server.pid();
      await isUntouched();
    });

    it('the leader is lost after the rehearsal, before the first change', async () => {
      const lost = `case "$*" in *--dry-run*) exec "$real" "$@";; esac; echo 'connection to server failed: Connection refused' >&2; exit 1`;
      const before = ownFilesOf(ann.server);
      const error = await errorOf(rewindTo(bob, ann, history, { binDir: programsWith(ann, 'lost', lost) }));
      expect(error).toMatchObject({ code: 'ENGINE_FAILED', detail: expect.stringContaining('refused') });
      expect(ownFilesOf(ann.server)).toEqual(before);
      expect(ann.server.pid()).toBeUndefined();
      await ann.run({ kind: 'start' });
      pid = ann.server.pid();
      await isUntouched();
    });
  });

  it('whose rewind ends in the middle is not started any more, by nobody', async () => {
    const saved = salvaged(ann).map((name) => statSync(join(stateDir(ann), 'salvage', name, 'salvage.json')));
    const torn = `case "$*" in *--dry-run*) exec "$real" "$@";; esac; echo 'pg_rewind: need to copy 9 MB' >&2; kill -9 $$`;
    const error = await errorOf(rewindTo(bob, ann, history, { binDir: programsWith(ann, 'torn', torn) }));
    expect(error).toMatchObject({
      code: 'REWIND_BROKEN',
      next: expect.stringContaining('a copy of the leader takes its place'),
    });
    // What the attempt before had saved was not saved again.
    const files = salvaged(ann).map((name) => statSync(join(stateDir(ann), 'salvage', name, 'salvage.json')));
    expect(files.map(({ ino, mtimeMs }) => [ino, mtimeMs])).toEqual(
      saved.map(({ ino, mtimeMs }) => [ino, mtimeMs]),
    );
    expect(await ann.engine.run({ kind: 'start' })).toMatchObject({ kind: 'failed', code: 'REWIND_BROKEN' });
    expect((await errorOf(rewindTo(bob, ann, history))).code).toBe('REWIND_BROKEN');
    expect(await startByHand(ann)).toContain('has invalid permissions');
    expect(ann.server.pid()).toBeUndefined();
  });

  /** With configuration that lies outside of the data; what the server says. */
  async function startByHand({ server }: Member): Promise<string> {
    const { binDir, dir, uid, gid } = server;
    const config = `${dir}.conf`;
    writeFileSync(config, `port = ${server.port}\n`);
    const user = { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
    const args = ['-D', dir, '-c', `config_file=${config}`, '-c', `hba_file=${config}`];
    const [program, cwd] = [join(binDir, 'postgres'), '/'];
    return promisify(execFile)(program, args, { ...user, cwd, timeout: 10_000 }).then(
      () => 'it started',
      (error: unknown) => (error as { readonly stderr: string }).stderr,
    );
  }

  it('is finished by the next start when the agent went down after the data was rewritten', async () => {
    // The data of before is whole in truth, so it stands in for a new copy.
    const memo = readFileSync(join(stateDir(ann), 'rewinding/memo.json'), 'utf8');
    const before = JSON.parse(memo) as RewindMemo;
    await withServer(ann, {}, (server) => noteRewind(server, { ...before, phase: 'rewritten' }));
    write(ann.server, 'postgresql.conf', "the leader's");
    write(ann.server, 'of-the-leader', 'too');
    await ann.run({ kind: 'start' });
    expectTidy(ann);
    expect(readdirSync(ann.server.dir)).not.toContain('of-the-leader');
    await rewindTo(bob, ann, history);
    await followsFrom(ann, bob, history);
  });

  it('is finished by the next start when the agent went down before the data was rewritten', async () => {
    await fence(ann);
    await ann.server.stop();
    const before = ownFilesOf(ann.server);
    const names = ownFiles(ann.server.dir);
    await withServer(ann, {}, async (server) => {
      await noteRewind(server, { phase: 'preparing', leader: 'bob', ownFiles: names });
      await moveAside(server, names.slice(0, 2));
    });
    await ann.run({ kind: 'start' });
    expect({ ...ownFilesOf(ann.server), 'postgresql.auto.conf': before['postgresql.auto.conf'] }).toEqual(
      before,
    );
    expectTidy(ann);
  });
});

/** The server's programs, with another pg_rewind or none. */
function programsWith({ server }: Member, name: string, script: string | undefined): string {
  const folder = `${server.dir}.${name}`;
  mkdirSync(folder);
  for (const program of readdirSync(server.binDir).filter((each) => each !== 'pg_rewind'))
    symlinkSync(join(server.binDir, program), join(folder, program));
  const text = `#!/bin/sh\nreal=${join(server.binDir, 'pg_rewind')}\n${script ?? ''}\n`;
  if (script !== undefined) writeFileSync(join(folder, 'pg_rewind'), text, { mode: 0o755 });
  return folder;
}

describe('a leader without checksums and wal_log_hints', { timeout: 60_000 }, () => {
  it('cannot be rewound, and goes on running closed', async () => {
    const { ann, bob, history } = await createPair('hintless', { wal_log_hints: 'off' }, (primary) => {
      const { uid, gid, binDir, dir } = primary;
      const user = { ...(uid !== undefined && { uid }), ...(gid !== undefined && { gid }) };
      execFileSync(join(binDir, 'pg_checksums'), ['--disable', '--pgdata', dir], {
        ...user,
        stdio: 'ignore',
      });
    });
    await part(ann, bob, history);
    await fence(ann);
    await ann.run({ kind: 'start' });
    const pid = ann.server.pid();
    const error = await errorOf(rewindTo(bob, ann, history));
    expect(error).toMatchObject({
      code: 'REWIND_IMPOSSIBLE',
      detail: expect.stringContaining('wal_log_hints'),
    });
    expect(ann.server.pid()).toBe(pid);
    expect(S2_ancestry(await seal(ann), history.openings)).toBe('diverged');
    expect(await ann.server.query('select count(*)::int as n from lost')).toEqual([{ n: 500 }]);
  });
});

describe('a leader that was reopened and lost before its heir heard of it', { timeout: 60_000 }, () => {
  /** Both leave timeline 1 at the very same record. */
  async function reopenUnseen(label: string, checkpoint: boolean) {
    const { ann, bob, history } = await createPair(label);
    await ann.server.query('create table kept (text text)');
    await ann.server.query('create table lost (text text)');
    await bob.server.waitUntilCaughtUpWith(ann.server);
    await crash(ann);
    await seal(bob);
    await takeTail(bob, ann); // a canary may have come in between
    await ann.run({ kind: 'start' });
    expect(await seal(ann)).toEqual(await seal(bob));
    const [checkpointer] = await ann.server.query<{ pid: number }>(
      `select pid from pg_stat_activity where backend_type = 'checkpointer'`,
    );
    if (!checkpoint) process.kill(checkpointer?.pid ?? 0, 'SIGSTOP');
    const known = [...history.openings];
    await history.open(ann);
    await ann.server.query(`insert into lost values ('by ann')`);
    if (checkpoint) await ann.server.query('checkpoint');
    await crash(ann);
    history.openings.splice(0, history.openings.length, ...known);
    await history.open(bob);
    await bob.server.query(`insert into kept values ('by bob')`);
    await ann.run({ kind: 'start' });
    const own = ofEngine(await seal(ann), 'postgres');
    const newest = ofEngine(history.openings.at(-1)!.position, 'postgres');
    expect([own.timeline, newest.timeline]).toEqual([2, 3]);
    expect(own.forks).toEqual(newest.forks.slice(0, 1));
    return { ann, bob, history };
  }

  it('is rewound, once it has made a checkpoint on its line', async () => {
    const { ann, bob, history } = await reopenUnseen('reopened', true);
    await rewindTo(bob, ann, history);
    await followsFrom(ann, bob, history);
  });

  it('without one cannot be rewound before PostgreSQL 16, and starts closed again', async () => {
    const { ann, bob, history } = await reopenUnseen('unchecked', false);
    if (Number(readFileSync(join(ann.server.dir, 'PG_VERSION'), 'utf8')) >= 16) {
      await rewindTo(bob, ann, history);
      return followsFrom(ann, bob, history);
    }
    const error = await errorOf(rewindTo(bob, ann, history));
    expect(error.code).toBe('REWIND_IMPOSSIBLE');
    expect(error.detail).toMatch(/could not find previous WAL record/);
    await ann.run({ kind: 'start' });
    expect(S2_ancestry(await seal(ann), history.openings)).toBe('diverged');
    expect(await ann.server.query('select text from lost')).toEqual([{ text: 'by ann' }]);
    expectTidy(ann);
  });
});

describe('a leader whose heir has recycled old log', { timeout: 90_000 }, () => {
  let ann: Member;
  let bob: Member;
  let history: History;

  beforeAll(async () => {
    const settings = { wal_keep_size: '0', min_wal_size: '32MB', checkpoint_timeout: '1h' };
    ({ ann, bob, history } = await createPair('recycled', settings));
  }, 60_000);

  const fillFiles = async ({ server }: Member): Promise<void> => {
    await server.query('create table if not exists bulk (n bigint, text text)');
    for (let n = 0; n < 4; n += 1) {
      await server.query(`insert into bulk select n, repeat('x', 500) from generate_series(1, 2000) as n`);
      await server.query('select pg_switch_wal()');
    }
  };
  const logFile = async ({ server }: Member): Promise<string> =>
    (await server.query<{ file: string }>('select pg_walfile_name(pg_current_wal_lsn()) as file'))[0]?.file ??
    '';
  const recycle = async ({ server }: Member, file: string): Promise<void> => {
    const isGone = async (): Promise<boolean> => {
      await server.query('checkpoint');
      return !readdirSync(join(server.dir, 'pg_wal')).includes(file);
    };
    await waitFor(isGone, { timeoutMs: 20_000, what: `${server.name} to recycle ${file}` });
  };

  /** A checkpoint that takes its time, so that log of several files lies between where it began and its record; where it began. */
  async function slowCheckpoint({ server }: Member, meanwhile: () => Promise<void>): Promise<string> {
    const client = await connect(server);
    const version = Number(readFileSync(join(server.dir, 'PG_VERSION'), 'utf8'));
    const begin = version >= 15 ? `pg_backup_start('slow', false)` : `pg_start_backup('slow', false, false)`;
    const begun = client.query(`select ${begin}`);
    const writing = `select from pg_stat_activity where backend_type = 'checkpointer' and wait_event = 'CheckpointWriteDelay'`;
    await waitFor(async () => (await server.query(writing)).length > 0, {
      timeoutMs: 10_000,
      what: 'the checkpoint to have begun',
    });
    await meanwhile();
    await server.query('alter system set checkpoint_completion_target = 0'); // hurries it
    await server.query('select pg_reload_conf()');
    await begun;
    await client.end();
    const [row] = await server.query<{ redo: string; record: string }>(
      'select redo_wal_file as redo, pg_walfile_name(checkpoint_lsn) as record from pg_control_checkpoint()',
    );
    expect(row?.redo).not.toBe(row?.record);
    return row?.redo ?? '';
  }

  it('brings along what both had and its recovery needs', async () => {
    await fillFiles(ann);
    const redoFile = await slowCheckpoint(ann, () => fillFiles(ann));
    await part(ann, bob, history);
    await crash(ann); // a stop in order makes a checkpoint
    await recycle(bob, redoFile);
    expect(readdirSync(join(ann.server.dir, 'pg_wal'))).toContain(redoFile);
    await rewindTo(bob, ann, history);
    await followsFrom(ann, bob, history);
  });

  it('cannot be rewound when that is what the heir wrote since they parted, and starts closed again', async () => {
    await part(bob, ann, history);
    await fence(bob);
    const first = await logFile(ann);
    await fillFiles(ann);
    await recycle(ann, first);
    const error = await errorOf(rewindTo(ann, bob, history));
    expect(error).toMatchObject({
      code: 'REWIND_IMPOSSIBLE',
      detail: expect.stringContaining(`nobody has ${first}`),
    });
    await bob.run({ kind: 'start' });
    expect(S2_ancestry(await seal(bob), history.openings)).toBe('diverged');
    expect(await bob.server.query('select count(*)::int as n from lost')).toEqual([{ n: 500 }]);
  });
});

describe('a log that ends where a file does, before it was full', { timeout: 90_000 }, () => {
  it('is known to be on its line, and needs no rewind to a history that leaves it right there', async () => {
    const { ann, bob, history } = await createPair('boundary');
    const replica = await cloneReplica(ann.server, { name: 'cid' });
    await replica.start();
    const cid = careFor(replica);
    await ann.server.query('create table kept (text text)');
    await ann.server.query('create table lost (text text)');
    for (const each of [bob, cid]) await each.server.waitUntilCaughtUpWith(ann.server);
    await crash(ann);
    await seal(bob);
    await takeTail(bob, ann);
    await history.open(bob);
    await ann.run({ kind: 'start' });
    await bob.run({ kind: 'keepSlots', replicas: ['ann', 'cid'], retentionBytes: 1 << 30 });
    for (const each of [ann, cid]) {
      expect(S2_ancestry(await seal(each), history.openings)).toBe('behind');
      await follow(each, bob);
    }
    await bob.server.query(`insert into kept values ('by bob')`);
    await bob.engine.stop(); // its canary would go on in the next file
    await bob.server.query('select pg_switch_wal()');
    for (const each of [ann, cid]) await each.server.waitUntilCaughtUpWith(bob.server);
    bob.server.kill('SIGKILL');

    const one = ofEngine(await seal(ann), 'postgres');
    const other = ofEngine(await seal(cid), 'postgres');
    expect(other.lsn % (16n << 20n)).toBe(0n);
    // No checkpoint since: its control file knows nothing of the line yet.
    await withServer(cid, {}, async (server) => {
      expect((await server.controlFile()).timeline).toBe(1);
      // Where a receiver may be cut off: in the midst of what lies behind the switch.
      expect(await timelineAt(server, other.lsn - 100_000n)).toBe(2);
    });
    expect([one.timeline, other.timeline]).toEqual([2, 2]);
    expect(comparePositions(one, other)).toBe('equal');
    expect(S2_ancestry(other, history.openings)).toBe('behind');

    await history.open(ann, { atLeast: one });
    const { forks } = ofEngine(history.openings.at(-1)!.position, 'postgres');
    expect(forks.at(-1)).toEqual({ timeline: 2, end: other.lsn });
    await ann.server.query(`insert into kept values ('by ann')`);
    const pid = cid.server.pid();
    await rewindTo(ann, cid, history);
    expect(cid.server.pid()).toBe(pid);
    await followsFrom(cid, ann, history);
  });
});
