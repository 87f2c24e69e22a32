// What Tanist reads from PostgreSQL's files and writes into them.
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, describe, expect, it } from 'vitest';
import { asEpoch } from '#core/brand.js';
import type { ProvedOpening } from '#core/plan.js';
import { entriesOf, setEmpty } from '#agent/engines/postgres/auto-conf.js';
import { type ControlFile, parseControlFile } from '#agent/engines/postgres/control-file.js';
import { conninfoFor } from '#agent/engines/postgres/follow.js';
import {
  dropLinesBeyond,
  dropReservations,
  newestLine,
  parseLineage,
  readLineage,
  reserveUpTo,
} from '#agent/engines/postgres/lineage.js';
import { isPageAt, pageOffset, segmentName, segmentOf } from '#agent/engines/postgres/log-files.js';
import { isAmong, leadsHere, placesOf } from '#agent/engines/postgres/places.js';
import { timelineAt } from '#agent/engines/postgres/reach.js';
import { binDirAtRest } from '#agent/engines/postgres/server.js';
import { slotName } from '#agent/engines/postgres/slots.js';
import { upstreamOf } from '#agent/engines/postgres/status.js';

const OWNER = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
const SIZES = { segmentBytes: 16 << 20, pageBytes: 8192 };

describe('settings of a server that is down', () => {
  const cut = ['primary_conninfo', 'restore_command'] as const;

  it('are emptied, and every other line stays', () => {
    const text =
      "# Do not edit\nwork_mem = '64MB'\nprimary_conninfo = 'host=ann'\n\nRestore_Command='cp ''/a b/%f'' %p'\n";
    const after = setEmpty(text, cut);
    expect(after).toContain("# Do not edit\nwork_mem = '64MB'\n");
    expect(after).toMatch(/primary_conninfo = ''\nrestore_command = ''\n$/);
    expect(after).not.toContain('host=ann');
    expect(Object.fromEntries(entriesOf(text))).toEqual({
      work_mem: '64MB',
      primary_conninfo: 'host=ann',
      restore_command: "cp '/a b/%f' %p",
    });
  });

  it('do not change when they are empty already', () => {
    const once = setEmpty("work_mem = '64MB'\n", cut);
    expect(setEmpty(once, cut)).toBe(once);
  });

  it('are found with backslashes undone', () => {
    const entries = entriesOf(String.raw`primary_conninfo = 'password=''a\\\\b'''`);
    expect(entries.get('primary_conninfo')).toBe(String.raw`password='a\\b'`);
  });

  it('are found without quotes, and of two lines the last counts', () => {
    const entries = entriesOf(
      'primary_slot_name = one # a comment\n# port = 1\nprimary_slot_name two\nport=5432\n',
    );
    expect([...entries]).toEqual([
      ['primary_slot_name', 'two'],
      ['port', '5432'],
    ]);
  });
});

describe('places', () => {
  const texts = (conninfo: string): string[] => placesOf(conninfo).map(({ host, port }) => `${host}:${port}`);

  it.each([
    ['', []],
    ['user=rep password=x', [':5432']],
    ['host=ann', ['ann:5432']],
    ["port = '5433' host='ann' password='host=evil \\' host=evil'", ['ann:5433']],
    ['host=ann,ben,cid port=5433', ['ann:5433', 'ben:5433', 'cid:5433']],
    ['host=ann,ben port=5433,', ['ann:5433', 'ben:5432']],
    ['host=ann hostaddr=10.0.0.1', ['10.0.0.1:5432']],
    ['host=/run/postgresql', ['/run/postgresql:5432']],
    ['postgresql://rep:secret@ann:5433,ben/db?sslmode=require', ['ann:5433', 'ben:5432']],
    ['postgres://[fd00::1]:5433/', ['fd00::1:5433']],
    ['postgresql:///db?host=ann&port=5433', ['ann:5433']],
  ])('%j leads to %j', (conninfo, places) => {
    expect(texts(conninfo)).toEqual(places);
  });

  it('are the same when their names stand for the same address, and their ports are one', async () => {
    const named = { host: 'localhost', port: 5432 };
    expect(
      await isAmong({ host: '127.0.0.1', port: 5432 }, [{ host: 'elsewhere.invalid', port: 5432 }, named]),
    ).toBe(true);
    expect(await isAmong({ host: '127.0.0.1', port: 5433 }, [named])).toBe(false);
    expect(await isAmong({ host: '127.0.0.2', port: 5432 }, [named])).toBe(false);
    expect(await isAmong({ host: 'no-such.invalid', port: 1 }, [{ host: 'no-such.invalid', port: 1 }])).toBe(
      true,
    );
  });

  it('lead to this machine by any of its addresses', async () => {
    expect(await leadsHere([{ host: 'localhost', port: 5432 }], 5432)).toBe(true);
    expect(await leadsHere([{ host: '/run/postgresql', port: 5432 }], 5432)).toBe(true);
    expect(await leadsHere([{ host: 'localhost', port: 5432 }], 5433)).toBe(false);
    expect(await leadsHere([{ host: '192.0.2.1', port: 5432 }], 5432)).toBe(false);
  });
});

describe('connection string', () => {
  const leader = {
    name: 'ann',
    identity: 'i',
    agentAddress: 'h:1',
    databaseHost: 'db host',
    databasePort: 5433,
  };
  const replication = { user: 'rep', password: String.raw`it's \ secret`, options: 'sslmode=require' };

  it('quotes what it must, and its upstream is read back', () => {
    const server = { member: 'bob', config: { replication } } as unknown as Parameters<typeof conninfoFor>[0];
    const text = conninfoFor(server, leader);
    expect(text).toBe(
      String.raw`host='db host' port='5433' user='rep' password='it\'s \\ secret' application_name='bob' sslmode=require`,
    );
    expect(upstreamOf(text)).toBe('db host:5433');
  });

  it.each([
    ['host=ann port=5432 user=x', 'ann:5432'],
    ["user=x password='host=evil' host = ben", 'ben:5432'],
    ['', undefined],
    ['hostaddr=10.0.0.1', undefined],
  ])('%j leads to %s', (text, upstream) => {
    expect(upstreamOf(text)).toBe(upstream);
  });
});

describe('slot', () => {
  it('carries the name of the member where that is allowed', () => {
    expect(slotName('ann_1')).toBe('tanist_ann_1');
  });

  it('differs for members that differ only in what a slot cannot show', () => {
    const names = ['Ann', 'ann', 'ann-1', 'ann_1', 'ann.1', 'a'.repeat(80), 'a'.repeat(81)].map(slotName);
    expect(new Set(names).size).toBe(names.length);
    for (const name of names) expect(name).toMatch(/^tanist_[a-z0-9_]{1,56}$/);
  });
});

describe('files of the log', () => {
  it('are named by line, and by segment of any size', () => {
    expect(segmentName(2, segmentOf(0x1_2345_6789n, SIZES), SIZES)).toBe('000000020000000100000023');
    const large = { ...SIZES, segmentBytes: 1 << 30 };
    expect(segmentName(0x1a, segmentOf(0x1_c000_0000n, large), large)).toBe('0000001A0000000100000003');
  });

  it('hold a page only where its header says so', () => {
    const page = Buffer.alloc(SIZES.pageBytes);
    expect(isPageAt(page, 0n)).toBe(false);
    page.writeUInt16LE(0xd110, 0);
    page.writeBigUInt64LE(0x2000n, 8);
    expect(isPageAt(page, 0x2000n)).toBe(true);
    expect(isPageAt(page, 0x4000n)).toBe(false);
    expect(pageOffset(0x1002_3456n, SIZES)).toBe(0x2_2000);
  });
});

describe('lines of history', () => {
  let logDir: string;
  beforeEach(() => {
    logDir = mkdtempSync(join(tmpdir(), 'tanist-lines-'));
  });
  afterEach(() => rmSync(logDir, { recursive: true }));

  const write = (timeline: number, text: string): void =>
    writeFileSync(join(logDir, `0000000${timeline}.history`), text);
  const histories = (): string[] =>
    readdirSync(logDir)
      .filter((name) => name.endsWith('.history'))
      .sort();
  const opening = (timeline: number, lineage: string): ProvedOpening => ({
    ...{ epoch: asEpoch(BigInt(timeline)), mark: `m${timeline}`, leader: 'ann', lineage },
    position: { engine: 'postgres', dataId: '1', timeline, lsn: 1n, forks: [], marks: [] },
  });
  /** A file of the log whose first page is where it belongs. */
  const writeSegment = (timeline: number, segment: bigint): void => {
    const page = Buffer.alloc(SIZES.pageBytes);
    page.writeUInt16LE(0xd110, 0);
    page.writeBigUInt64LE(segment * BigInt(SIZES.segmentBytes), 8);
    writeFileSync(join(logDir, segmentName(timeline, segment, SIZES)), page);
  };

  it('are read with their reasons and comments left out', () => {
    const text = '# a comment\n1\t0/3000148\tno recovery target specified\n\n2\t1/A0\tbefore 2020\n';
    expect(parseLineage(text)).toEqual([
      { timeline: 1, end: 0x3000148n },
      { timeline: 2, end: 0x1_0000_00a0n },
    ]);
  });

  it('are reserved with the true text for ancestors only: nothing else may look like a line to turn to', async () => {
    write(3, '1\t0/100\tx\n2\t0/200\tx\n');
    const openings = [opening(2, '1\t0/100\tx\n'), opening(4, '1\t0/100\tx\n3\t0/300\tx\n')];
    await reserveUpTo(logDir, OWNER, 3, 6, openings);
    expect(readLineage(logDir, 2)).toBe('1\t0/100\tx\n');
    expect(readLineage(logDir, 4)).toMatch(/^# tanist/);
    expect(parseLineage(readLineage(logDir, 4) ?? '')).toEqual([]);
    expect(readLineage(logDir, 5)).toMatch(/^# tanist/);
    expect(readLineage(logDir, 6)).toBeUndefined();
  });

  it('that are reserved give way before following', async () => {
    write(3, '1\t0/100\tx\n');
    await reserveUpTo(logDir, OWNER, 3, 6, []);
    await dropReservations(logDir, 3);
    expect(histories()).toEqual(['00000002.history', '00000003.history']);
  });

  it('beyond the one that there is log of are taken away before a start', async () => {
    write(2, '1\t0/100\tx\n');
    write(3, '1\t0/100\tx\n2\t0/200\tx\n');
    writeSegment(1, 3n);
    expect(newestLine(logDir, 1)).toBe(1);
    writeSegment(2, 3n);
    expect(newestLine(logDir, 1)).toBe(2);
    expect(await dropLinesBeyond(logDir, 2)).toEqual([3]);
    expect(histories()).toEqual(['00000002.history']);
  });

  it('are told apart by the newest one that has the page, be the control file as old as it may', async () => {
    const at = (lsn: bigint): Promise<number> =>
      timelineAt({ logDir, binDir: () => '/nowhere', facts, controlFile: facts }, lsn);
    write(2, '1\t0/3000010\tx\n');
    writeSegment(1, 3n);
    expect(await at(0x300_0010n)).toBe(1);
    writeSegment(2, 3n);
    expect(await at(0x300_0010n)).toBe(2);
    writeSegment(3, 3n); // no history: recycled, or a promotion that came to nothing
    expect(await at(0x300_0010n)).toBe(2);
    expect(await at(0x400_0010n)).toBe(9); // none has it
  });

  const facts = (): Promise<ControlFile> =>
    Promise.resolve({ dataId: '1', timeline: 9, recoversTo: 0n, logsHints: true, ...SIZES });
});

describe('control file', () => {
  it('knows a line that was begun after the last checkpoint', () => {
    const text = [
      'Database system identifier:           7711486283094985340',
      "Latest checkpoint's TimeLineID:       1",
      'Minimum recovery ending location:     0/3000148',
      "Min recovery ending loc's timeline:   4",
      'Bytes per WAL segment:                16777216',
      'WAL block size:                       8192',
      'wal_log_hints setting:                off',
      'Data page checksum version:           1',
    ].join('\n');
    const known = { dataId: '7711486283094985340', timeline: 4, recoversTo: 0x300_0148n, ...SIZES };
    expect(parseControlFile(text)).toEqual({ ...known, logsHints: true });
    expect(parseControlFile(text.replace(/1$/, '0'))).toEqual({ ...known, logsHints: false });
  });
});

describe('programs of a server that is down', () => {
  let dir: string;
  const path = process.env['PATH'];
  beforeEach(() => {
    dir = mkdtempSync(join(tmpdir(), 'tanist-programs-'));
    writeFileSync(join(dir, 'PG_VERSION'), '99\n');
  });
  afterEach(() => {
    process.env['PATH'] = path;
    rmSync(dir, { recursive: true });
  });

  it('are found in PATH, and nowhere where no distribution puts them', () => {
    process.env['PATH'] = '/nowhere';
    expect(binDirAtRest(dir)).toBeUndefined();
    writeFileSync(join(dir, 'pg_controldata'), '');
    process.env['PATH'] = `/nowhere:${dir}`;
    expect(binDirAtRest(dir)).toBe(dir);
  });
});
