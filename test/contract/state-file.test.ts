// The agent's memory (rule E5) on a real disk: what was written is there after a crash, what was not written here is not
// believed, and two agents never share it.
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, stat, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import path from 'node:path';
import { beforeEach, describe, expect, it } from 'vitest';
import { asEpoch } from '#core/brand.js';
import { TanistError } from '#core/errors.js';
import { openStateFile, type OpenStateFile } from '#agent/adapters/state-file/state-file.js';
import { type Durable, StateCorrupt } from '#agent/ports/state-file.js';
import { planDirective } from '#test/contract/grpc-fixtures.js';

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
  dataId: '7301234567890123456',
  highestEpoch: asEpoch(0n),
  plan: undefined,
  sealedEpoch: asEpoch(0n),
  fencedEpoch: asEpoch(0n),
  openedEpoch: asEpoch(0n),
  openingEpoch: asEpoch(0n),
  releasedEpoch: asEpoch(0n),
};
const GROWN: Durable = {
  ...NEW,
  highestEpoch: asEpoch(4n),
  plan: directive.kind === 'plan' ? directive.plan : undefined,
  sealedEpoch: asEpoch(4n),
  fencedEpoch: asEpoch(3n),
};

describe('the state file', () => {
  it('is empty for a new member, and holds what was written last', async () => {
    const stateFile = await openIt();
    expect(await stateFile.read()).toBeUndefined();
    await stateFile.write(NEW);
    expect(await stateFile.read()).toEqual(NEW);
    await stateFile.write(GROWN);
    expect(await stateFile.read()).toEqual(GROWN);
    expect((await stat(file)).mode & 0o777).toBe(0o600);
    expect((await readdir(folder)).toSorted()).toEqual(['lock.1', 'state.json']);
  });

  it('keeps the order of writes that were asked for at once', async () => {
    const stateFile = await openIt();
    const writes = Array.from({ length: 20 }, (_, epoch) =>
      stateFile.write({ ...NEW, highestEpoch: asEpoch(BigInt(epoch)) }),
    );
    await Promise.all(writes);
    expect((await stateFile.read())?.highestEpoch).toBe(19n);
  });

  it('survives a crash between the new content and its name', async () => {
    const stateFile = await openIt();
    await stateFile.write(GROWN);
    await writeFile(`${file}.new`, '{"format": 1, "chec');
    expect(await stateFile.read()).toEqual(GROWN);
    await stateFile.write(NEW);
    expect(await stateFile.read()).toEqual(NEW);
  });

  it('tells the next write from the one that failed', async () => {
    const stateFile = await openIt();
    await mkdir(`${file}.new`);
    await expect(stateFile.write(NEW)).rejects.toThrow('EISDIR');
    await rm(`${file}.new`, { recursive: true });
    await stateFile.write(GROWN);
    expect(await stateFile.read()).toEqual(GROWN);
  });

  it.each<[string, (text: string) => string]>([
    ['torn', (text) => text.slice(0, text.length / 2)],
    ['emptied', () => ''],
    ['edited: an epoch lowered', (text) => text.replace('"highestEpoch": 4', '"highestEpoch": 3')],
    ['edited: an epoch with its checksum missing', (text) => text.replace(/"checksum": ".*?",/, '')],
    ['of a newer format', (text) => text.replace('"format": 1', '"format": 2')],
    ['no JSON', () => 'hello'],
    ['another JSON', () => '[]'],
  ])('is not believed when %s', async (_what, change) => {
    const stateFile = await openIt();
    await stateFile.write(GROWN);
    await writeFile(file, change(await readFile(file, 'utf8')));
    const reading = stateFile.read();
    await expect(reading).rejects.toBeInstanceOf(StateCorrupt);
    await expect(reading).rejects.toThrow(
      /cannot be trusted: .*move it away: the agent then joins as a new member/,
    );
  });

  it('is believed when only its layout was changed', async () => {
    const stateFile = await openIt();
    await stateFile.write(GROWN);
    await writeFile(file, JSON.stringify(JSON.parse(await readFile(file, 'utf8'))));
    expect(await stateFile.read()).toEqual(GROWN);
  });

  it('lies in a folder that is made, but not with the folders above: there the volume is missing', async () => {
    await expect(openStateFile(path.join(folder, 'deeper'))).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
    expect(existsSync(folder)).toBe(false);
  });
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
