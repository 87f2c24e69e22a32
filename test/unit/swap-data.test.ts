// A copy takes the place of old data, whatever the clock says: on real folders, under a clock that stands still.
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import { asWall } from '#core/brand.js';
import { type Swapping, dropOldData, finishSwap, forgetSwap, swapData } from '#agent/engines/swap-data.js';

const NOW = Date.UTC(2026, 10, 29, 12, 0, 0);

let folder: string;
let wall: number;
let member: Swapping;

beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'tanist-swap-'));
  wall = NOW;
  member = {
    dataDir: join(folder, 'data'),
    stateDir: folder,
    copyDir: join(folder, 'copying'),
    oldDataDir: join(folder, 'old-data'),
    wallNow: () => asWall(wall),
    copyIdOf: (place) => Promise.resolve(dataIn(place)),
  };
  writeData(member.dataDir, 'first');
});

afterEach(() => rmSync(folder, { recursive: true, force: true }));

function writeData(place: string, text: string): void {
  mkdirSync(place, { recursive: true });
  writeFileSync(join(place, 'data'), text);
}

const dataIn = (place: string): string => readFileSync(join(place, 'data'), 'utf8');
const kept = (): readonly string[] => readdirSync(member.oldDataDir).sort();

async function copyAnew(text: string, wish?: string): Promise<void> {
  const copy = join(member.copyDir, `copy-${text}`);
  writeData(copy, text);
  await swapData(member, copy, wish);
  expect(dataIn(member.dataDir)).toBe(text);
}

it('copies of one second do not get in each other’s way, and each leaves what it replaced', async () => {
  await copyAnew('second', '1.4');
  await copyAnew('third', '1.5'); // before a server was started on the one before it
  await forgetSwap(member);
  await copyAnew('fourth');
  expect(kept()).toEqual(['20261129T120000Z', '20261129T120000Z-2', '20261129T120000Z-3']);
  expect(kept().map((name) => dataIn(join(member.oldDataDir, name)))).toEqual(['first', 'second', 'third']);
  expect(await finishSwap(member)).toMatchObject({ replaced: 'third', by: 'fourth' });
});

it('a swap that was not begun is told from one that was, also when its second had a copy before', async () => {
  await copyAnew('second');
  await forgetSwap(member);
  const copy = join(member.copyDir, 'copy-third');
  writeData(copy, 'third');
  const memo = await swapData(member, copy, undefined);
  // As it was on disk between the memo and the first rename.
  rmSync(member.dataDir, { recursive: true });
  writeData(member.dataDir, 'second');
  writeData(copy, 'third');
  rmSync(memo.old, { recursive: true });
  expect(await finishSwap(member)).toBeUndefined();
  expect(dataIn(member.dataDir)).toBe('second');
});

it('what was kept goes by its age, all of one second together', async () => {
  await copyAnew('second');
  await copyAnew('third');
  expect(await dropOldData(member, 0)).toEqual([]); // the last swap is not forgotten yet
  await forgetSwap(member);
  expect(await dropOldData(member, 1_000)).toEqual([]);
  wall += 2_000;
  expect(await dropOldData(member, 1_000)).toHaveLength(2);
  expect(kept()).toEqual([]);
});
