// What a rewind decides from values, and what it does to files that are no database's. The rest is tried on real servers.
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  readdirSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asEpoch, asMonotonic } from '#core/brand.js';
import type { ProvedOpening } from '#core/plan.js';
import type { Mark } from '#core/position.js';
import type { Fork, PostgresPosition } from '#core/positions/postgres.js';
import { runAsOwner } from '#agent/engines/as-owner.js';
import { divergenceOf } from '#agent/engines/postgres/divergence.js';
import { moveAside, ownFiles, putBack } from '#agent/engines/postgres/own-files.js';
import { isPassing, sourceConninfo, sourceEnvironment } from '#agent/engines/postgres/rewind-leader.js';
import type { Server } from '#agent/engines/postgres/server.js';

const mark = (epoch: number, text = `mark ${epoch}`): Mark => ({ epoch: asEpoch(BigInt(epoch)), mark: text });
const fork = (timeline: number, end: bigint): Fork => ({ timeline, end });

function position(
  timeline: number,
  lsn: bigint,
  forks: readonly Fork[],
  marks: readonly Mark[],
): PostgresPosition {
  return { engine: 'postgres', dataId: '1', timeline, lsn, forks, marks };
}

function opening(epoch: number, timeline: number, lsn: bigint, forks: readonly Fork[] = []): ProvedOpening {
  return { ...mark(epoch), leader: 'ann', lineage: '', position: position(timeline, lsn, forks, []) };
}

describe('where a log leaves the history of the leader', () => {
  const openings = [opening(1, 1, 10n), opening(2, 2, 110n, [fork(1, 100n)])];

  it('is where the leader left the line that they had in common', () => {
    expect(divergenceOf(position(1, 150n, [], [mark(1)]), openings)).toEqual(fork(1, 100n));
  });

  it('is where the member left it, when that was earlier', () => {
    const own = position(3, 150n, [fork(1, 90n)], [mark(1), mark(9, 'nobody knows')]);
    expect(divergenceOf(own, openings)).toEqual(fork(1, 90n));
  });

  it('is the common record that both left for lines of their own', () => {
    expect(divergenceOf(position(3, 150n, [fork(1, 100n)], [mark(1)]), openings)).toEqual(fork(1, 100n));
  });

  it("may lie on the leader's own line, beyond its opening", () => {
    const own = position(5, 300n, [fork(1, 100n), fork(2, 200n)], [mark(1), mark(2)]);
    expect(divergenceOf(own, openings)).toEqual(fork(2, 200n));
  });

  it('cannot be told of a log that by its lines does not leave it', () => {
    expect(divergenceOf(position(1, 100n, [], [mark(1)]), openings)).toBeUndefined();
    expect(
      divergenceOf(position(2, 500n, [fork(1, 100n)], [mark(1), mark(2, 'other')]), openings),
    ).toBeUndefined();
  });

  it('cannot be told where a common line lacks the mark of an opening on it: two lines share a number', () => {
    const own = position(4, 400n, [fork(1, 100n), fork(2, 200n)], [mark(1), mark(2, 'other')]);
    expect(divergenceOf(own, openings)).toBeUndefined();
    expect(divergenceOf({ ...own, marks: [mark(1), mark(3)] }, openings)).toBeUndefined();
    expect(divergenceOf({ ...own, marks: [] }, openings)).toBeUndefined();
  });

  it('asks for no mark that was forgotten, nor for one of an opening after they parted', () => {
    const own = position(4, 400n, [fork(1, 100n), fork(2, 200n)], [mark(2)]);
    expect(divergenceOf(own, openings)).toEqual(fork(2, 200n));
    const later = [...openings, opening(3, 2, 250n, [fork(1, 100n)])];
    expect(divergenceOf(own, later)).toEqual(fork(2, 200n));
  });

  it('cannot be told without an opening, or without a line in common', () => {
    expect(divergenceOf(position(1, 150n, [], [mark(1)]), [])).toBeUndefined();
    expect(divergenceOf(position(7, 150n, [fork(6, 50n)], [mark(1)]), openings)).toBeUndefined();
  });
});

describe("a member's own files", () => {
  let folder: string;
  let server: Server;
  const data = ['base', 'global', 'pg_wal', 'pg_xact', 'pg_some_extension', 'PG_VERSION', 'standby.signal'];
  const more = [
    'backup_label',
    'backup_label.old',
    'tablespace_map',
    'postmaster.pid',
    'postmaster.opts',
    'current_logfiles',
  ];
  const own = [
    'conf.d',
    'linked',
    'log',
    'pg_hba.conf',
    'pg_log',
    'postgresql.auto.conf',
    'postgresql.conf',
    'server.key',
  ];

  beforeEach(() => {
    folder = mkdtempSync(join(tmpdir(), 'tanist-own-'));
    server = { dataDir: join(folder, 'data'), rewindDir: join(folder, 'rewinding') } as Server;
    mkdirSync(server.dataDir);
    mkdirSync(server.rewindDir);
    for (const name of [...data, ...more, ...own].filter((each) => each !== 'linked'))
      writeFileSync(join(server.dataDir, name), name);
    symlinkSync('/nowhere', join(server.dataDir, 'linked'));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const contentOf = (name: string): string => readFileSync(join(server.dataDir, name), 'utf8');

  it('are all that is not of the data', () => {
    expect(ownFiles(server.dataDir).sort()).toEqual(own);
  });

  it("come back in the place of the leader's, also when that was interrupted", async () => {
    await moveAside(server, own);
    expect(ownFiles(server.dataDir)).toEqual([]);
    for (const name of ['postgresql.conf', 'linked', 'of-the-leader'])
      writeFileSync(join(server.dataDir, name), "the leader's");
    await putBack(server, own, true);
    expect(ownFiles(server.dataDir).sort()).toEqual(own);
    expect(contentOf('postgresql.conf')).toBe('postgresql.conf');

    await moveAside(server, ['server.key']); // as if all others had been put back
    writeFileSync(join(server.dataDir, 'of-the-leader'), "the leader's");
    await putBack(server, own, true);
    await putBack(server, own, true);
    expect(ownFiles(server.dataDir).sort()).toEqual(own);
  });

  it('come back when one of them could not be moved, and nothing else is touched', async () => {
    await expect(moveAside(server, ['log', 'gone', 'server.key'])).rejects.toThrow(/ENOENT/);
    expect(readdirSync(server.dataDir)).not.toContain('log');
    writeFileSync(join(server.dataDir, 'new'), 'made meanwhile');
    await putBack(server, ['log', 'gone', 'server.key'], false);
    expect(ownFiles(server.dataDir).sort()).toEqual([...own, 'new'].sort());
    expect(contentOf('log')).toBe('log');
  });
});

describe('the way to the leader', () => {
  const config = {
    database: 'tanist',
    rewind: { user: "o'rewinder", password: 'secret' },
    replication: { user: 'replicator', password: 'other', options: 'sslmode=require' },
  };
  const server = { config, member: 'bob' } as unknown as Server;
  const leader = {
    name: 'ann',
    identity: 'i',
    agentAddress: 'h:1',
    databaseHost: 'db host',
    databasePort: 5433,
  };

  it('is the one of replication, for another user and without a password that a process list would show', () => {
    expect(sourceConninfo(server, leader)).toBe(
      String.raw`host='db host' port='5433' user='o\'rewinder' dbname='tanist' application_name='bob' connect_timeout='10' sslmode=require`,
    );
    expect(sourceEnvironment(server)).toEqual({ PGPASSWORD: 'secret' });
  });

  it.each([
    ['connection to server at "10.0.0.1", port 5432 failed: Connection refused', true],
    ['connection to server at "10.0.0.1", port 5432 failed: timeout expired', true],
    ['could not translate host name "ann" to address: Name or service not known', true],
    ['server closed the connection unexpectedly', true],
    ['FATAL:  the database system is shutting down', true],
    ['FATAL:  sorry, too many clients already', true],
    ['FATAL:  password authentication failed for user "rewinder"', false],
    ['FATAL:  no pg_hba.conf entry for host "10.0.0.2", user "rewinder"', false],
    ['could not find previous WAL record at 0/3018018', false],
  ])('%s: passes by itself? %s', (text, passing) => {
    expect(isPassing(text)).toBe(passing);
  });
});

describe('a program that runs as the owner of the data', () => {
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  const server = { owner: async () => owner, now: () => asMonotonic(performance.now()) };
  const shell = (script: string): readonly string[] => ['/bin/sh', '-c', script];
  const untilEnded = async ({ hasEnded }: { readonly hasEnded: () => boolean }): Promise<void> =>
    expect.poll(hasEnded, { timeout: 5_000 }).toBe(true);

  it('is heard to its end, in the language C and with the variables given', async () => {
    const script = 'echo "$LC_ALL $GIVEN $HOME"; echo sorry >&2; exit 3';
    expect(await runAsOwner(server, shell(script), { GIVEN: 'this' }, untilEnded)).toEqual({
      code: 3,
      output: 'C this \n',
      complaints: 'sorry\n',
    });
  });

  it('is killed when nobody waits for it any longer', async () => {
    const ended = await runAsOwner(server, shell('exec sleep 60'), {}, ({ silentMs }) =>
      expect.poll(silentMs, { timeout: 5_000 }).toBeGreaterThan(100),
    );
    expect(ended).toEqual({ code: undefined, output: '', complaints: '' });
  });

  it('that cannot be started rejects', async () => {
    await expect(runAsOwner(server, ['/nowhere/program'], {}, untilEnded)).rejects.toThrow(/No such file/);
  });
});
