/**
 * Keeps two agents from using one folder at a time. A lock is a file `lock.<n>` that names the process that took it; it is held
 * while that process lives and it is the highest number there. A lock is never removed by its holder, only outnumbered: who
 * finds the highest stale makes the next one, which the file system lets only one do. Were stale locks deleted and made anew
 * under one name, of two agents that start at once the slower could delete what the faster has just taken.
 */
import { randomUUID } from 'node:crypto';
import { link, readdir, readFile, readlink, rename, unlink, writeFile } from 'node:fs/promises';
import path from 'node:path';
import { isDeepStrictEqual } from 'node:util';
import { TanistError } from '#core/errors.js';

export interface Lock {
  /** Nobody has held it before. */
  readonly isFirst: boolean;
  release(): Promise<void>;
}

/** The kernel's names for a process: a pid alone is given again, after a reboot and in every container. */
interface Holder {
  readonly pid: number;
  /** In clock ticks since the machine booted. */
  readonly startTime: string;
  readonly bootId: string;
  readonly pidNamespace: string;
}

const LOCK_NAME = /^lock\.(\d{1,15})$/;
/** Each try that fails has been overtaken by another agent's start. */
const TRIES = 10;

/** Rejects with NAME_TAKEN while another process holds the folder. */
export async function takeLock(folder: string): Promise<Lock> {
  const me = await holderOf('self');
  if (me === undefined) throw new Error('/proc/self cannot be read');
  for (let tried = 0; tried < TRIES; tried++) {
    const newest = await newestLock(folder);
    const other = newest === 0 ? undefined : await readLock(folder, newest);
    if (other !== undefined && (await isAlive(other))) throw taken(folder, other);
    if (await take(folder, newest + 1, me))
      return { isFirst: newest === 0, release: () => release(folder, newest + 1) };
  }
  throw new TanistError('NAME_TAKEN', `other agents keep taking ${folder}`);
}

/** False when somebody else was faster. */
async function take(folder: string, number: number, me: Holder): Promise<boolean> {
  const draft = await writeDraft(folder, me);
  try {
    await link(draft, lockFile(folder, number)); // appears with its content, or not at all
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'EEXIST') return false;
    throw error;
  } finally {
    await unlink(draft);
  }
  // Locks may have come and gone since we looked; but each that was removed was outnumbered first.
  if ((await newestLock(folder)) !== number) {
    await unlinkIfThere(lockFile(folder, number));
    return false;
  }
  for (const older of await lockNumbers(folder))
    if (older < number) await unlinkIfThere(lockFile(folder, older));
  return true;
}

/** The number stays; without a holder it is stale. Should this fail, it is when the process ends. */
async function release(folder: string, number: number): Promise<void> {
  try {
    await rename(await writeDraft(folder, undefined), lockFile(folder, number));
  } catch {
    return;
  }
}

async function writeDraft(folder: string, holder: Holder | undefined): Promise<string> {
  const draft = path.join(folder, `.lock.${randomUUID()}`);
  await writeFile(draft, `${JSON.stringify(holder ?? null)}\n`, { mode: 0o600 });
  return draft;
}

async function lockNumbers(folder: string): Promise<readonly number[]> {
  return (await readdir(folder)).flatMap((name) => {
    const number = LOCK_NAME.exec(name)?.[1];
    return number === undefined ? [] : [Number(number)];
  });
}

const newestLock = async (folder: string): Promise<number> => Math.max(0, ...(await lockNumbers(folder)));
const lockFile = (folder: string, number: number): string => path.join(folder, `lock.${number}`);

/** Undefined: nobody holds it, or what is written there is none of ours. */
async function readLock(folder: string, number: number): Promise<Holder | undefined> {
  try {
    return (JSON.parse(await readFile(lockFile(folder, number), 'utf8')) as Holder | null) ?? undefined;
  } catch {
    return undefined;
  }
}

/** A process in another container cannot be seen: its lock counts as stale, and the controllers' NAME_TAKEN remains. */
async function isAlive(holder: Holder): Promise<boolean> {
  return isDeepStrictEqual(await holderOf(holder.pid), holder);
}

/** Undefined when there is no such process. */
async function holderOf(pid: number | 'self'): Promise<Holder | undefined> {
  try {
    const stat = await readFile(`/proc/${pid}/stat`, 'utf8');
    // "123 (any name) S …": the name may hold blanks and brackets, so fields are counted from its end; the start time is the 22nd.
    const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ');
    const startTime = fields[19];
    if (startTime === undefined || fields[0] === 'Z') return undefined;
    return {
      pid: Number.parseInt(stat, 10),
      startTime,
      bootId: (await readFile('/proc/sys/kernel/random/boot_id', 'utf8')).trim(),
      pidNamespace: await readlink('/proc/self/ns/pid'),
    };
  } catch {
    return undefined;
  }
}

async function unlinkIfThere(file: string): Promise<void> {
  try {
    await unlink(file);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT') throw error;
  }
}

function taken(folder: string, { pid }: Holder): TanistError {
  return new TanistError(
    'NAME_TAKEN',
    `two agents under one name: process ${pid} uses ${folder}`,
    'stop one of them, or give each a stateDir of its own',
  );
}
