// The agent's memory (rule E5) on a real disk: what was written is there after a crash, what was not written here is not
// believed, and two agents never share it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import {
  chmod,
  cp,
  link,
  mkdir,
  mkdtemp,
  readdir,
  readFile,
  rename,
  rm,
  stat,
  writeFile,
} from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { afterAll, beforeAll, beforeEach, describe, expect, it } from 'vitest';
import { asEpoch } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { copyIdOf } from '#agent/engines/postgres/copy-id.js';
import { openStateFile, type OpenStateFile } from '#agent/adapters/state-file/state-file.js';
import { memoryAtHand, recall } from '#agent/memory.js';
import type { EngineIdentity } from '#agent/ports/engine.js';
import type { Durable, Found } from '#agent/ports/state-file.js';
import { createDisk, type Disk, whyNoDisk } from '#test/cluster/disk.js';
import { createRunFolder, stopAll } from '#test/cluster/processes.js';
import { planDirective } from '#test/contract/grpc-fixtures.js';
import { describeUnless } from '#test/contract/unless.js';

let folder: string;
let file: string;

beforeEach(async () => {
  folder = path.join(await mkdtemp(path.join(tmpdir(), 'tanist-state-')), 'state');
  file = path.join(folder, 'state.json');
  return async () => {
    for (const stateFile of opened.splice(0)) await stateFile.close();
    await rm(path.dirname(folder), { recursive: true });
  };
});

const opened: OpenStateFile[] = [];

async function openIt(): Promise<OpenStateFile> {
  const stateFile = await openStateFile(folder);
  opened.push(stateFile);
  return stateFile;
}

const directive = planDirective(500);
const NEW: Durable = {
  cluster: 'orders',
  member: 'pg-1',
  identity: 'drawn-1',
  hostId: 'host-1',
  dataId: '7301234567890123456',
  copyId: 'born-1700000000000000001',
  highestEpoch: asEpoch(0n),
  plan: undefined,
  sealedEpoch: asEpoch(0n),
  fencedEpoch: asEpoch(0n),
  openedEpoch: asEpoch(0n),
  openingEpoch: asEpoch(0n),
  releasedEpoch: asEpoch(0n),
  recloned: undefined,
};
const GROWN: Durable = {
  ...NEW,
  highestEpoch: asEpoch(4n),
  plan: directive.kind === 'plan' ? directive.plan : undefined,
  sealedEpoch: asEpoch(4n),
  fencedEpoch: asEpoch(3n),
};

const whole = (durable: Durable): Found => ({ kind: 'whole', durable });

describe('the state file', () => {
  it('is empty for a new member, and holds what was written last', async () => {
    const stateFile = await openIt();
    expect(await stateFile.read()).toEqual({ kind: 'nothing', isLost: false });
    await stateFile.write(NEW);
    expect(await stateFile.read()).toEqual(whole(NEW));
    await stateFile.write(GROWN);
    expect(await stateFile.read()).toEqual(whole(GROWN));
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).toSorted()).toEqual(['lock.1', 'state.json', 'state.json.spare']);
  });

  it('keeps the order of writes that were asked for at once', async () => {
    const stateFile = await openIt();
    const writes = Array.from({ length: 20 }, (_, epoch) =>
      stateFile.write({ ...NEW, highestEpoch: asEpoch(BigInt(epoch)) }),
    );
    await Promise.all(writes);
    expect(await stateFile.read()).toEqual(whole({ ...NEW, highestEpoch: asEpoch(19n) }));
  });

  it('survives a crash between the new content and its name', async () => {
    const stateFile = await openIt();
    await stateFile.write(GROWN);
    await writeFile(`${file}.spare`, '{"format": 1, "chec');
    expect(await stateFile.read()).toEqual(whole(GROWN));
    await stateFile.write(NEW);
    expect(await stateFile.read()).toEqual(whole(NEW));
  });

  it('survives a crash between any two of the names that it gives', async () => {
    const spare = `${file}.spare`;
    const before = `${file}.before`;
    const crashes: readonly (() => Promise<void>)[] = [
      () => link(file, before),
      () => link(file, before).then(() => rename(spare, file)),
      // As no order of ours leaves it: two names of one file.
      () => rm(spare).then(() => link(file, spare)),
    ];
    for (const crash of crashes) {
      const stateFile = await openIt();
      await stateFile.write(GROWN);
      await stateFile.write(GROWN);
      await crash();
      expect(await stateFile.read()).toEqual(whole(GROWN));
      const writing = stateFile.write(NEW);
      expect([whole(GROWN), whole(NEW)]).toContainEqual(await stateFile.read());
      await writing;
      expect(await stateFile.read()).toEqual(whole(NEW));
      expect(existsSync(before)).toBe(false);
      await stateFile.close();
    }
  });

  it('takes no new room once there is a spare', async () => {
    const stateFile = await openIt();
    await stateFile.write(GROWN);
    await stateFile.write(GROWN);
    const inodes = async (): Promise<readonly number[]> =>
      (await Promise.all([stat(file), stat(`${file}.spare`)])).map(({ ino }) => ino);
    const before = await inodes();
    await stateFile.write({ ...GROWN, fencedEpoch: asEpoch(4n) });
    expect(await inodes()).toEqual(before.toReversed());
  });

  it('tells the next write from the one that failed', async () => {
    const stateFile = await openIt();
    await mkdir(`${file}.spare`);
    await expect(stateFile.write(NEW)).rejects.toMatchObject({
      code: 'STATE_UNWRITABLE',
      detail: expect.stringContaining('EISDIR') as string,
    });
    await rm(`${file}.spare`, { recursive: true });
    await stateFile.write(GROWN);
    expect(await stateFile.read()).toEqual(whole(GROWN));
  });

  it.each<[string, (text: string) => string]>([
    ['emptied', () => ''],
    ['edited: an epoch lowered', (text) => text.replace('"highestEpoch": 4', '"highestEpoch": 3')],
    ['edited: an epoch with its checksum missing', (text) => text.replace(/"checksum": ".*?",/, '')],
    ['edited: another identity', (text) => text.replace('drawn-1', 'drawn-2')],
    ['no JSON', () => 'hello'],
    ['another JSON', () => '[]'],
  ])('is not believed when %s', async (_what, change) => {
    const stateFile = await openIt();
    await stateFile.write(GROWN);
    await writeFile(file, change(await readFile(file, 'utf8')));
    expect(await stateFile.read()).toMatchObject({ kind: 'torn' });
  });

  it(
    'torn at whatever byte: is what it was, or is not believed; never anything in between',
    { timeout: 60_000 },
    async () => {
      const stateFile = await openIt();
      await stateFile.write(GROWN);
      const bytes = await readFile(file);
      const content = bytes.toString().trimEnd().length;
      for (let length = 0; length < bytes.length; length += length <= content ? 1 : 997) {
        await writeFile(file, bytes.subarray(0, length));
        const found = await stateFile.read();
        // The blanks at the end are layout.
        if (length >= content) expect(found).toEqual(whole(GROWN));
        else expect(found.kind, `the first ${length} bytes`).toBe('torn');
      }
    },
  );

  it('torn in the middle, zeros in place of a block: is not believed', async () => {
    const stateFile = await openIt();
    await stateFile.write(GROWN);
    const bytes = await readFile(file);
    for (let start = 0; start < bytes.length; start += 97) {
      await writeFile(file, Buffer.from(bytes).fill(0, start, Math.min(start + 512, bytes.length)));
      expect((await stateFile.read()).kind, `zeros from ${start}`).toBe('torn');
    }
  });

  it.each<[string, (text: string) => string, string]>([
    ['an older version', (text) => text.replace('"format": 2', '"format": 1'), 'its format is 1, not 2'],
    ['a newer version', (text) => text.replace('"format": 2', '"format": 3'), 'its format is 3, not 2'],
  ])('of %s is not taken for torn', async (_what, change, text) => {
    const stateFile = await openIt();
    await stateFile.write(GROWN);
    await writeFile(file, change(await readFile(file, 'utf8')));
    expect(await stateFile.read()).toEqual({ kind: 'unknown', text });
  });

  it('put aside is kept, under a name that nothing had', async () => {
    const stateFile = await openIt();
    expect(await stateFile.putAside()).toBeUndefined();
    for (const [i, durable] of [NEW, GROWN].entries()) {
      await stateFile.write(durable);
      const written = await readFile(file, 'utf8');
      expect(await stateFile.putAside()).toBe(`${file}.old-${i + 1}`);
      expect(await readFile(`${file}.old-${i + 1}`, 'utf8')).toBe(written);
      expect(await stateFile.read()).toMatchObject({ kind: 'nothing' });
    }
  });

  it('is believed when only its layout was changed', async () => {
    const stateFile = await openIt();
    await stateFile.write(GROWN);
    await writeFile(file, JSON.stringify(JSON.parse(await readFile(file, 'utf8'))));
    expect(await stateFile.read()).toEqual(whole(GROWN));
  });

  it('lies in a folder that is made, but not with the folders above: there the volume is missing', async () => {
    await expect(openStateFile(path.join(folder, 'deeper'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    expect(existsSync(folder)).toBe(false);
  });
});

describe('whose memory it is (rule E5)', () => {
  const PLACE = { cluster: 'orders', member: 'pg-1', stateDir: '/var/lib/x', hostId: 'host-1' };
  const DATA: EngineIdentity = {
    engine: 'postgres',
    dataId: NEW.dataId,
    copyId: NEW.copyId,
    replacedCopyId: undefined,
  };

  /** An agent starts: what it then knows, and what it says. */
  async function startAgent(
    place: Partial<typeof PLACE> = {},
    data: Partial<EngineIdentity> = {},
    drawn = 'drawn-2',
  ) {
    const stateFile = await openStateFile(folder);
    const said: string[] = [];
    try {
      const found = await stateFile.read();
      memoryAtHand(found, { ...PLACE, ...place });
      const memory = await recall(
        stateFile,
        found,
        { ...PLACE, ...place },
        { ...DATA, ...data },
        drawn,
        (_level, code, { because }) => said.push(`${code}: ${String(because)}`),
      );
      return { ...memory, said };
    } finally {
      await stateFile.close();
    }
  }

  async function write(durable: Durable): Promise<void> {
    const stateFile = await openStateFile(folder);
    await stateFile.write(durable);
    await stateFile.close();
  }

  const files = async (): Promise<readonly string[]> =>
    (await readdir(folder)).filter((name) => name.startsWith('state')).toSorted();

  it('a new member draws its identity once, and has it on disk before anybody hears of it', async () => {
    const first = await startAgent();
    expect(first).toMatchObject({ durable: { ...NEW, identity: 'drawn-2' }, hasForgotten: false, said: [] });
    expect(await startAgent({}, {}, 'drawn-3')).toEqual(first);
  });

  it('kept: it is who it was, with all that it promised', async () => {
    await write(GROWN);
    expect(await startAgent()).toEqual({ durable: GROWN, hasForgotten: false, said: [] });
    expect(await files()).toEqual(['state.json']);
  });

  it('lost: a new member, who knows that something was forgotten', async () => {
    await write(GROWN);
    await rm(file);
    const { durable, hasForgotten, said } = await startAgent();
    expect(durable).toEqual({ ...NEW, identity: 'drawn-2' });
    expect(hasForgotten).toBe(true);
    expect(said).toEqual(['STATE_LOST: an agent has worked here before, and its file is gone']);
  });

  it('torn: a new member, and the file is kept', async () => {
    await write(GROWN);
    await writeFile(file, (await readFile(file)).subarray(0, 100));
    const { durable, hasForgotten, said } = await startAgent();
    expect(durable).toEqual({ ...NEW, identity: 'drawn-2' });
    expect(hasForgotten).toBe(true);
    expect(said).toEqual([expect.stringMatching(/^STATE_CORRUPT: state file is not JSON/)]);
    expect(await files()).toEqual(['state.json', 'state.json.old-1']);
  });

  it.each<[string, Partial<typeof PLACE>, Partial<EngineIdentity>, boolean, string]>([
    [
      'copied to another host',
      { hostId: 'host-2' },
      {},
      true,
      'it was written on host host-1, this is host host-2',
    ],
    [
      'beside another copy of the data',
      {},
      { copyId: 'born-1' },
      true,
      'the data directory was replaced by another copy of the data',
    ],
    [
      'beside other data',
      {},
      { dataId: '8' },
      false,
      `it was written beside data ${NEW.dataId}, this is data 8`,
    ],
  ])('%s: a new member, and the file is kept', async (_what, place, data, hasForgotten, because) => {
    await write(GROWN);
    const begun = await startAgent(place, data);
    const where = { hostId: 'host-1', dataId: NEW.dataId, copyId: NEW.copyId, ...place, ...data };
    expect(begun.durable).toMatchObject({ ...where, identity: 'drawn-2', plan: undefined, highestEpoch: 0n });
    expect(begun).toMatchObject({ hasForgotten, said: [`STATE_FOREIGN: ${because}`] });
    expect(await files()).toEqual(['state.json', 'state.json.old-1']);
    expect(await startAgent(place, data, 'drawn-3')).toMatchObject({
      durable: { identity: 'drawn-2' },
      said: [],
    });
  });

  it('a host without a name, and a file system that keeps no time of birth, tell nothing; once they do, it is remembered', async () => {
    await write({ ...GROWN, hostId: undefined, copyId: undefined });
    expect(await startAgent()).toEqual({ durable: GROWN, hasForgotten: false, said: [] });
    expect(await startAgent({}, { copyId: undefined })).toEqual({
      durable: GROWN,
      hasForgotten: false,
      said: [],
    });
    expect((await startAgent({}, { copyId: 'born-1' })).durable.identity).toBe('drawn-2');
  });

  it('of another version: nothing is thrown away, and the agent does not start', async () => {
    await write(GROWN);
    await writeFile(file, (await readFile(file, 'utf8')).replace('"format": 2', '"format": 1'));
    await expect(startAgent()).rejects.toMatchObject({ code: 'STATE_CORRUPT' });
    expect(await files()).toEqual(['state.json']);
  });

  it('of another member: the agent does not start', async () => {
    await write({ ...GROWN, member: 'pg-2' });
    await expect(startAgent()).rejects.toMatchObject({ code: 'STATE_FOREIGN' });
    expect(await files()).toEqual(['state.json']);
  });
});

describe('which copy of the data it is', () => {
  it('is the same after whatever the server does inside, and after a move; a copy is another', async () => {
    const data = path.join(path.dirname(folder), 'data');
    await mkdir(path.join(data, 'global'), { recursive: true });
    const born = await copyIdOf(data);
    if (born === undefined) return; // a file system without times of birth
    await writeFile(path.join(data, 'global', 'pg_control'), 'x');
    await chmod(path.join(data, 'global'), 0o700);
    expect(await copyIdOf(data)).toBe(born);
    await rename(data, `${data}-moved`);
    expect(await copyIdOf(`${data}-moved`)).toBe(born);
    await cp(`${data}-moved`, data, { recursive: true, preserveTimestamps: true });
    expect(await copyIdOf(data)).not.toBe(born);
  });
});

describeUnless(whyNoDisk(), 'the state file on a disk that refuses', () => {
  let disk: Disk;
  let stateFile: OpenStateFile;
  const FENCED: Durable = { ...GROWN, fencedEpoch: asEpoch(4n) };
  const refused = { code: 'STATE_UNWRITABLE' };

  beforeAll(async () => {
    disk = await createDisk({ folder: createRunFolder('state-file'), name: 'ada' });
  }, 30_000);
  afterAll(stopAll, 30_000);

  async function openThere(): Promise<void> {
    stateFile = await openStateFile(path.join(disk.dir, 'state'));
    await stateFile.write(NEW);
    await stateFile.write(GROWN);
  }

  it(
    'full: what the agent knows of its own end still fits, again and again',
    { timeout: 30_000 },
    async () => {
      await openThere();
      disk.fill();
      await expect(writeFile(path.join(disk.dir, 'more'), 'x'.repeat(8192))).rejects.toThrow('ENOSPC');
      for (let round = 0; round < 50; round++) {
        await stateFile.write(FENCED);
        expect(await stateFile.read()).toEqual(whole(FENCED));
        await stateFile.write(GROWN);
        expect(await stateFile.read()).toEqual(whole(GROWN));
      }
      await disk.mend();
      await stateFile.close();
    },
  );

  it('full, and another agent starts: it is refused, and not called a mistake', async () => {
    disk.fill();
    await expect(openStateFile(path.join(disk.dir, 'state'))).rejects.toMatchObject(refused);
    await disk.mend();
    await (await openStateFile(path.join(disk.dir, 'state'))).close();
  });

  it.each<[string, () => void]>([
    ['read-only', () => disk.makeReadOnly()],
    ['failing', () => disk.fail()],
  ])(
    '%s: each write is refused, and what was there before is believed',
    { timeout: 30_000 },
    async (_, harm) => {
      await openThere();
      harm();
      for (let round = 0; round < 3; round++)
        await expect(stateFile.write(FENCED)).rejects.toMatchObject(refused);
      await disk.mend();
      const found = await stateFile.read();
      // A name that was given may be on disk although nobody could be told: more is known then than was said.
      expect([whole(GROWN), whole(FENCED)]).toContainEqual(found);
      await stateFile.write(FENCED);
      expect(await stateFile.read()).toEqual(whole(FENCED));
      await stateFile.close();
    },
  );
});

describe('one folder, one agent', () => {
  const lockOf = (pid: number): Promise<string> => readFile(path.join(folder, `lock.${pid}`), 'utf8');

  it('a second agent is refused as long as the first runs', async () => {
    const first = await openStateFile(folder);
    await expect(openStateFile(folder)).rejects.toMatchObject({
      code: 'NAME_TAKEN',
      detail: `two agents under one name: process ${process.pid} uses ${folder}`,
    });
    await first.close();
    await (await openStateFile(folder)).close();
  });

  it('a process that died leaves a lock that is taken over', async () => {
    await mkdir(folder);
    const child = spawn(process.execPath, ['-e', 'process.stdin.resume()'], {
      stdio: ['pipe', 'ignore', 'inherit'],
    });
    await once(child, 'spawn');
    const first = await openStateFile(folder);
    const mine = JSON.parse(await lockOf(1)) as { pid: number; startTime: string };
    const stat = await readFile(`/proc/${String(child.pid)}/stat`, 'utf8');
    const theirs = {
      ...mine,
      pid: child.pid,
      startTime: stat.slice(stat.lastIndexOf(')') + 2).split(' ')[19],
    };
    await first.close();
    await writeFile(path.join(folder, 'lock.1'), JSON.stringify(theirs));
    await expect(openStateFile(folder)).rejects.toMatchObject({ code: 'NAME_TAKEN' });

    child.kill('SIGKILL');
    await once(child, 'exit');
    await openIt();
    expect(JSON.parse(await lockOf(2))).toEqual(mine);
    expect((await readdir(folder)).toSorted()).toEqual(['lock.2']);
  });

  it.each<[string, object]>([
    ['whose pid was given to another process', { startTime: '1' }],
    ['of before a reboot', { bootId: 'another' }],
    ['of another container', { pidNamespace: 'pid:[1]' }],
  ])('a lock %s is taken over', async (_what, change) => {
    const first = await openStateFile(folder);
    const mine = JSON.parse(await lockOf(1)) as object;
    await first.close();
    await writeFile(path.join(folder, 'lock.1'), JSON.stringify({ ...mine, ...change }));
    await openIt();
  });

  it('a lock that was torn by a power failure is taken over', async () => {
    await mkdir(folder);
    await writeFile(path.join(folder, 'lock.7'), '');
    await openIt();
    expect(await readdir(folder)).toEqual(['lock.8']);
  });

  it('of many that start at once one wins, over and over', async () => {
    for (let round = 0; round < 20; round++) {
      const started = await Promise.allSettled(Array.from({ length: 8 }, () => openStateFile(folder)));
      const winners = started.filter((one) => one.status === 'fulfilled');
      const losers = started.filter((one) => one.status === 'rejected');
      expect(winners).toHaveLength(1);
      for (const { reason } of losers) expect(reason).toBeInstanceOf(TanistError);
      await winners[0]?.value.close();
    }
    expect(await readdir(folder)).toHaveLength(1);
  });
});
