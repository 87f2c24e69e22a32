/**
 * A finished copy takes the place of the old data, which is kept: two renames on one volume. Between them there is no data directory, so nothing
 * can start there; the memo, written before, tells whoever comes next which way to go. It stays until the server is started on the new data: by
 * it an agent that starts first after a crash knows that this copy is one which the agent before it made.
 */
import { existsSync, realpathSync } from 'node:fs';
import { mkdir, readdir, rename, rm } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import type { WallMs } from '#core/brand.js';
import { readNote, removeDurably, syncFolder, writeDurably } from '#common/durable-files.js';

/** Where things lie, on one volume. */
export interface Swapping {
  readonly dataDir: string;
  readonly stateDir: string;
  readonly copyDir: string;
  readonly oldDataDir: string;
  wallNow(): WallMs;
  /** Tells a copy of the data from every other one. */
  copyIdOf(folder: string): Promise<string | undefined>;
}

export interface SwapMemo {
  /** Where the data directory really lies: its last name may be a link. */
  readonly place: string;
  readonly copy: string;
  readonly old: string;
  /** Of the old data and of the copy: `copyIdOf`. */
  readonly replaced: string | undefined;
  readonly by: string | undefined;
  /** The operator's wish that it fulfils; undefined: nobody had to wish it. */
  readonly wish: string | undefined;
  /** What the engine has to know of the copy before anything is made of it; undefined: nothing. */
  readonly note: string | undefined;
}

/** Nothing runs on either. */
export async function swapData(
  server: Swapping,
  copy: string,
  wish: string | undefined,
  note?: string,
): Promise<SwapMemo> {
  const place = realpathSync(server.dataDir);
  await mkdir(server.oldDataDir, { recursive: true, mode: 0o700 });
  const old = join(server.oldDataDir, freeName(server));
  const [replaced, by] = [await server.copyIdOf(place), await server.copyIdOf(copy)];
  const memo = { place, copy, old, replaced, by, wish, note };
  const owner = { uid: process.getuid?.() ?? 0, gid: process.getgid?.() ?? 0 };
  await writeDurably(memoFile(server), `${JSON.stringify(memo, undefined, 2)}\n`, owner);
  await rename(place, old);
  await finishSwap(server);
  return memo;
}

/** Ends what an interrupted swap left undone; before the data is looked at. Answers the memo of one that is done. */
export async function finishSwap(server: Swapping): Promise<SwapMemo | undefined> {
  const memo = readMemo(server);
  if (memo === undefined) return undefined;
  if (!existsSync(memo.old)) {
    await removeDurably(memoFile(server)); // not begun: the old data is there, and the copy is made again
    return undefined;
  }
  if (existsSync(memo.copy)) {
    await rename(memo.copy, memo.place);
    for (const folder of [dirname(memo.place), server.oldDataDir, server.copyDir]) await syncFolder(folder);
  }
  return memo;
}

/** From here on the new data is this member's, as everybody knows. */
export async function forgetSwap(server: Swapping): Promise<void> {
  if (!existsSync(memoFile(server))) return;
  await removeDurably(memoFile(server));
  await rm(server.copyDir, { recursive: true, force: true });
}

/** Old data that is older than `ageMs`, by the clock on the wall; answers what was removed. */
export async function dropOldData(
  server: Omit<Swapping, 'copyIdOf'>,
  ageMs: number,
): Promise<readonly string[]> {
  if (existsSync(memoFile(server))) return [];
  const names = await readdir(server.oldDataDir).catch(() => []);
  const before = oldDataName(server.wallNow() - ageMs);
  const gone = names.filter((name) => OLD_DATA.test(name) && name < before);
  for (const name of gone) await rm(join(server.oldDataDir, name), { recursive: true, force: true });
  return gone.map((name) => join(server.oldDataDir, name));
}

/** Sorts by time: `20261129T124455Z`. */
export const oldDataName = (wall: number): string =>
  `${new Date(wall).toISOString().slice(0, 19).replaceAll(/[-:]/g, '')}Z`;

/** One that nothing has: a member may be copied twice within a second, and the clock on the wall goes back. */
function freeName(server: Swapping): string {
  const name = oldDataName(server.wallNow());
  const isTaken = (candidate: string): boolean => existsSync(join(server.oldDataDir, candidate));
  let free = name;
  for (let nth = 2; isTaken(free); nth += 1) free = `${name}-${nth}`;
  return free;
}

const OLD_DATA = /^\d{8}T\d{6}Z/;

const readMemo = (server: Swapping): SwapMemo | undefined =>
  readNote(memoFile(server)) as SwapMemo | undefined;

const memoFile = (server: Pick<Swapping, 'stateDir'>): string => join(server.stateDir, 'swapping.json');
